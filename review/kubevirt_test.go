package review_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// launcher is a pod that runs a virtual machine, as KubeVirt writes it: all networks in one
// JSON list, each with the MAC address of the machine and an interface named after the
// network in it; that of a binding plugin without an interface, with what the plugin wants
// to be told. A migration makes a second one with the same owner.
type launcher struct {
	// name of the pod, empty where the API server is still to make it up.
	name string
	// machine and uid are those of the VirtualMachineInstance: a restart makes a new one.
	machine, uid string
	// oldInterfaces says that the names are net1 and net2, as older versions of KubeVirt
	// chose them: a machine may keep them after an upgrade.
	oldInterfaces bool
	phase         string
	deleted       bool
}

func (l launcher) json() string {
	names := [2]string{"pod37a8eec1ce1", "pod16477688c0e"}
	if l.oldInterfaces {
		names = [2]string{"net1", "net2"}
	}
	networks := fmt.Sprintf(`[{"name":"vms","namespace":"team-a","mac":"02:00:00:00:00:01","interface":%q,"cni-args":null},`+
		`{"name":"backup","namespace":"team-a","mac":"02:00:00:00:00:02","interface":%q},`+
		`{"name":"fast","namespace":"team-a","mac":"02:00:00:00:00:03","cni-args":{"logicNetworkName":"fast"}}]`, names[0], names[1])
	name, status := fmt.Sprintf(`"generateName":"virt-launcher-%s-"`, l.machine), ""
	if l.name != "" {
		name = fmt.Sprintf(`"name":%q,"uid":"pod-%s"`, l.name, l.name)
	}
	if l.deleted {
		name += `,"deletionTimestamp":"2026-11-30T05:00:00Z","deletionGracePeriodSeconds":30`
	}
	if l.phase != "" {
		status = fmt.Sprintf(`,"status":{"phase":%q}`, l.phase)
	}
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{%s,"namespace":"team-a","labels":{"kubevirt.io":"virt-launcher"},`+
		`"annotations":{"k8s.v1.cni.cncf.io/networks":%q},`+
		`"ownerReferences":[{"apiVersion":"kubevirt.io/v1","kind":"VirtualMachineInstance","name":%q,"uid":%q,"controller":true,"blockOwnerDeletion":true}]},`+
		`"spec":{"containers":[{"name":"compute","image":"i"}]}%s}`, name, networks, l.machine, l.uid, status)
}

const launcherNetworks = `
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: vms, namespace: team-a}, spec: {config: '{"cniVersion":"0.3.1","type":"macvlan","master":"bond0","capabilities":{"mac":true}}'}}
---
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: backup, namespace: team-a}, spec: {config: '{"cniVersion":"0.3.1","type":"macvlan","master":"bond1","capabilities":{"mac":true}}'}}
---
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: fast, namespace: team-a}, spec: {config: '{"cniVersion":"0.3.1","type":"vdpa"}'}}
`

// The pods of one machine have one MAC address, the one that it leaves and the one that it
// moves to; no other machine may have it while it runs.
func TestLaunchers(t *testing.T) {
	running := launcher{name: "virt-launcher-a-1", machine: "a", uid: "1", phase: "Running"}
	with := func(l launcher, change func(*launcher)) launcher {
		change(&l)
		return l
	}
	tests := []struct {
		name    string
		there   launcher
		written launcher
		want    verdict.Action
	}{
		{"the first", launcher{}, launcher{machine: "a", uid: "1"}, verdict.Allow},
		{"a migration", running, launcher{machine: "a", uid: "1"}, verdict.Allow},
		{"a migration after an upgrade", with(running, func(l *launcher) { l.oldInterfaces = true }), launcher{machine: "a", uid: "1", oldInterfaces: true}, verdict.Allow},
		{"a migration that moves to the new names", with(running, func(l *launcher) { l.oldInterfaces = true }), launcher{machine: "a", uid: "1"}, verdict.Allow},
		{"another machine", running, launcher{machine: "b", uid: "2"}, verdict.Deny},
		{"a restart, the old one is done", with(running, func(l *launcher) { l.phase = "Succeeded" }), launcher{machine: "a", uid: "9"}, verdict.Allow},
		{"a restart, the old one is ending", with(running, func(l *launcher) { l.deleted = true }), launcher{machine: "a", uid: "9"}, verdict.Warn},
		{"a restart, the old one runs", running, launcher{machine: "a", uid: "9"}, verdict.Deny},
	}
	c, err := config.Parse([]byte("apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\nrules: {network-not-coordinated: off}\n"), func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := launcherNetworks
			if tt.there.machine != "" {
				text += "---\n" + tt.there.json() + "\n"
			}
			inv := given.Inventory(t, text)
			change := review.Change{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Operation: review.Create, New: []byte(tt.written.json())}

			// Files judge what is not stored yet.
			outcome, err := review.Judge(t.Context(), inv, c, change)
			compareLauncher(t, "of files", &outcome, err, tt.want)

			// A cluster fills in first, judges what is stored then, and looks again before it
			// refuses.
			filled, err := review.Complete(t.Context(), inv, c, change)
			if err != nil || filled.Patch != nil || len(filled.Verdict.Findings) > 0 {
				t.Errorf("filled in: %+v, error %v", filled, err)
			}
			change.Final = true
			behind := &lagging{Inventory: inv, now: inv}
			outcome, err = review.Judge(t.Context(), behind, c, change)
			compareLauncher(t, "of a cluster", &outcome, err, tt.want)
			if tt.want == verdict.Deny && behind.refreshed == 0 {
				t.Error("a refusal was not confirmed")
			}
		})
	}
}

func compareLauncher(t *testing.T, where string, outcome *review.Outcome, err error, want verdict.Action) {
	t.Helper()
	if err != nil || outcome.Verdict.Undecided != nil {
		t.Fatalf("%s: error %v, undecided %v", where, err, outcome.Verdict.Undecided)
	}
	if got := outcome.Verdict.Decision(); got != want {
		t.Errorf("%s: %s, want %s: %+v", where, got, want, outcome.Verdict.Findings)
	}
	for _, f := range outcome.Verdict.Findings {
		if f.Rule != "address-in-use" {
			t.Errorf("%s: %s: %s", where, f.Rule, f.Message)
		}
	}
	var names []string
	for _, i := range outcome.Interfaces {
		names = append(names, i.Name)
	}
	if got := strings.Join(names, " "); !strings.HasPrefix(got, "eth0 ") || !strings.HasSuffix(got, " net3") || len(names) != 4 {
		t.Errorf("%s: interfaces %s", where, got)
	}
}

// A later owner that is one's own is no stranger: two launchers that are both in the files
// and have neither a status nor a name.
func TestLaunchersInOneFile(t *testing.T) {
	old := launcher{name: "virt-launcher-a-1", machine: "a", uid: "1"}
	target := launcher{name: "virt-launcher-a-2", machine: "a", uid: "1"}
	other := launcher{name: "virt-launcher-b-1", machine: "b", uid: "2"}
	for _, tt := range []struct {
		name   string
		second launcher
		want   bool
	}{{"of one machine", target, false}, {"of two", other, true}} {
		inv := given.Inventory(t, launcherNetworks+"---\n"+old.json()+"\n---\n"+tt.second.json()+"\n")
		for _, l := range []launcher{old, tt.second} {
			outcome, err := review.Judge(t.Context(), inv, config.Default(), review.Change{
				APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Operation: review.Create, New: []byte(l.json()),
			})
			if denied := outcome.Verdict.Decision() == verdict.Deny; err != nil || denied != tt.want {
				t.Errorf("%s: %s is denied: %t, error %v: %+v", tt.name, l.name, denied, err, outcome.Verdict.Findings)
			}
		}
	}
}
