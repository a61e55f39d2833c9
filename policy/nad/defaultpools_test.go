package nad

import (
	"reflect"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
)

const spiderpoolConfig = `{"cniVersion":"0.3.1","type":"macvlan","master":"bond0.100","ipam":{"type":"spiderpool"}}`

func TestDefaultPools(t *testing.T) {
	list := func(names ...string) []string { return names }
	for _, test := range []struct {
		title, value string
		want         *cniconf.DefaultPools
	}{
		{"one version", `{"ipv4":["vlan100-v4"]}`, &cniconf.DefaultPools{IPv4: list("vlan100-v4")}},
		{"both, with a pattern", `{"ipv6":["v6-*"],"ipv4":["a","b"]}`, &cniconf.DefaultPools{IPv4: list("a", "b"), IPv6: list("v6-*")}},
		{"spread over lines", "{\n  \"ipv4\": [\"a\"]\n}", &cniconf.DefaultPools{IPv4: list("a")}},
		{"none: no default, whatever the configuration says", `{}`, &cniconf.DefaultPools{}},
		{"empty lists", `{"ipv4":[],"ipv6":null}`, &cniconf.DefaultPools{IPv4: []string{}}},
		{"empty", ``, &cniconf.DefaultPools{Fault: "the annotation is empty"}},
		{"no JSON", `vlan100-v4`, &cniconf.DefaultPools{Fault: "accepted: an object such as"}},
		{"a list", `[{"interface":"net1","ipv4":["a"]}]`, &cniconf.DefaultPools{Fault: "the annotation is a list and must be an object"}},
		{"a text for a list", `{"ipv4":"a"}`, &cniconf.DefaultPools{Fault: `ipv4 "a" does not fit: "ipv4" must be a list of strings`}},
		{"a number in a list", `{"ipv4":[4]}`, &cniconf.DefaultPools{Fault: `ipv4 "4" does not fit: "ipv4" must be a list of strings`}},
		{"an old name", `{"ipv4pools":["a"]}`, &cniconf.DefaultPools{Fault: `"ipv4pools" is not a field that Spiderpool knows; accepted: "ipv4"`}},
		{"an unknown field beside a good one", `{"ipv4":["a"],"vlan":100}`, &cniconf.DefaultPools{Fault: `"vlan" is not a field that Spiderpool knows`}},
		{"a pool twice", `{"ipv4":["a","a"]}`, &cniconf.DefaultPools{Fault: `ipv4 "a" is named twice for one interface`}},
		{"an empty name", `{"ipv6":[""]}`, &cniconf.DefaultPools{Fault: "ipv6 is an empty name"}},
		{"a pattern that is cut off", `{"ipv4":["a[b-]"]}`, &cniconf.DefaultPools{Fault: `ipv4 "a[b-]" is a pattern that cannot be read`}},
	} {
		t.Run(test.title, func(t *testing.T) {
			n := Compile(cniconf.Source{Config: spiderpoolConfig, Annotations: map[string]string{DefaultPoolsAnnotation: test.value}})
			got := n.DefaultPools
			if got == nil {
				t.Fatal("the annotation is ignored")
			}
			if test.want.Fault != "" {
				if !strings.Contains(got.Fault, test.want.Fault) || got.IPv4 != nil || got.IPv6 != nil {
					t.Errorf("got %+v, want the fault %q and no pools", got, test.want.Fault)
				}
				return
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	if n := Compile(cniconf.Source{Config: spiderpoolConfig, Annotations: map[string]string{cniconf.ResourceNameAnnotation: "a"}}); n.DefaultPools != nil {
		t.Errorf("without the annotation: %+v", n.DefaultPools)
	}
}

// The annotation comes from whoever may write networks, and its fault ends up in
// what others are told.
func TestDefaultPoolsFaultIsOneLine(t *testing.T) {
	for _, value := range []string{"\x00\x1b[2J", "{\"ipv4\":[\"a\\n\\u001b\",\"a\\n\\u001b\"]}", `{"` + strings.Repeat("x", 100_000) + `":1}`, "{\"\\u202e\":1}", "{\n\"a\n"} {
		got := Compile(cniconf.Source{Config: spiderpoolConfig, Annotations: map[string]string{DefaultPoolsAnnotation: value}}).DefaultPools
		if got.Fault == "" {
			t.Errorf("%.40q: no fault", value)
		}
		if strings.ContainsAny(got.Fault, "\n\x00\x1b\u202e") || len(got.Fault) > 1000 {
			t.Errorf("%.40q: fault %.200q", value, got.Fault)
		}
	}
}
