package review_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// What is refused by default, be it a pod, a network or a subnet, is a warning where the
// configuration says that nothing is to be refused, and is not looked at where it says off.
func TestDefaultMode(t *testing.T) {
	inv := given.Inventory(t, string(fixtures.Inventory()))
	all, err := fixtures.Load()
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]int{}
	for _, f := range all {
		t.Run(f.Path, func(t *testing.T) {
			o := given.Objects(t, string(f.Text))[0]
			namespace := o.Namespace
			if namespace == "" {
				namespace = "default"
			}
			change := review.Change{
				APIVersion: o.APIVersion, Kind: o.Kind, Namespace: namespace, Operation: review.Create,
				New: o.JSON, Stored: inv, Final: f.Bypassed,
			}
			judge := func(mode verdict.Mode, enforced ...string) verdict.Verdict {
				config, err := policy.ParseConfig(f.PolicyConfig())
				if err != nil {
					t.Fatal(err)
				}
				config.DefaultMode, config.AlwaysEnforce = mode, enforced
				out, err := review.Judge(t.Context(), inv, config, change)
				if err != nil {
					t.Fatal(err)
				}
				return out.Verdict
			}
			strict := judge(verdict.ModeEnforce)
			if strict.Decision() != verdict.Deny {
				return
			}
			refused[o.Kind]++
			if v := judge(verdict.ModeWarn); v.Decision() != verdict.Warn || v.Mode != verdict.ModeWarn || v.Undecided != nil || !slices.ContainsFunc(v.Findings, func(f verdict.Finding) bool { return f.Relaxed }) {
				t.Errorf("warn: %+v", v)
			}
			if v := judge(verdict.ModeOff); v.Exempt != "defaultMode off" || len(v.Findings) > 0 {
				t.Errorf("off: %+v", v)
			}
			if v := judge(verdict.ModeWarn, namespace); v.Decision() != verdict.Deny {
				t.Errorf("warn, in a namespace that is always enforced: %+v", v)
			}
		})
	}
	for _, kind := range []string{"Pod", "NetworkAttachmentDefinition", "MacvlanSubnet", "FlatNetworkSubnet"} {
		if refused[kind] == 0 {
			t.Errorf("no %s is refused, only %q", kind, slices.Sorted(maps.Keys(refused)))
		}
	}
}

// A namespace has a say in what becomes of its pods, a Binding among that, also where what is
// written cannot be read. It has none in networks and subnets, which others may use.
func TestModeOfUnreadable(t *testing.T) {
	inv := given.Inventory(t, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"team-a","labels":{"macvlan-webhook.io/mode":"warn"}}}`)
	own := []string{"Pod", "Binding", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"}
	for _, kind := range review.Kinds() {
		want := verdict.ModeEnforce
		if slices.Contains(own, kind.Kind) {
			want = verdict.ModeWarn
		}
		for namespace, want := range map[string]verdict.Mode{"team-a": want, "team-b": verdict.ModeEnforce} {
			change := review.Change{APIVersion: kind.APIVersion, Kind: kind.Kind, Namespace: namespace, Operation: review.Create, New: []byte(`{"metadata":7}`)}
			if got := review.Mode(t.Context(), inv, config.Default(), change); got != want {
				t.Errorf("%s in %s: %s, want %s", kind.Kind, namespace, got, want)
			}
		}
	}
}
