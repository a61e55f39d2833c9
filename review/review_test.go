package review_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// lagging answers from what it remembers, as a cluster does whose cache lags behind, and
// keeps what it is asked.
type lagging struct {
	inventory.Inventory
	now   inventory.Inventory
	asked pod.Questions
	// refreshed is how often it was asked to look again.
	refreshed int
}

func (l *lagging) Facts(ctx context.Context, q pod.Questions) pod.Facts {
	l.asked = q
	facts := l.Inventory.Facts(ctx, q)
	for n := range facts.Networks {
		facts.Networks[n].Fresh = false
	}
	for n := range facts.Subnets {
		facts.Subnets[n].Fresh = false
	}
	facts.Namespace.Fresh, facts.Pools.EveryFresh, facts.Holders.Fresh = false, false, false
	return facts
}

// Refresh replaces what is asked for, and nothing else.
func (l *lagging) Refresh(ctx context.Context, q pod.Questions, facts pod.Facts) pod.Facts {
	l.refreshed++
	now := l.now.Facts(ctx, q)
	if len(q.Networks) > 0 {
		facts.Networks, facts.NamesOnly = now.Networks, now.NamesOnly
	}
	if q.Namespace != "" {
		facts.Namespace = now.Namespace
	}
	if len(q.Pools) > 0 || q.EveryPool {
		facts.Pools = now.Pools
	}
	if len(q.Subnets) > 0 {
		facts.Subnets = now.Subnets
	}
	if !q.Addresses.Empty() {
		facts.Holders = now.Holders
	}
	return facts
}

// kindCase is a kind with an object that is right, one that is refused, and two that cannot
// be read, for different reasons.
type kindCase struct {
	apiVersion, kind                         string
	right, wrong, unreadable, alsoUnreadable string
}

func withTemplate(annotations string) string {
	return `{"metadata":{"name":"a"},"spec":{"template":{"metadata":{"annotations":` + annotations + `}}}}`
}

func network(annotations, config string) string {
	text, err := json.Marshal(config)
	if err != nil {
		panic(err) // a string can be encoded
	}
	return `{"metadata":{"name":"a","annotations":` + annotations + `},"spec":{"config":` + string(text) + `}}`
}

var kindCases = []kindCase{
	{
		"apps/v1", "Deployment", withTemplate(`{}`), withTemplate(`{"v1.multus-cni.io/default-network":"macvlan-overlay-vlan0"}`),
		withTemplate(`{"k8s.v1.cni.cncf.io/networks":7}`), withTemplate(`[]`),
	},
	{
		"v1", "Pod", `{"metadata":{"name":"a"}}`, `{"metadata":{"name":"a","annotations":{"v1.multus-cni.io/default-network":"macvlan-overlay-vlan0"}}}`,
		`{"metadata":{"name":"a","annotations":{"k8s.v1.cni.cncf.io/networks":7}}}`, `{"metadata":7}`,
	},
	{
		"k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", network(`{}`, `{"cniVersion":"0.3.1","type":"macvlan"}`), network(`{}`, `{`),
		network(`{"v1.multus-underlay-cni.io/vlanId":7}`, ""), `{"metadata":{"name":"a"},"spec":{"config":7}}`,
	},
	{
		"macvlan.cluster.cattle.io/v1", "MacvlanSubnet", `{"metadata":{"name":"a","namespace":"kube-system"},"spec":{"master":"eth1","cidr":"10.0.0.0/24"}}`,
		`{"metadata":{"name":"a","namespace":"kube-system"},"spec":{"master":"eth1","cidr":"10.0.0.0"}}`, `{"metadata":{"name":"a"},"spec":{"cidr":7}}`, `{"spec":7}`,
	},
}

// What cannot be read is nobody's fault who did not write it now: an update is judged as if
// it were a creation where the old object cannot be read, and passes where the new one is
// unreadable as the old one was.
func TestUnreadableObjects(t *testing.T) {
	inv := given.Inventory(t, "")
	const passes, fails = "passes", "error"
	for _, k := range kindCases {
		for _, tt := range []struct {
			name        string
			operation   review.Operation
			object, old string
			want        string
		}{
			{"created wrong", review.Create, k.wrong, "", "deny"},
			{"created unreadable", review.Create, k.unreadable, "", fails},
			{"wrong before and after", review.Update, k.wrong, k.wrong, "warn"},
			{"made wrong, unreadable before", review.Update, k.wrong, k.unreadable, "deny"},
			{"made right, unreadable before", review.Update, k.right, k.unreadable, "allow"},
			{"made unreadable", review.Update, k.unreadable, k.right, fails},
			{"made unreadable, nothing before", review.Update, k.unreadable, "", fails},
			{"unreadable before and after", review.Update, k.unreadable, k.unreadable, passes},
			{"unreadable otherwise", review.Update, k.unreadable, k.alsoUnreadable, fails},
			{"created, with an old object", review.Create, k.unreadable, k.unreadable, fails},
		} {
			t.Run(k.kind+"/"+tt.name, func(t *testing.T) {
				c := review.Change{APIVersion: k.apiVersion, Kind: k.kind, Namespace: "kube-system", Name: "a", Operation: tt.operation, New: []byte(tt.object)}
				if k.kind == "Deployment" || k.kind == "Pod" {
					c.Namespace = "team-a"
				}
				if tt.old != "" {
					c.Old = []byte(tt.old)
				}
				outcome, err := review.Judge(t.Context(), inv, config.Default(), c)
				got := string(outcome.Verdict.Decision())
				switch {
				case err != nil:
					got = fails
				case outcome.Unread != "":
					got = passes
					part := map[bool]string{true: "its template", false: "it"}[k.kind == "Deployment"]
					if want := "macvlan-webhook could not check this " + k.kind + ": part of " + part + " is too large or not readable"; outcome.Unread != want {
						t.Errorf("it says %q, want %q", outcome.Unread, want)
					}
				}
				if got != tt.want {
					t.Errorf("%s (%v), want %s\n%s", got, err, tt.want, outcome.Verdict.Explanation(verdict.Warn))
				}
				var field *object.FieldError
				if got == fails && !errors.As(err, &field) {
					t.Errorf("an error without a place: %v", err)
				}
				if want := (review.Object{APIVersion: c.APIVersion, Kind: c.Kind, Namespace: c.Namespace, Name: "a"}); got != fails && outcome.Object != want {
					t.Errorf("object %+v, want %+v", outcome.Object, want)
				}
			})
		}
	}
}

// The namespace of the request counts, whatever the object names; without one the object's
// own does.
func TestNamespace(t *testing.T) {
	for _, k := range kindCases {
		object := strings.Replace(strings.Replace(k.right, `,"namespace":"kube-system"`, "", 1), `"name":"a"`, `"name":"a","namespace":"own"`, 1)
		for named, want := range map[string]string{"team-a": "team-a", "": "own"} {
			outcome, err := review.Judge(t.Context(), given.Inventory(t, ""), config.Default(), review.Change{
				APIVersion: k.apiVersion, Kind: k.kind, Namespace: named, Operation: review.Create, New: []byte(object),
			})
			if err != nil || outcome.Object.Namespace != want {
				t.Errorf("%s in %q: %+v, error %v", k.kind, named, outcome.Object, err)
			}
		}
	}
}

// Labels that are too large to be judged keep nobody from repairing a network.
func TestNetworkWithLargeLabels(t *testing.T) {
	var labels strings.Builder
	for n := range 3000 {
		fmt.Fprintf(&labels, `,"example.com/label-%d":"x"`, n)
	}
	large := `{"metadata":{"name":"a","labels":{` + labels.String()[1:] + `}},"spec":{"config":"{\"cniVersion\":\"0.3.1\",\"type\":\"macvlan\"}"}}`
	for _, tt := range []struct {
		name        string
		operation   review.Operation
		object, old string
	}{
		{"repaired", review.Update, kindCases[2].right, large},
		{"left", review.Update, large, large},
		{"deleted", review.Delete, "", large},
	} {
		c := review.Change{APIVersion: inventory.NetworkAPIVersion, Kind: inventory.NetworkKind, Namespace: "team-a", Name: "a", Operation: tt.operation, Old: []byte(tt.old)}
		if tt.object != "" {
			c.New = []byte(tt.object)
		}
		outcome, err := review.Judge(t.Context(), given.Inventory(t, ""), config.Default(), c)
		if err != nil || outcome.Verdict.Decision() == verdict.Deny {
			t.Errorf("%s: %+v, error %v", tt.name, outcome, err)
		}
	}
}

// A network that is deleted need not be readable, and who uses it is told all the same.
func TestDeletion(t *testing.T) {
	inv := given.Inventory(t, "{apiVersion: v1, kind: Pod, metadata: {name: user, namespace: team-a, annotations: {k8s.v1.cni.cncf.io/networks: a}}}\n")
	for _, k := range kindCases {
		for _, old := range []string{k.right, k.unreadable, k.alsoUnreadable, "{"} {
			c := review.Change{APIVersion: k.apiVersion, Kind: k.kind, Namespace: "team-a", Name: "a", Operation: review.Delete, Old: []byte(old)}
			outcome, err := review.Judge(t.Context(), inv, config.Default(), c)
			if k.kind != inventory.NetworkKind {
				if err == nil || !strings.Contains(err.Error(), "is not checked") {
					t.Errorf("the deletion of a %s: %+v, error %v", k.kind, outcome, err)
				}
				continue
			}
			if err != nil || len(outcome.Verdict.Findings) != 1 || outcome.Verdict.Findings[0].Rule != "nad-in-use" || outcome.Object.Name != "a" {
				t.Errorf("the deletion of %s: %+v, error %v", old, outcome, err)
			}
		}
	}
}

// A network in a file takes the place of what is stored, unless the request says what it
// takes the place of, be that readable or not.
func TestStoredNetwork(t *testing.T) {
	const pod = "\n---\n{apiVersion: v1, kind: Pod, metadata: {name: user, namespace: team-a, annotations: {k8s.v1.cni.cncf.io/networks: a}}}\n"
	veth := network(`{}`, `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan"},{"type":"veth"}]}`)
	stored := given.Inventory(t, `{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: a, namespace: team-a}, spec: {config: '{"cniVersion":"0.3.1","plugins":[{"type":"macvlan"},{"type":"router"}]}'}}`+pod)
	for _, tt := range []struct {
		name      string
		operation review.Operation
		old       string
		want      int
	}{
		{"written", review.Create, "", 1},
		{"an update from the same", review.Update, veth, 0},
		{"an update from what cannot be read", review.Update, kindCases[2].unreadable, 0},
		{"an update from what is not known", review.Update, "", 1},
	} {
		c := review.Change{APIVersion: inventory.NetworkAPIVersion, Kind: inventory.NetworkKind, Namespace: "team-a", Operation: tt.operation, New: []byte(veth), Stored: stored}
		if tt.old != "" {
			c.Old = []byte(tt.old)
		}
		outcome, err := review.Judge(t.Context(), stored, config.Default(), c)
		if err != nil || len(outcome.Verdict.Findings) != tt.want {
			t.Errorf("%s: %+v, error %v", tt.name, outcome.Verdict.Findings, err)
		}
	}
}

// What a workload made of its template passes where that is asked for, and is judged
// elsewhere.
func TestSpawned(t *testing.T) {
	object := strings.Replace(kindCases[0].wrong, `"name":"a"`, `"name":"a","ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web","controller":true}]`, 1)
	for _, pass := range []bool{true, false} {
		outcome, err := review.Judge(t.Context(), given.Inventory(t, ""), config.Default(), review.Change{
			APIVersion: "apps/v1", Kind: "ReplicaSet", Namespace: "team-a", Operation: review.Create, New: []byte(object), PassSpawned: pass,
		})
		if denied := outcome.Verdict.Decision() == verdict.Deny; err != nil || outcome.Spawned != pass || denied == pass {
			t.Errorf("passed %t: %+v, error %v", pass, outcome, err)
		}
	}
}

func TestKindsThatAreNotJudged(t *testing.T) {
	c := review.Change{APIVersion: "v1", Kind: "Secret", Operation: review.Create, New: []byte(`{}`)}
	if outcome, err := review.Judge(t.Context(), given.Inventory(t, ""), config.Default(), c); err == nil {
		t.Errorf("a Secret is judged: %+v", outcome)
	}
	if outcome, err := review.Complete(t.Context(), given.Inventory(t, ""), config.Default(), c); err != nil || outcome.Patch != nil {
		t.Errorf("a Secret is completed: %+v, error %v", outcome, err)
	}
}

// A subnet that stands in the way only in memory does not stand in the way.
func TestOverlapIsConfirmed(t *testing.T) {
	subnet := func(cidr string) string {
		return "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanSubnet, metadata: {name: old}, spec: {master: eth1, cidr: " + cidr + "}}\n"
	}
	stale := given.Inventory(t, subnet("10.0.0.0/24"))
	for _, tt := range []struct {
		name string
		now  inventory.Inventory
		want verdict.Action
	}{
		{"still there", stale, verdict.Deny},
		{"gone", given.Inventory(t, ""), verdict.Allow},
		{"elsewhere now", given.Inventory(t, subnet("10.0.1.0/24")), verdict.Allow},
	} {
		outcome, err := review.Judge(t.Context(), &lagging{Inventory: stale, now: tt.now}, config.Default(), review.Change{
			APIVersion: inventory.FlatNetworkVersion(flatnetwork.V1).String(), Kind: flatnetwork.V1.SubnetKind(), Operation: review.Create,
			New: []byte(`{"metadata":{"name":"new","namespace":"kube-system"},"spec":{"master":"eth1","cidr":"10.0.0.0/24"}}`),
		})
		if err != nil || outcome.Verdict.Decision() != tt.want {
			t.Errorf("%s: %s (%v), want %s", tt.name, outcome.Verdict.Decision(), err, tt.want)
		}
	}
}

// What is filled in rests on neither subnets nor addresses, so that no creation waits for
// them twice.
func TestCompleteAsksForPoolsAlone(t *testing.T) {
	asked := &lagging{Inventory: given.Inventory(t, ""), now: given.Inventory(t, "")}
	c := review.Change{
		APIVersion: "v1", Kind: "Pod", Namespace: "default", Operation: review.Create, Final: true,
		New: []byte(`{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":"static-macvlan-cni-attach",` +
			`"macvlan.pandaria.cattle.io/ip":"10.0.0.1","macvlan.pandaria.cattle.io/subnet":"a"}}}`),
	}
	if _, err := review.Complete(t.Context(), asked, config.Default(), c); err != nil {
		t.Fatal(err)
	}
	if q := asked.asked; len(q.Networks) != 1 || len(q.Subnets) != 0 || !q.Addresses.Empty() {
		t.Errorf("to fill in: %+v", q)
	}
	if _, err := review.Judge(t.Context(), asked, config.Default(), c); err != nil {
		t.Fatal(err)
	}
	if q := asked.asked; len(q.Networks) != 1 || len(q.Subnets) != 1 || q.Addresses.Empty() {
		t.Errorf("to judge: %+v", q)
	}
}
