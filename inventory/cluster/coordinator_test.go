package cluster_test

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// The mode that decides roles is an answer like any other: from memory, fresh when it was
// asked for again, or an error.
func TestCoordinatorOfTheCluster(t *testing.T) {
	coordinator := func(mode string) string {
		return "apiVersion: spiderpool.spidernet.io/v2beta1\nkind: SpiderCoordinator\nmetadata: {name: default}\nspec: {mode: " + mode + "}\n"
	}
	inv := running(t)
	is := func(f pod.Facts, mode cniconf.CoordinatorMode, fresh bool) bool {
		c := f.Coordinator
		return c.Err == nil && c.Fresh == fresh && f.CoordinatorMode() == mode && (c.Value == nil) == (mode == "") && (mode == "" || *c.Value == mode)
	}
	if c := inv.Facts(t.Context(), networks()).Coordinator; c != (pod.Answer[cniconf.CoordinatorMode]{}) {
		t.Errorf("before there is one: %+v", c)
	}
	applied(t, coordinator("underlay")+"---\n"+network("coordinated", "coordinator"))
	q := networks("coordinated")
	wait.Until(t, "in the cache", func() bool {
		return is(inv.Facts(t.Context(), q), "underlay", false)
	})
	stale := inv.Facts(t.Context(), q)
	if !stale.Spiderpool {
		t.Error("Spiderpool's kinds are in the cluster, and it is not known")
	}
	kubectl(t, coordinator("overlay"), "apply", "-f", "-")
	if f := inv.Refresh(t.Context(), q, stale); !is(f, "overlay", true) {
		t.Errorf("asked again: %+v", f.Coordinator)
	}
	kubectl(t, "", "delete", "spidercoordinator", "default")
	if f := inv.Refresh(t.Context(), q, stale); !is(f, "", true) {
		t.Errorf("asked again when it is gone: %+v", f.Coordinator)
	}
	wait.Until(t, "gone from the cache", func() bool { return inv.Facts(t.Context(), q).Coordinator.Value == nil })

	// Who may not read it does not know it, as a check does not, and the configured one
	// stands in.
	hidden, log := openAs(t, "nobody")
	for range 2 {
		for what, c := range map[string]pod.Answer[cniconf.CoordinatorMode]{
			"asked for":   hidden.Facts(t.Context(), pod.Questions{Coordinator: true}).Coordinator,
			"asked again": hidden.Refresh(t.Context(), pod.Questions{Coordinator: true}, stale).Coordinator,
		} {
			if c != (pod.Answer[cniconf.CoordinatorMode]{Fresh: true}) {
				t.Errorf("%s by one who may not read it: %+v", what, c)
			}
		}
	}
	if n := strings.Count(log(), "cannot read SpiderCoordinator default: using spiderpool.coordinatorMode"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log())
	}
	if c := hidden.Facts(t.Context(), pod.Questions{}).Coordinator; c.Fresh || c.Err != nil {
		t.Errorf("where it is not asked for: %+v", c)
	}
}
