package cluster_test

import (
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// What is in use of a pool of whereabouts is known from memory, for the networks that have it,
// whichever namespace the pool is in.
func TestReservedOfTheCluster(t *testing.T) {
	inv := running(t)
	pool := func(allocations string) string {
		return "apiVersion: whereabouts.cni.cncf.io/v1alpha1\nkind: IPPool\nmetadata: {name: 10.7.0.0-24, namespace: default}\n" +
			"spec: {range: 10.7.0.0/24, allocations: {" + allocations + "}}\n"
	}
	applied(t, pool(`"5": {id: a, podref: default/web-0}`)+"---\n"+
		"apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: pool-of-one, namespace: default}\n"+
		`spec: {config: '{"cniVersion": "0.3.1", "type": "macvlan", "ipam": {"type": "whereabouts", "range": "10.7.0.5-10.7.0.6/24"}}'}`+"\n")
	q := networks("pool-of-one")
	taken := func() int {
		r := inv.Facts(t.Context(), q).Reserved["10.7.0.0-24"]
		if r == nil || len(r.Taken) == 0 {
			return 0
		}
		return int(r.Taken[0].Last.As4()[3]) - 4
	}
	wait.Until(t, "in the cache", func() bool { return taken() == 1 })
	kubectl(t, pool(`"5": {id: a, podref: default/web-0}, "6": {id: b, podref: default/web-1}`), "apply", "-f", "-")
	wait.Until(t, "changed", func() bool { return taken() == 2 })
	kubectl(t, "", "delete", "ippools.whereabouts.cni.cncf.io", "10.7.0.0-24")
	wait.Until(t, "gone", func() bool { return inv.Facts(t.Context(), q).Reserved == nil })

	// Who may not list the pools knows nothing of them.
	hidden, _ := openAs(t, "nobody")
	if r := hidden.Facts(t.Context(), q).Reserved; r != nil {
		t.Errorf("known to one who may not list the pools: %v", r)
	}
}
