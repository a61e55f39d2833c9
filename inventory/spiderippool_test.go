package inventory_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
)

const wholePool = `{"apiVersion":"spiderpool.spidernet.io/v2beta1","kind":"SpiderIPPool",
	"metadata":{"name":"vlan100-v4","labels":{"team":"a"},"annotations":{"note":"b"}},
	"spec":{"ipVersion":4,"subnet":"10.6.0.0/16","podAffinity":{"matchLabels":{"app":"db"}},
		"namespaceAffinity":{"matchLabels":{"team":"a"}},"namespaceName":["team-a"],"nodeAffinity":{"matchLabels":{"rack":"1"}},
		"nodeName":["node1"],"multusName":["kube-system/vlan100"],"default":true,"disable":false},
	"status":{"totalIPCount":5,"allocatedIPCount":2}}`

// A copy says the same as the original, and goes on saying it when the original is
// changed in any of its parts.
func TestPoolDeepCopy(t *testing.T) {
	read := func() *inventory.SpiderIPPool {
		var pool inventory.SpiderIPPool
		if err := json.Unmarshal([]byte(wholePool), &pool); err != nil {
			t.Fatal(err)
		}
		return &pool
	}
	pool := read()
	copied := pool.DeepCopyObject()
	if diff := cmp.Diff(read(), copied); diff != "" {
		t.Fatalf("the copy (-original +copy):\n%s", diff)
	}
	pool.Labels["team"], pool.Annotations["note"] = "", ""
	*pool.Spec.IPVersion, *pool.Spec.Default, *pool.Spec.Disable = 6, false, true
	pool.Spec.PodAffinity.MatchLabels["app"], pool.Spec.NamespaceAffinity.MatchLabels["team"], pool.Spec.NodeAffinity.MatchLabels["rack"] = "", "", ""
	pool.Spec.NamespaceName[0], pool.Spec.NodeName[0], pool.Spec.MultusName[0] = "", "", ""
	*pool.Status.TotalIPCount, *pool.Status.AllocatedIPCount = 0, 0
	pool.Name = ""
	if diff := cmp.Diff(read(), copied); diff != "" {
		t.Errorf("the copy has changed with the original (-before +after):\n%s", diff)
	}
	empty := &inventory.SpiderIPPool{}
	if diff := cmp.Diff(empty, empty.DeepCopyObject()); diff != "" {
		t.Errorf("a copy of nothing (-original +copy):\n%s", diff)
	}
}
