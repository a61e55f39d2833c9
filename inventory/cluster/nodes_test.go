package cluster_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/cluster"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// openWithNodes runs an inventory that follows nodes.
func openWithNodes(t *testing.T, config *rest.Config) (*cluster.Inventory, *prometheus.Registry, func() string) {
	t.Helper()
	return openWith(t, cluster.Options{Config: config, NodeFacts: true}, true)
}

// makeNode makes a Node that says it has one link, and removes it with the test.
func makeNode(t *testing.T, name, link string) {
	t.Helper()
	kubectl(t, "apiVersion: v1\nkind: Node\nmetadata: {name: "+name+"}\n", "apply", "-f", "-")
	t.Cleanup(func() {
		if result, err := plane.Kubectl(context.Background(), "", "delete", "node", name, "--ignore-not-found"); err != nil || result.ExitCode != 0 {
			t.Errorf("delete the node: %v: %s", err, result.Stderr)
		}
	})
	annotateNode(t, name, link)
}

func annotateNode(t *testing.T, name, link string) {
	t.Helper()
	kubectl(t, "", "annotate", "node", name, "--overwrite", fmt.Sprintf(`macvlan-webhook.io/links={"links":[{"name":%q,"kind":"physical","mtu":1500,"up":true}]}`, link))
}

// saidOf is what is said of the nodes when a network with that master is written.
func saidOf(t *testing.T, inv inventory.Inventory, master string) string {
	t.Helper()
	network, err := nad.Decode("default", fmt.Appendf(nil, `{"metadata":{"name":"a"},"spec":{"config":"{\"cniVersion\":\"0.3.1\",\"type\":\"macvlan\",\"master\":\"%s\"}"}}`, master), nil)
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

// What all nodes run is known as long as all run the same.
func TestContainerRuntimeIsFollowed(t *testing.T) {
	inv, _, _ := openWithNodes(t, plane.Config())
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	runtime := func() string { return inv.Facts(t.Context(), pod.Questions{}).ContainerRuntime() }
	if got := runtime(); got != "" {
		t.Errorf("%q without nodes", got)
	}
	says := func(node, version string) {
		kubectl(t, "", "patch", "node", node, "--subresource=status", "--type=merge", `--patch={"status":{"nodeInfo":{"containerRuntimeVersion":"`+version+`"}}}`)
	}
	makeNode(t, "node-runtime-a", "eth0")
	says("node-runtime-a", "containerd://2.1.4")
	wait.Until(t, "one node", func() bool { return runtime() == "containerd" })
	makeNode(t, "node-runtime-b", "eth0")
	wait.Until(t, "a node that does not say", func() bool { return runtime() == "" })
	says("node-runtime-b", "containerd://1.7.28")
	wait.Until(t, "both", func() bool { return runtime() == "containerd" })
	says("node-runtime-b", "cri-o://1.33.2")
	wait.Until(t, "not the same", func() bool { return runtime() == "" })
}

func TestNodesAreFollowed(t *testing.T) {
	inv, registry, _ := openWithNodes(t, plane.Config())
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	if got := saidOf(t, inv, "eth1"); got != "" {
		t.Errorf("without nodes: %s", got)
	}
	makeNode(t, "node-a", "eth1")
	makeNode(t, "node-b", "eth0")
	wait.Until(t, "two nodes", func() bool { return strings.Contains(saidOf(t, inv, "eth1"), `1 of 2 has no link "eth1": "node-b"`) })
	annotateNode(t, "node-b", "eth1")
	wait.Until(t, "the master on both", func() bool { return saidOf(t, inv, "eth1") == "" })
	kubectl(t, "", "annotate", "node", "node-a", "macvlan-webhook.io/links-")
	wait.Until(t, "a node that does not say", func() bool {
		return strings.HasSuffix(saidOf(t, inv, "eth2"), `none of 1 has a link "eth2": "node-b" (1 more does not report); pods fail there`)
	})
	if n, err := testutil.GatherAndCount(registry, "macvlan_webhook_nodes"); err != nil || n != 1 {
		t.Errorf("%d metrics: %v", n, err)
	}
	kubectl(t, "", "delete", "node", "node-a", "node-b")
	wait.Until(t, "no node", func() bool { return saidOf(t, inv, "eth2") == "" })
}

// asked counts the requests about nodes, and those of them that were refused.
type asked struct{ all, refused atomic.Int64 }

// counting makes a configuration whose requests about nodes are counted.
func counting(config *rest.Config) (*rest.Config, *asked) {
	a := &asked{}
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(r)
			if r.URL.Path != "/api/v1/nodes" {
				return response, err
			}
			a.all.Add(1)
			if err == nil && response.StatusCode == http.StatusForbidden {
				a.refused.Add(1)
			}
			return response, err
		})
	})
	return config, a
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Without the option nodes are nobody's business.
func TestNodesAreNotReadUnlessAskedFor(t *testing.T) {
	makeNode(t, "node-unread", "eth0")
	inv, registry := open(t, true)
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	if got := saidOf(t, inv, "eth1"); got != "" {
		t.Errorf("said of the nodes: %q", got)
	}
	if n, err := testutil.GatherAndCount(registry, "macvlan_webhook_nodes"); err != nil || n != 0 {
		t.Errorf("%d metrics: %v", n, err)
	}
}

// A server that may not read nodes is ready, says so once, and reads them as soon as it
// may.
func TestForbiddenNodes(t *testing.T) {
	const account = "system:serviceaccount:default:no-nodes"
	kubectl(t, "", "create", "clusterrole", "all-but-nodes", "--verb=get,list,watch",
		"--resource=network-attachment-definitions.k8s.cni.cncf.io,spidercoordinators.spiderpool.spidernet.io,spiderippools.spiderpool.spidernet.io,namespaces,"+
			"macvlansubnets.macvlan.cluster.cattle.io,macvlanips.macvlan.cluster.cattle.io,flatnetworksubnets.flatnetwork.pandaria.io,flatnetworkips.flatnetwork.pandaria.io,ippools.whereabouts.cni.cncf.io,"+
			"deployments.apps,statefulsets.apps,daemonsets.apps,replicasets.apps,replicationcontrollers,jobs.batch,cronjobs.batch")
	kubectl(t, "", "create", "clusterrolebinding", "all-but-nodes", "--clusterrole=all-but-nodes", "--user="+account)
	t.Cleanup(func() {
		if _, err := plane.Kubectl(context.Background(), "", "delete", "clusterrole,clusterrolebinding", "all-but-nodes", "nodes-too", "--ignore-not-found"); err != nil {
			t.Error(err)
		}
	})
	makeNode(t, "node-hidden", "eth0")
	config := plane.Config()
	// Without administrators' groups: RBAC decides.
	config.Impersonate = rest.ImpersonationConfig{UserName: account, Groups: []string{"system:authenticated"}}
	config, asked := counting(config)

	live, said := listedWithLog(t, config)
	for range 3 {
		if got := saidOf(t, live, "eth1"); got != "" {
			t.Errorf("a live check says %q", got)
		}
	}
	if n := strings.Count(said(), "masters are not looked for"); n != 1 || asked.refused.Load() != 1 {
		t.Errorf("a live check asked %d times and said so %d times:\n%s", asked.refused.Load(), n, said())
	}

	inv, _, log := openWithNodes(t, config)
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	wait.Until(t, "refused again and again", func() bool { return asked.refused.Load() > 4 })
	if got := saidOf(t, inv, "eth1"); got != "" {
		t.Errorf("said of nodes that may not be read: %q", got)
	}
	if n := strings.Count(log(), "level=WARN"); n != 1 || strings.Count(log(), "no permission to read the resource") != 1 {
		t.Errorf("%d warnings:\n%s", n, log())
	}
	kubectl(t, "", "create", "clusterrole", "nodes-too", "--verb=list,watch", "--resource=nodes")
	kubectl(t, "", "create", "clusterrolebinding", "nodes-too", "--clusterrole=nodes-too", "--user="+account)
	wait.Until(t, "the nodes are read", func() bool { return strings.HasSuffix(saidOf(t, inv, "eth1"), `: "node-hidden"; pods fail there`) })
	if strings.Count(log(), "the resource can be read now") != 1 {
		t.Error(log())
	}
}
