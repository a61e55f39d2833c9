package multus

import (
	"reflect"
	"slices"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
)

// made is how many values are generated: enough for each restriction to be met
// dozens of times, and a matter of seconds.
const made = 15000

func TestNetworksAgree(t *testing.T) {
	compare(t, readNetworks, func(value string) ([]multus.Element, []multus.Fault) {
		return multus.ParseNetworks(value, podNamespace)
	})
}

func TestDefaultNetworkAgrees(t *testing.T) {
	compare(t, readDefaultNetwork, func(value string) ([]multus.Element, []multus.Fault) {
		return multus.ParseDefaultNetwork(value, multusNamespace)
	})
}

// compare demands of every value that we refuse it when Multus does; that
// otherwise we refuse it exactly when it breaks a restriction; and that we read
// the same when both take it.
func compare(t *testing.T, reference func(string) ([]selected, error), ours func(string) ([]multus.Element, []multus.Fault)) {
	met := map[string]int{}
	for _, value := range values(made) {
		want, err := reference(value)
		elements, faults := ours(value)
		refused := len(faults) > 0
		if err != nil {
			met["refused by multus"]++
			if !refused {
				t.Errorf("%q: no fault, but multus says: %v", value, err)
			}
			continue
		}
		titles := broken(want)
		for _, title := range titles {
			met[title]++
		}
		switch {
		case refused && titles == nil:
			t.Errorf("%q: multus takes it and it breaks no restriction, but: %+v", value, faults)
		case !refused && titles != nil:
			t.Errorf("%q: no fault, but %q", value, titles)
		case !refused:
			met["taken by both"]++
			if got := selectedBy(elements); !slices.EqualFunc(got, want, func(a, b selected) bool { return reflect.DeepEqual(a, b) }) {
				t.Errorf("%q: read as\n%+v, by multus as\n%+v", value, got, want)
			}
		}
	}
	t.Logf("%d values: %v", len(written)+made, met)
	for _, title := range []string{"refused by multus", "taken by both"} {
		if met[title] < made/10 {
			t.Errorf("only %d values are %s: the corpus proves little", met[title], title)
		}
	}
	for _, r := range restrictions {
		if met[r.title] == 0 {
			t.Errorf("no value meets the restriction: %s", r.title)
		}
	}
}

func selectedBy(elements []multus.Element) []selected {
	var list []selected
	for _, e := range elements {
		list = append(list, selected{
			Namespace: e.Namespace, Name: e.Name, Interface: e.Interface, MAC: e.MAC, GUID: e.GUID,
			IPs: e.IPs, Routes: e.DefaultRoutes, HasRoutes: e.HasDefaultRoute,
		})
	}
	return list
}
