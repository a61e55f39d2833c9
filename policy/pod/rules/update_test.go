package rules

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// What stood in a workload before an update is warned of, what the update brings is
// refused.
func TestInherit(t *testing.T) {
	const first, networks = multus.DefaultNetworkAnnotation, multus.NetworksAnnotation
	template := func(annotations map[string]string) *pod.Subject {
		return &pod.Subject{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "kube-system-2", PodPath: "spec.template", Annotations: annotations, Labels: map[string]string{"app": "web"}}
	}
	judged := func(s *pod.Subject) verdict.Verdict {
		pod := pod.Parse(s, config.Default())
		return Judge(pod.With(facts(pod.Questions().Networks)))
	}
	for name, test := range map[string]struct {
		old, new map[string]string
		want     string
	}{
		"nothing changed":                       {map[string]string{first: "router"}, map[string]string{first: "router"}, "warn overlay-as-default-network"},
		"another annotation is added":           {map[string]string{first: "router"}, map[string]string{first: "router", networks: "router@lo"}, "deny interface-name-conflict, warn overlay-as-default-network"},
		"another wrong value":                   {map[string]string{first: "router"}, map[string]string{first: "coordinator-overlay"}, "deny overlay-as-default-network"},
		"the same mistake, written differently": {map[string]string{first: "router"}, map[string]string{first: " router"}, "deny overlay-as-default-network"},
		"a new mistake":                         {map[string]string{}, map[string]string{first: "router"}, "deny overlay-as-default-network"},
		"a mistake mended":                      {map[string]string{first: "router"}, map[string]string{networks: "router"}, ""},
		"one of two mended":                     {map[string]string{first: "router", networks: "router@lo"}, map[string]string{first: "router", networks: "router"}, "warn overlay-as-default-network"},
	} {
		t.Run(name, func(t *testing.T) {
			old, subject := template(test.old), template(test.new)
			verdict, before := judged(subject), judged(old)
			pod.Inherit(&verdict, subject, old, &before)
			if got := ids(verdict); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// In mode warn, what stood in a workload before is told from what the update brings as well.
func TestInheritInModeWarn(t *testing.T) {
	subject := func(value string) *pod.Subject {
		return &pod.Subject{Kind: "Deployment", Namespace: "team-a", PodPath: "spec.template", Mode: verdict.ModeWarn, Annotations: map[string]string{multus.DefaultNetworkAnnotation: value}}
	}
	for value, want := range map[string]bool{"router": true, "coordinator-overlay": false} {
		old, written := subject("router"), subject(value)
		judged := func(s *pod.Subject) verdict.Verdict {
			pod := pod.Parse(s, config.Default())
			return Judge(pod.With(facts(pod.Questions().Networks)))
		}
		v, before := judged(written), judged(old)
		pod.Inherit(&v, written, old, &before)
		if len(v.Findings) != 1 || !v.Findings[0].Relaxed || v.Findings[0].Inherited != want {
			t.Errorf("%s: %+v", value, v.Findings)
		}
	}
}

// Whoever mends the faults that were said is not refused for those behind them that were not.
func TestInheritBehindWhatIsSaid(t *testing.T) {
	const many, few = verdict.MaxFindings + 5, 3
	wrong := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(`{},`, n), ",") + "]" }
	workload := func(pairs ...string) *pod.Subject {
		s := podOf(append(pairs, "networks", "kube-system/lan")...)
		s.APIVersion, s.Kind, s.PodPath = "apps/v1", "Deployment", "spec.template"
		return s
	}
	for name, tt := range map[string]struct {
		old, new *pod.Subject
		want     verdict.Action
	}{
		"unchanged":                   {workload("subnets", wrong(many), "routes", wrong(few)), workload("subnets", wrong(many), "routes", wrong(few)), verdict.Warn},
		"the first are mended":        {workload("subnets", wrong(many), "routes", wrong(few)), workload("routes", wrong(few)), verdict.Warn},
		"others are put behind":       {workload("subnets", wrong(many), "routes", wrong(few)), workload("routes", wrong(few+1)), verdict.Deny},
		"all were said":               {workload("subnets", wrong(few), "routes", wrong(few)), workload("routes", wrong(few)), verdict.Warn},
		"the others are new":          {workload("subnets", wrong(few)), workload("subnets", wrong(few), "routes", wrong(few)), verdict.Deny},
		"the others are out of sight": {workload("subnets", wrong(many)), workload("subnets", wrong(many), "routes", wrong(few)), verdict.Deny},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			v, before := c.judge(tt.new, config.Default()), c.judge(tt.old, config.Default())
			if before.Decision() != verdict.Deny || v.Decision() != verdict.Deny {
				t.Fatalf("%s, and before %s", v.Decision(), before.Decision())
			}
			pod.Inherit(&v, tt.new, tt.old, &before)
			if v.Decision() != tt.want {
				t.Errorf("%s, want %s\n%s", v.Decision(), tt.want, v.Explanation(verdict.Deny))
			}
		})
	}
}
