package snapshot_test

import (
	"errors"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

const (
	ownNetworks = `{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: both, namespace: default}, spec: {config: '{"plugins":[{"type":"macvlan","ipam":{"type":"spiderpool"}}]}'}}
---
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: macvlan-conf, namespace: spider}, spec: {config: '{"plugins":[{"type":"macvlan","ipam":{"type":"spiderpool"}}]}'}}
---
`
	agent    = "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: spiderpool-agent, namespace: spider}, spec: {template: {spec: {containers: [{name: multus-cni}, {name: agent, env: [{name: A, value: a}, {name: MULTUS_CLUSTER_NETWORK, value: spider/macvlan-conf}]}]}}}}\n---\n"
	silent   = "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: spiderpool-agent, namespace: spider}, spec: {template: {spec: {containers: [{name: agent, env: [{name: MULTUS_CLUSTER_NETWORK, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]}]}}}}\n---\n"
	settings = "{apiVersion: v1, kind: ConfigMap, metadata: {name: spiderpool-conf, namespace: spider}, data: {clusterNetwork: macvlan-conf, conf.yml: 'enableIPv4: true'}}\n---\n"
	others   = "{apiVersion: v1, kind: ConfigMap, metadata: {name: other, namespace: spider}, data: {clusterNetwork: a}}\n---\n{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: other, namespace: spider}, spec: {template: {spec: {containers: [{name: a, env: [{name: MULTUS_CLUSTER_NETWORK, value: a}]}]}}}}\n---\n"
	unset    = "{apiVersion: v1, kind: ConfigMap, metadata: {name: spiderpool-conf, namespace: spider}, data: {clusterNetwork: ''}}\n---\n"
)

var ofSpiderpool = pod.Questions{Networks: references("both"), SpiderpoolNamespace: "spider"}

// Files and a cluster tell the same of Spiderpool's settings.
func TestOwnNetwork(t *testing.T) {
	for _, test := range []struct {
		title, text string
		named       bool
	}{
		{"the agent", agent, true},
		{"the settings", settings, true},
		{"both", settings + agent, true},
		{"neither", "", false},
		{"other objects", others, false},
		{"an agent that names none", silent, false},
		{"the settings beside such an agent", silent + settings, true},
		{"settings that name none", unset, false},
	} {
		for from, layer := range map[string]*snapshot.Layer{"files": ofFiles(t, ownNetworks+test.text), "a cluster": newCluster(t, ownNetworks+test.text).layer()} {
			t.Run(test.title+" from "+from, func(t *testing.T) {
				inv := snapshot.New(layer)
				own := inv.Facts(t.Context(), ofSpiderpool).OwnNetwork.Value
				if (own != nil) != test.named {
					t.Fatalf("got %+v", own)
				}
				if own != nil && (own.Reference.String() != "spider/macvlan-conf" || own.Network == nil || own.Network.Main() != "macvlan") {
					t.Errorf("got %+v", own)
				}
				if own := inv.Facts(t.Context(), pod.Questions{Networks: references("both")}).OwnNetwork.Value; own != nil {
					t.Errorf("without the question: %+v", own)
				}
			})
		}
	}
}

// Who may not list DaemonSets reads the one in Spiderpool's namespace, and who may not read
// anything is told so once.
func TestOwnNetworkThatMayNotBeSeen(t *testing.T) {
	cluster := newCluster(t, ownNetworks+agent+settings)
	cluster.unlisted["daemonsets"] = forbidden(inventory.Agents)
	if own := snapshot.New(cluster.layer()).Facts(t.Context(), ofSpiderpool).OwnNetwork.Value; own == nil || cluster.log.Len() > 0 {
		t.Errorf("got %+v\n%s", own, cluster.log.String())
	}
	for _, refusal := range []error{forbidden(inventory.Agents), errors.New("connection refused")} {
		cluster = newCluster(t, ownNetworks+agent+settings)
		cluster.broken["daemonsets"], cluster.broken["configmaps"] = refusal, refusal
		inv := snapshot.New(cluster.layer())
		for range 2 {
			if facts := inv.Facts(t.Context(), ofSpiderpool); facts.OwnNetwork.Value != nil || facts.OwnNetwork.Err != nil || facts.Networks[0].Value == nil {
				t.Errorf("got %+v", facts)
			}
		}
		if n := cluster.said("some settings of Spiderpool cannot be read"); n != 1 || inv.Err() != nil {
			t.Errorf("said %d times, %v\n%s", n, inv.Err(), cluster.log.String())
		}
	}
}

func TestContainerRuntime(t *testing.T) {
	node := func(name, runtime string) string {
		return "{apiVersion: v1, kind: Node, metadata: {name: " + name + "}, status: {nodeInfo: {containerRuntimeVersion: '" + runtime + "'}}}\n---\n"
	}
	for text, want := range map[string]string{
		ownNetworks: "",
		node("a", "containerd://2.1.4") + node("b", "containerd://1.7.28"): "containerd",
		node("a", "containerd://2.1.4") + node("b", "cri-o://1.33.2"):      "",
		node("a", "containerd://2.1.4") + node("b", ""):                    "",
		node("a", "cri-o://1.33.2"):                                        "cri-o",
	} {
		cluster := newCluster(t, text)
		for from, layer := range map[string]*snapshot.Layer{"files": ofFiles(t, text), "a cluster": cluster.layer()} {
			facts := snapshot.New(layer).Facts(t.Context(), pod.Questions{})
			if cluster.lists["nodes"] > 0 {
				t.Error("nodes are listed before anybody asks")
			}
			if got := facts.ContainerRuntime(); got != want {
				t.Errorf("%s of %s: %q, want %q", text, from, got, want)
			}
			cluster.lists["nodes"] = 0
		}
	}
}

// Nodes among the files that are checked do not tell of a cluster, and may be of it.
func TestContainerRuntimeOfFilesThatAreChecked(t *testing.T) {
	node := func(name, runtime string) string {
		return "{apiVersion: v1, kind: Node, metadata: {name: " + name + "}, status: {nodeInfo: {containerRuntimeVersion: '" + runtime + "'}}}\n---\n"
	}
	checked := func(text string) *snapshot.Layer { return ofFiles(t, text).Partial("there may be more", false) }
	held := ofFiles(t, node("a", "containerd://2.1.4"))
	for what, row := range map[string]struct {
		inventory *snapshot.Inventory
		want      string
	}{
		"checked alone":              {snapshot.New(checked(node("a", "containerd://2.1.4"))), ""},
		"inventory":                  {snapshot.New(held, checked(ownNetworks)), "containerd"},
		"inventory, others the same": {snapshot.New(held, checked(node("b", "containerd://2.1.4"))), "containerd"},
		"inventory, others not":      {snapshot.New(held, checked(node("b", "cri-o://1.33.2"))), ""},
		"inventory without any":      {snapshot.New(ofFiles(t, ownNetworks), checked(node("a", "containerd://2.1.4"))), ""},
	} {
		facts := row.inventory.Facts(t.Context(), pod.Questions{})
		if got := facts.ContainerRuntime(); got != row.want {
			t.Errorf("%s: %q, want %q", what, got, row.want)
		}
	}
}
