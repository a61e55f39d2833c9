package grammar

import (
	"reflect"
	"slices"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
)

// made is how many values are generated: enough for each restriction to be met
// dozens of times, and a matter of seconds.
const made = 15000

func TestNetworksAgree(t *testing.T) {
	compare(t, breaksOff, readNetworks, func(value string) ([]multus.Element, []multus.Fault) {
		return multus.ParseNetworks(value, podNamespace)
	})
}

func TestDefaultNetworkAgrees(t *testing.T) {
	compare(t, breaksOffDefault, readDefaultNetwork, func(value string) ([]multus.Element, []multus.Fault) {
		return multus.ParseDefaultNetwork(value, multusNamespace)
	})
}

// compare demands of every value that Multus answers that we refuse it when Multus does;
// that otherwise we refuse it exactly when it breaks a restriction; and that we read
// the same when both take it.
func compare(t *testing.T, breaksOff func(string) bool, reference func(string) ([]selected, error), ours func(string) ([]multus.Element, []multus.Fault)) {
	met := map[string]int{}
	for _, value := range values(made) {
		if breaksOff(value) {
			met["left out"]++
			continue
		}
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
	if met["left out"] > made/1000 {
		t.Errorf("%d values are left out: the comparison proves little", met["left out"])
	}
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

// No more is left out than has to be, and we refuse it.
func TestLeftOut(t *testing.T) {
	for _, tt := range []struct {
		value                string
		networks, defaultNet bool
	}{
		{"", false, false},
		{"null", false, false},
		{`[5]`, false, false},
		{`["null"]`, false, false},
		{`[{"name":null}]`, false, false},
		{`[{"name":"a","ips":[null]}]`, false, false},
		{`[null`, false, false},
		{`[]`, false, true},
	} {
		if got := breaksOff(tt.value); got != tt.networks {
			t.Errorf("of networks %q is left out: %t, want %t", tt.value, got, tt.networks)
		}
		if got := breaksOffDefault(tt.value); got != tt.defaultNet {
			t.Errorf("of default networks %q is left out: %t, want %t", tt.value, got, tt.defaultNet)
		}
	}
	if _, faults := multus.ParseDefaultNetwork(`[]`, multusNamespace); len(faults) == 0 {
		t.Error("an empty list of default networks is not refused")
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
