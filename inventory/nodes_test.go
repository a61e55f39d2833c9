package inventory_test

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// node is a Node that says it has one link.
func node(name, link string) string {
	return `{apiVersion: v1, kind: Node, metadata: {name: ` + name + `, annotations: {macvlan-webhook.io/links: '{"links":[{"name":"` + link + `","kind":"physical","mtu":1500,"up":true}]}'}}}` + "\n---\n"
}

// saidOf is what is said of the nodes when a network with the master eth1 is written.
func saidOf(t *testing.T, inv inventory.Inventory) string {
	t.Helper()
	network, err := nad.Decode("default", []byte(`{"metadata":{"name":"a"},"spec":{"config":"{\"cniVersion\":\"0.3.1\",\"type\":\"macvlan\",\"master\":\"eth1\"}"}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	verdict := review.JudgeNetwork(t.Context(), inv, config.Default(), network)
	for _, f := range verdict.Findings {
		if f.Rule == "master-missing-on-nodes" {
			return f.Message
		}
	}
	return ""
}

func TestNodesInFiles(t *testing.T) {
	const silent = "{apiVersion: v1, kind: Node, metadata: {name: silent}}\n---\n"
	for text, want := range map[string]string{
		"":                         "",
		silent:                     "",
		node("a", "eth1") + silent: "",
		node("a", "eth1") + node("b", "eth0") + silent: `1 of 2 has no link "eth1": "b" (1 more does not report); pods fail there`,
		// Of another API, and one that cannot be there yet.
		strings.Replace(node("a", "eth0"), "v1", "example.com/v1", 1):    "",
		strings.Replace(node("a-", "eth0"), "name:", "generateName:", 1): "",
	} {
		if got := saidOf(t, given.Inventory(t, text)); !strings.HasSuffix(got, want) || (got == "") != (want == "") {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}

	objects := given.Objects(t, node("a", "eth1")+node("a", "eth1"))
	if _, err := files.NewInventory("default", objects); err == nil || !strings.Contains(err.Error(), `node "a" is already at`) {
		t.Errorf("a node twice: %v", err)
	}
}
