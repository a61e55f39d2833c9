package review_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// annotations of a pod, by short names for their keys.
type annotations map[string]string

var annotationNames = map[string]string{
	"default":  "v1.multus-cni.io/default-network",
	"networks": "k8s.v1.cni.cncf.io/networks",
	"ippools":  "ipam.spidernet.io/ippools",
	"routes":   "ipam.spidernet.io/routes",
	"subnet":   "flatnetwork.pandaria.io/subnet",
	"ip":       "flatnetwork.pandaria.io/ip",
	"mirror":   "kubernetes.io/config.mirror",
}

func (a annotations) json() string {
	named := map[string]string{}
	for name, value := range a {
		named[annotationNames[name]] = value
	}
	text, err := json.Marshal(named)
	if err != nil {
		panic(err) // a map of strings can be encoded
	}
	return string(text)
}

// podWith is a pod of team-a that is there already, with more in its JSON.
func podWith(a annotations, metadata, status string) string {
	return `{"metadata":{"name":"web","uid":"u1"` + metadata + `,"annotations":` + a.json() + `},"spec":{"containers":[{"name":"app"}]},"status":{` + status + `}}`
}

// said are the rules of a verdict, each with its action; a warning for what stood there before
// is "stays".
func said(v *verdict.Verdict) string {
	var all []string
	for _, f := range v.Findings {
		action := string(f.Action)
		if f.Inherited {
			action = "stays"
		}
		all = append(all, action+" "+f.Rule)
	}
	return strings.Join(slices.Compact(all), ", ")
}

const (
	overlayNetwork    = "kube-system/macvlan-overlay-vlan0"
	standaloneNetwork = "kube-system/macvlan-standalone-vlan0"
	pooledNetwork     = "kube-system/vlan100-with-default"
	pool100           = `[{"interface":"net1","ipv4":["vlan100-v4"]}]`
)

// TestExistingPods is what becomes of a pod that is there already when its annotations are
// written: what is new is judged as in a pod that is created, but nothing is filled in.
func TestExistingPods(t *testing.T) {
	inv := given.Inventory(t, string(fixtures.Inventory()))
	c := config.Default()
	c.Multus.ClusterNetwork = new(string)
	const none = ""
	for _, tt := range []struct {
		name             string
		old, now         annotations
		metadata, status string
		want             string
	}{
		{"a wrong one appears", nil, annotations{"default": overlayNetwork}, "", "", "deny overlay-as-default-network"},
		{"a right one appears", nil, annotations{"networks": overlayNetwork}, "", "", none},
		{"a right one becomes wrong", annotations{"networks": overlayNetwork}, annotations{"networks": "kube-system/none"}, "", "", "deny network-not-found"},
		{"another one appears beside a wrong one", annotations{"default": overlayNetwork}, annotations{"default": overlayNetwork, "networks": overlayNetwork}, "", "",
			"stays overlay-as-default-network"},
		{"nothing changes", annotations{"default": overlayNetwork}, annotations{"default": overlayNetwork}, "", "", "stays overlay-as-default-network"},
		{"a wrong one goes", annotations{"default": overlayNetwork, "networks": overlayNetwork}, annotations{"networks": overlayNetwork}, "", "", none},
		{"the last one goes", annotations{"default": overlayNetwork}, nil, "", "", none},
		{"the right one beside a wrong one goes", annotations{"default": overlayNetwork, "networks": overlayNetwork}, annotations{"default": overlayNetwork}, "", "",
			"stays overlay-as-default-network"},
		{"what hid a mistake goes", annotations{"default": "a,b", "networks": standaloneNetwork}, annotations{"networks": standaloneNetwork}, "", "",
			"stays standalone-on-overlay-pod"},
		{"what made it right goes", annotations{"default": standaloneNetwork, "networks": standaloneNetwork}, annotations{"networks": standaloneNetwork}, "", "",
			"deny standalone-on-overlay-pod"},
		{"a network is added to a list with a wrong one", annotations{"networks": "kube-system/none"}, annotations{"networks": overlayNetwork + ",kube-system/none@other"}, "", "",
			"stays network-not-found"},
		{"a wrong network is added to a list with a wrong one", annotations{"networks": "kube-system/none"}, annotations{"networks": "kube-system/none,kube-system/nor-this"}, "", "",
			"stays network-not-found, deny network-not-found"},
		{"a wrong network of two goes", annotations{"networks": "kube-system/none,kube-system/nor-this"}, annotations{"networks": "kube-system/nor-this"}, "", "",
			"stays network-not-found"},
		{"a wrong element of two goes", annotations{"networks": `[{"name":"none","mac":"02:00:00:00:00:01"},{"name":"nor-this","interface":"b"}]`},
			annotations{"networks": `[ {"name":"nor-this","interface":"b"}]`}, "", "", "stays network-not-found"},
		{"a wrong element gets another address", annotations{"networks": `[{"name":"none","mac":"02:00:00:00:00:01"}]`},
			annotations{"networks": `[{"name":"none","mac":"02:00:00:00:00:0x"}]`}, "", "", "deny mac-request-invalid, stays network-not-found"},
		{"two change places", annotations{"networks": "kube-system/none@net2," + overlayNetwork + "@net1"}, annotations{"networks": overlayNetwork + "@net1,kube-system/none@net2"}, "", "",
			"stays network-not-found"},
		{"a network goes, and all is right", annotations{"networks": "kube-system/none," + overlayNetwork}, annotations{"networks": overlayNetwork}, "", "", none},
		{"the list becomes another one", annotations{"networks": "kube-system/none," + overlayNetwork}, annotations{"networks": "kube-system/nor-this"}, "", "",
			"deny network-not-found"},

		{"it has ended", nil, annotations{"default": overlayNetwork}, "", `"phase":"Succeeded"`, none},
		{"it has failed", nil, annotations{"default": overlayNetwork}, "", `"phase":"Failed"`, none},
		{"it runs, and somebody has written that it is complete", nil, annotations{"default": overlayNetwork}, "",
			`"phase":"Running","conditions":[{"type":"Complete","status":"True"}]`, "deny overlay-as-default-network"},
		{"it runs, and somebody has written that it has failed", nil, annotations{"default": overlayNetwork}, "",
			`"phase":"Running","conditions":[{"type":"Failed","status":"True"}]`, "deny overlay-as-default-network"},
		{"it runs", nil, annotations{"default": overlayNetwork}, "", `"phase":"Running"`, "deny overlay-as-default-network"},
		{"it is being deleted", nil, annotations{"default": overlayNetwork}, `,"deletionTimestamp":"2026-01-01T00:00:00Z"`, "", "deny overlay-as-default-network"},
		// What had no effect before, and was only warned of, is not what stood there.
		{"pools that cannot be read begin to count", annotations{"ippools": "{"}, annotations{"ippools": "{", "networks": pooledNetwork}, "", "",
			"deny ippool-annotation-invalid"},
		{"it is a mirror pod", annotations{"mirror": "x"}, annotations{"mirror": "x", "default": overlayNetwork}, "", "", none},

		{"default pools would be filled in", nil, annotations{"networks": pooledNetwork}, "", "", "warn ippool-default-missing"},
		{"default pools are taken away", annotations{"networks": pooledNetwork, "ippools": pool100}, annotations{"networks": pooledNetwork}, "", "", "warn ippool-default-missing"},
		{"pools are named", annotations{"networks": pooledNetwork}, annotations{"networks": pooledNetwork, "ippools": pool100}, "", "", none},
		{"default pools are missing, and it is about something else", annotations{"networks": pooledNetwork}, annotations{"networks": pooledNetwork, "routes": "[]"}, "", "", none},
		{"pools become others", annotations{"networks": pooledNetwork, "ippools": pool100}, annotations{"networks": pooledNetwork, "ippools": `[{"interface":"net1","ipv4":["none"]}]`}, "", "",
			"deny ippool-not-found"},
		{"a network is added beside pools that leave it out", annotations{"networks": pooledNetwork, "ippools": pool100},
			annotations{"networks": pooledNetwork + ",kube-system/vlan200", "ippools": pool100}, "", "", "deny ippools-interface-missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, final := range []bool{true, false} {
				outcome, err := review.Judge(t.Context(), inv, c, review.Change{
					APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Operation: review.Update, Final: final, PassSpawned: final,
					Old: []byte(podWith(tt.old, tt.metadata, tt.status)), New: []byte(podWith(tt.now, tt.metadata, tt.status)),
				})
				if err != nil {
					t.Fatal(err)
				}
				if got := said(&outcome.Verdict); got != tt.want || outcome.Verdict.Undecided != nil {
					t.Errorf("final %t: %s, want %s\n%s", final, got, tt.want, outcome.Verdict.Explanation(verdict.Warn))
				}
				if outcome.Patch != nil {
					t.Errorf("final %t: filled in: %+v", final, outcome.Patch)
				}
				for _, line := range outcome.Verdict.Warnings() {
					if strings.Contains(tt.want, "stays") && !strings.HasPrefix(line, "a new Pod with these annotations would be refused: ") {
						t.Errorf("warning %q", line)
					}
				}
			}
		})
	}
}

// Nothing is filled in of a pod that is there already, whoever asks for it.
func TestCompleteExistingPod(t *testing.T) {
	inv := given.Inventory(t, string(fixtures.Inventory()))
	change := review.Change{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", New: []byte(podWith(annotations{"networks": pooledNetwork}, "", "")), Old: []byte(podWith(nil, "", ""))}
	for operation, filledIn := range map[review.Operation]bool{review.Create: true, review.Update: false} {
		change.Operation = operation
		c := config.Default()
		c.Multus.ClusterNetwork = new(string)
		outcome, err := review.Complete(t.Context(), inv, c, change)
		if err != nil || (outcome.Patch != nil) != filledIn {
			t.Errorf("%s: patch %+v, error %v; want one: %t", operation, outcome.Patch, err, filledIn)
		}
	}
}

// A pod that is there already may be the one that has the last address of a pool.
func TestFullPoolOfExistingPod(t *testing.T) {
	const full = `[{"interface":"net1","ipv4":["vlan100-v4-full"]}]`
	inv := given.Inventory(t, string(fixtures.Inventory()))
	c := config.Default()
	c.Rules = map[string]verdict.Action{"ippool-exhausted": verdict.Deny}
	change := review.Change{
		APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Final: true,
		New: []byte(podWith(annotations{"networks": "kube-system/vlan100", "ippools": full}, "", "")), Old: []byte(podWith(annotations{"ippools": full}, "", "")),
	}
	for operation, want := range map[review.Operation]string{review.Create: "deny ippool-exhausted", review.Update: "warn ippool-exhausted"} {
		change.Operation = operation
		outcome, err := review.Judge(t.Context(), inv, c, change)
		if err != nil {
			t.Fatal(err)
		}
		if got := said(&outcome.Verdict); got != want {
			t.Errorf("%s: %s, want %s\n%s", operation, got, want, outcome.Verdict.Explanation(verdict.Warn))
		}
	}
}

// A pod keeps the addresses that it was given, and gets nobody else's.
func TestAddressesOfExistingPod(t *testing.T) {
	inv := given.Inventory(t, string(fixtures.Inventory()))
	const attached = `[{"name":"rancher-flat-network","interface":"eth1","namespace":"default"}]`
	before, after := annotations{"networks": attached, "subnet": "vlan300", "ip": "auto"}, annotations{"networks": attached, "subnet": "vlan300", "ip": "10.30.0.91"}
	for name, want := range map[string]string{"auto-v2": "", "other": "deny address-in-use"} {
		named := func(a annotations) []byte {
			return []byte(strings.Replace(podWith(a, "", ""), `"name":"web","uid":"u1"`, `"name":"`+name+`"`, 1))
		}
		outcome, err := review.Judge(t.Context(), inv, config.Default(), review.Change{
			APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Operation: review.Update, Final: true, Old: named(before), New: named(after),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := said(&outcome.Verdict); got != want {
			t.Errorf("%s: %s, want %s\n%s", name, got, want, outcome.Verdict.Explanation(verdict.Warn))
		}
	}
}

// TestBindings is what becomes of a pod when a Binding sends it to a node: the API server
// writes the Binding's annotations over those of the pod.
func TestBindings(t *testing.T) {
	inv := given.Inventory(t, string(fixtures.Inventory()))
	wrong := annotations{"default": overlayNetwork}
	for _, tt := range []struct {
		name    string
		binding annotations
		// pod that is stored; empty for none.
		pod string
		err error
		// reads is how often the pod is read.
		reads           int
		want, undecided string
	}{
		{"plain", nil, "", nil, 0, "", ""},
		{"a wrong annotation", wrong, podWith(nil, "", ""), nil, 1, "deny overlay-as-default-network", ""},
		{"a right annotation", annotations{"networks": overlayNetwork}, podWith(nil, "", ""), nil, 1, "", ""},
		{"over another value", annotations{"networks": "kube-system/none"}, podWith(annotations{"networks": overlayNetwork}, "", ""), nil, 1, "deny network-not-found", ""},
		{"beside what is wrong", annotations{"networks": overlayNetwork}, podWith(wrong, "", ""), nil, 1, "stays overlay-as-default-network", ""},
		{"what stands there", wrong, podWith(wrong, "", ""), nil, 1, "stays overlay-as-default-network", ""},
		{"together with what stands there", annotations{"ippools": `[{"interface":"net1","ipv4":["none"]}]`}, podWith(annotations{"networks": pooledNetwork}, "", ""), nil, 1,
			"deny ippool-not-found", ""},
		{"of a pod that is being deleted", wrong, podWith(nil, `,"deletionTimestamp":"2026-01-01T00:00:00Z"`, ""), nil, 1, "deny overlay-as-default-network", ""},
		{"of a pod that has ended", wrong, podWith(nil, "", `"phase":"Failed"`), nil, 1, "", ""},
		{"that calls it a mirror pod", annotations{"mirror": "x", "default": overlayNetwork}, podWith(nil, "", ""), nil, 1, "deny overlay-as-default-network", ""},
		{"of a mirror pod", wrong, podWith(annotations{"mirror": "x"}, "", ""), nil, 1, "", ""},
		{"of no pod", wrong, "", nil, 1, "", `read pod "team-a/web", whose annotations it changes: there is no such pod`},
		{"the cluster does not answer", wrong, "", errors.New("timed out"), 1, "", `read pod "team-a/web", whose annotations it changes: timed out`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reads := 0
			outcome, err := review.Judge(t.Context(), inv, config.Default(), review.Change{
				APIVersion: "v1", Kind: "Binding", Namespace: "team-a", Operation: review.Create, Final: true,
				New: []byte(`{"metadata":{"name":"web","annotations":` + tt.binding.json() + `},"target":{"kind":"Node","name":"node-1"}}`),
				ReadPod: func(_ context.Context, namespace, name string) ([]byte, error) {
					if reads++; namespace != "team-a" || name != "web" {
						t.Errorf("pod %s/%s is read", namespace, name)
					}
					if tt.pod == "" {
						return nil, tt.err
					}
					return []byte(tt.pod), nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if reads != tt.reads {
				t.Errorf("the pod is read %d times, want %d", reads, tt.reads)
			}
			if want := (review.Object{APIVersion: "v1", Kind: "Binding", Namespace: "team-a", Name: "web"}); outcome.Object != want {
				t.Errorf("object %+v", outcome.Object)
			}
			undecided := ""
			if outcome.Verdict.Undecided != nil {
				undecided = outcome.Verdict.Undecided.Error()
			}
			if got := said(&outcome.Verdict); got != tt.want || undecided != tt.undecided {
				t.Errorf("%s, undecided %q; want %s, %q\n%s", got, undecided, tt.want, tt.undecided, outcome.Verdict.Explanation(verdict.Warn))
			}
		})
	}
}

// Where the pod cannot be read, the namespace counts all the same; and what nobody can read
// is not in the way.
func TestBindingsWithoutVerdict(t *testing.T) {
	labelled := func(mode string) inventory.Inventory {
		return given.Inventory(t, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"team-a","labels":{"macvlan-webhook.io/mode":"`+mode+`"}}}`)
	}
	binding := func(annotations string) review.Change {
		return review.Change{
			APIVersion: "v1", Kind: "Binding", Namespace: "team-a", Operation: review.Create, Final: true,
			New: []byte(`{"metadata":{"name":"web","annotations":` + annotations + `}}`),
		}
	}
	wrong := annotations{"default": overlayNetwork}.json()
	for mode, exempt := range map[string]string{"off": "mode off of namespace team-a", "warn": "", "enforce": ""} {
		outcome, err := review.Judge(t.Context(), labelled(mode), config.Default(), binding(wrong))
		if err != nil || outcome.Verdict.Exempt != exempt || outcome.Verdict.Mode != verdict.Mode(mode) || (outcome.Verdict.Undecided == nil) != (exempt != "") || len(outcome.Verdict.Findings) > 0 {
			t.Errorf("mode %s: %+v, error %v", mode, outcome.Verdict, err)
		}
	}
	unreadable := binding(wrong)
	unreadable.ReadPod = func(context.Context, string, string) ([]byte, error) { return []byte(`{"metadata":{"labels":7}}`), nil }
	outcome, err := review.Judge(t.Context(), labelled("enforce"), config.Default(), unreadable)
	if err != nil || outcome.Unread != "macvlan-webhook could not check this Pod: part of it is too large or not readable" {
		t.Errorf("a pod that cannot be read: %+v, error %v", outcome, err)
	}
	var field *object.FieldError
	if _, err := review.Judge(t.Context(), labelled("enforce"), config.Default(), binding(`{"k8s.v1.cni.cncf.io/networks":7}`)); !errors.As(err, &field) {
		t.Errorf("a Binding that cannot be read: %v", err)
	}
}
