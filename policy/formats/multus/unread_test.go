package multus

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestUnreadKeys(t *testing.T) {
	for _, test := range []struct {
		value string
		// want are "element in key meant", with the marks of those that are outdated or
		// of a configuration.
		want []string
	}{
		{``, nil},
		{`a,b`, nil},
		{`[]`, nil},
		{`[{"name":"a"}]`, nil},
		{`[{"NAME":"a","Default-Route":["10.0.0.1"]}]`, nil},
		{`[{"name":"a","cni-args":{"gateway":1,"ips":[]},"ipam-claim-reference":"vm.net"}]`, nil},
		{`[{"name":"a","cni-args":null,"gateway":null,"address":"","routes":[ ],"labels":{}}]`, nil},
		{`[{"name":"a","_comment":"x","//":"x","description":"x"}]`, nil},
		{`[{"name":"gateway","interface":"ip\":"}]`, nil},
		{`[{"name":"a","gateway":["10.0.0.1"]}]`, []string{"0  gateway default-route"}},
		{`[{"name":"a","gateways":["10.0.0.1"]},{"name":"b","ip":"10.0.0.1"}]`, []string{"0  gateways default-route", "1  ip ips"}},
		{`[{"name":"a","defaultroute":["10.0.0.1"],"default_route":["x"]}]`, []string{"0  defaultroute default-route", "0  default_route default-route"}},
		{`[{"name":"a","macAddress":"x","cniArgs":{"x":1},"cni_args":{"x":1},"interfase":"x"}]`,
			[]string{"0  macAddress mac", "0  cniArgs cni-args", "0  cni_args cni-args", "0  interfase interface"}},
		{`[{"name":"a","vlanId":7,"mtu":1400,"colour":"red"}]`, []string{"0  vlanId  config", "0  mtu  config", "0  colour "}},
		{`[{"name":"a","interfaceRequest":"x"}]`, []string{"0  interfaceRequest interface outdated"}},
		{`[{"name":"a","interfaceRequest":"x","interface":""}]`, []string{"0  interfaceRequest interface outdated"}},
		{`[{"name":"a","interfaceRequest":"x","interface":"y"}]`, nil},
		{`[{"name":"a","interfaceRequest":""}]`, nil},
		{`[{"name":"a","bandwidth":{"ingress":5,"egressrate":5}}]`, []string{"0 bandwidth ingress "}},
		{`[{"name":"a","portMappings":[{"hostPort":1},{"host-port":1},null,5]}]`, []string{"0 portMappings host-port hostPort"}},
		{`[{"name":"a","ip":5}`, nil},
		{`{"name":"a","ip":5}`, nil},
		{`[5,null,{"ip":5}]`, []string{"2  ip ips"}},
	} {
		var got []string
		for _, k := range UnreadKeys(test.value) {
			text := fmt.Sprintf("%d %s %s %s", k.Element, k.In, k.Key, k.Meant)
			if k.Outdated {
				text += " outdated"
			}
			if k.OfConfig {
				text += " config"
			}
			got = append(got, text)
			if !strings.HasPrefix(test.value[k.Offset:], `"`+k.Key) {
				t.Errorf("%s: %s is said to be at %d", test.value, k.Key, k.Offset)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.value, got, test.want)
		}
	}
}

func TestUnreadKeysAreBounded(t *testing.T) {
	value := `[{"name":"a"` + strings.Repeat(`,"gateway":"x"`, 5000) + `}]`
	if got := len(UnreadKeys(value)); got != maxUnread {
		t.Errorf("%d keys", got)
	}
}

// The names of keys stand in more than one list.
func TestKeysAgree(t *testing.T) {
	for _, f := range fields {
		if known := slices.Contains(selectionKeys, f.name); known == (f.name == "interfaceRequest") {
			t.Errorf("key %s: known %t", f.name, known)
		}
	}
	for _, key := range slices.Concat(selectionKeys, portMappingKeys, bandwidthKeys) {
		if mayHaveUnread(`[{"` + key + `":1}]`) {
			t.Errorf("key %s is looked at twice", key)
		}
	}
	for other, key := range otherNames {
		if name, _ := fieldOf(other); name != "" || !slices.Contains(selectionKeys, key) {
			t.Errorf("%s stands for %s", other, key)
		}
		if other != strings.ToLower(other) {
			t.Errorf("%s is never found", other)
		}
	}
}

func FuzzUnreadKeys(f *testing.F) {
	f.Add(`[{"name":"a","gateway":["10.0.0.1"]}]`)
	f.Add(`"\`)
	f.Add(`[{"a":""}`)
	f.Fuzz(func(t *testing.T, value string) {
		for _, k := range UnreadKeys(value) {
			if k.Offset < 0 || k.Offset >= len(value) || value[k.Offset] != '"' {
				t.Errorf("%q: %+v", value, k)
			}
		}
	})
}

func BenchmarkUnreadKeys(b *testing.B) {
	const value = `[{"name":"macvlan-overlay-vlan100","namespace":"kube-system"},` +
		`{"name":"macvlan-overlay-vlan200","namespace":"kube-system","interface":"net2","mac":"02:00:00:00:00:01","ips":["10.6.0.5/16"]}]`
	b.ReportAllocs()
	for b.Loop() {
		if UnreadKeys(value) != nil {
			b.Fatal("found")
		}
	}
}
