package node

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// ofGenerator are pods that are made up, of all that IPAM plugins, macvlan, its chains and the
// annotations have.
func ofGenerator(t *testing.T) []*trial {
	t.Helper()
	var trials []*trial
	for _, g := range generate() {
		for name, config := range g.configs {
			if !json.Valid([]byte(config)) {
				t.Fatalf("%s: network %s is not JSON: %s", g.title, name, config)
			}
		}
		trials = append(trials, g.trial(t))
	}
	return trials
}

func (g *generated) trial(t *testing.T) *trial {
	t.Helper()
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": g.objects()})
	if err != nil {
		t.Fatal(err)
	}
	objects := given.Objects(t, string(text))
	inv, err := files.NewInventory("default", objects)
	if err != nil {
		t.Fatal(err)
	}
	c := &trial{title: g.title, plain: g.plain, pod: &pod{Namespace: "default", Name: "pod", Annotations: g.annotations(), Networks: networksOf(t, objects), Multus: multusAs(config.Default())}}
	// What DEL reads is the network's.
	c.pod.Delete = g.plain
	c.pod.Multus.WithoutDefaultRoute = strings.Contains(g.networks, "default-route")
	c.findings = judge(t, inv, &fixtures.Fixture{}, podObject(t, c.pod)).Findings
	if g.plain {
		for i := range objects {
			if objects[i].Kind == inventory.NetworkKind {
				c.findings = slices.Concat(c.findings, judge(t, inv, &fixtures.Fixture{}, &objects[i]).Findings)
			}
		}
	}
	c.pod.onNode(nil)
	return c
}
