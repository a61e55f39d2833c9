package cluster_test

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// The mode that decides roles is an answer like any other: from memory, fresh when it was
// asked for again, or an error.
func TestCoordinatorOfTheCluster(t *testing.T) {
	coordinator := func(mode string) string {
		return "apiVersion: spiderpool.spidernet.io/v2beta1\nkind: SpiderCoordinator\nmetadata: {name: default}\nspec: {mode: " + mode + "}\n"
	}
	inv := running(t)
	if c := inv.Facts(t.Context(), networks()).Coordinator; c != (policy.CoordinatorFact{}) {
		t.Errorf("before there is one: %+v", c)
	}
	applied(t, coordinator("underlay")+"---\n"+network("coordinated", "coordinator"))
	q := networks("coordinated")
	wait.Until(t, "in the cache", func() bool {
		f := inv.Facts(t.Context(), q)
		return f.Coordinator == policy.CoordinatorFact{Mode: "underlay"} && f.CoordinatorMode == "underlay"
	})
	stale := inv.Facts(t.Context(), q)
	kubectl(t, coordinator("overlay"), "apply", "-f", "-")
	if f := inv.Refresh(t.Context(), q, stale); f.Coordinator != (policy.CoordinatorFact{Mode: "overlay", Fresh: true}) || f.CoordinatorMode != "overlay" {
		t.Errorf("asked again: %+v", f.Coordinator)
	}
	kubectl(t, "", "delete", "spidercoordinator", "default")
	if f := inv.Refresh(t.Context(), q, stale); f.Coordinator != (policy.CoordinatorFact{Fresh: true}) || f.CoordinatorMode != "" {
		t.Errorf("asked again when it is gone: %+v", f.Coordinator)
	}
	wait.Until(t, "gone from the cache", func() bool { return inv.Facts(t.Context(), q).CoordinatorMode == "" })

	hidden, _ := openAs(t, "nobody")
	if c := hidden.Facts(t.Context(), policy.Questions{}).Coordinator; !apierrors.IsForbidden(c.Err) || c.Fresh {
		t.Errorf("of one who may not read it: %+v", c)
	}
}
