package review_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// remembering has a mode of coordinators in memory, or no answer, and reads what it is now.
type remembering struct {
	inventory.Inventory
	memory, now pod.Answer[cniconf.CoordinatorMode]
	refreshed   int
}

func (r *remembering) Facts(ctx context.Context, q pod.Questions) pod.Facts {
	return withMode(r.Inventory.Facts(ctx, q), r.memory)
}

func (r *remembering) Refresh(_ context.Context, _ pod.Questions, facts pod.Facts) pod.Facts {
	r.refreshed++
	return withMode(facts, r.now)
}

func withMode(facts pod.Facts, mode pod.Answer[cniconf.CoordinatorMode]) pod.Facts {
	facts.Coordinator = mode
	return facts
}

// The mode of coordinators that name none decides roles, so that a refusal for a role is
// confirmed, and where it is not known there is no verdict. Networks that name a mode
// depend on it in neither way.
func TestTheModeOfCoordinatorsIsConfirmed(t *testing.T) {
	answer := func(mode cniconf.CoordinatorMode, fresh bool) pod.Answer[cniconf.CoordinatorMode] {
		return pod.Answer[cniconf.CoordinatorMode]{Value: &mode, Fresh: fresh}
	}
	broken := pod.Answer[cniconf.CoordinatorMode]{Err: errors.New("connection refused")}
	world := func(coordinator string) inventory.Inventory {
		return given.Inventory(t, `{apiVersion: v1, kind: Namespace, metadata: {name: default}}`+"\n---\n"+
			`{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: a, namespace: default}, `+
			`spec: {config: '{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"eth1"},`+coordinator+`]}'}}`+"\n")
	}
	inherits, named := `{"type":"coordinator"}`, `{"type":"coordinator","mode":"underlay"}`
	for _, tt := range []struct {
		name, coordinator string
		memory, now       pod.Answer[cniconf.CoordinatorMode]
		want              verdict.Action
		refreshed         int
		undecided         bool
	}{
		{"as in memory", inherits, answer(cniconf.ModeUnderlay, false), answer(cniconf.ModeUnderlay, true), verdict.Deny, 1, false},
		{"changed a moment ago", inherits, answer(cniconf.ModeUnderlay, false), answer(cniconf.ModeOverlay, true), verdict.Allow, 1, false},
		{"fresh already", inherits, answer(cniconf.ModeUnderlay, true), broken, verdict.Deny, 0, false},
		{"cannot be read again", inherits, answer(cniconf.ModeUnderlay, false), broken, verdict.Allow, 1, true},
		{"not known", inherits, broken, broken, verdict.Allow, 0, true},
		{"of a network that names one", named, broken, broken, verdict.Deny, 0, false},
	} {
		inv := &remembering{Inventory: world(tt.coordinator), memory: tt.memory, now: tt.now}
		s := &pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "default", Name: "pod", Annotations: map[string]string{"k8s.v1.cni.cncf.io/networks": "a"}}
		v := review.JudgePod(t.Context(), inv, config.Default(), s)
		if got := v.Decision(); got != tt.want || inv.refreshed != tt.refreshed || (v.Undecided != nil) != tt.undecided {
			t.Errorf("%s: %s after %d refreshes, undecided %v; want %s after %d\n%s", tt.name, got, inv.refreshed, v.Undecided, tt.want, tt.refreshed, v.Explanation(verdict.Warn))
		}
		if tt.undecided && (v.Undecided == nil || !strings.HasPrefix(v.Undecided.Error(), "look up the mode of coordinators that name none: connection refused")) {
			t.Errorf("%s: undecided %v", tt.name, v.Undecided)
		}
	}
}
