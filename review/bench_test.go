package review_test

import (
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
)

// BenchmarkHostile is the whole decision on pods that are made to cost much, up to the message
// of the answer.
func BenchmarkHostile(b *testing.B) {
	inv, _ := costWorld(b)
	const standalone = `{"name":"macvlan-standalone-static","namespace":"kube-system"`
	for name, annotation := range map[string]string{
		"48 KB of addresses":     listed(120, "[", same(standalone+listed(20, `,"ips":[`, same(`"10.1.1.1/24"`), `]}`)), "]"),
		"128 plain elements":     listed(128, "[", same(standalone+"}"), "]"),
		"126 elements all wrong": listed(126, "[", numbered(`{"name":"A_b-%0400d","namespace":"-","interface":"a%%b","mac":"zz","infiniband-guid":"y"}`), "]"),
	} {
		b.Run(name, func(b *testing.B) {
			object := []byte(annotatedPod("Pod", map[string]string{networksKey: annotation}))
			answer := 0
			b.ReportAllocs()
			for b.Loop() {
				outcome, err := review.Judge(b.Context(), inv, config.Default(), review.Change{
					APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Operation: review.Create, New: object,
				})
				if err != nil || outcome.Verdict.Decision() != verdict.Deny {
					b.Fatal(err, outcome.Verdict.Decision())
				}
				said := outcome.Verdict.Bounded()
				answer = len(said.Explanation(verdict.Deny))
			}
			b.ReportMetric(float64(len(object)), "B/object")
			b.ReportMetric(float64(answer), "B/message")
		})
	}
}
