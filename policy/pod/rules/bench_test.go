package rules

import (
	"fmt"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// BenchmarkDecision is a whole decision on a pod with two interfaces, from the
// annotations to the verdict, with the networks at hand.
func BenchmarkDecision(b *testing.B) {
	for _, test := range []struct {
		name        string
		annotations map[string]string
		want        verdict.Action
	}{
		{"allow/comma", map[string]string{multus.DefaultNetworkAnnotation: "kube-system/veth", multus.NetworksAnnotation: "kube-system/veth"}, verdict.Allow},
		{"allow/json", map[string]string{multus.DefaultNetworkAnnotation: `[{"name":"veth","namespace":"kube-system"}]`, multus.NetworksAnnotation: `[{"name":"veth","namespace":"kube-system"}]`}, verdict.Allow},
		{"deny", map[string]string{multus.DefaultNetworkAnnotation: "kube-system/veth", multus.NetworksAnnotation: "kube-system/router"}, verdict.Deny},
	} {
		b.Run(test.name, func(b *testing.B) {
			config := config.Default()
			subject := &pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Name: "web", Annotations: test.annotations}
			known := facts(pod.Parse(subject, config).Questions().Networks)
			b.ReportAllocs()
			for b.Loop() {
				verdict := Judge(pod.Parse(subject, config).With(known))
				if verdict.Decision() != test.want {
					b.Fatal(verdict.Decision())
				}
			}
		})
	}
}

// BenchmarkPools is a whole decision on a pod with two interfaces whose addresses
// come from Spiderpool, both admissions of it: what is to be filled in, and the verdict.
// With five thousand pools it takes about as long as with ten, but for a pattern that
// begins with a star.
func BenchmarkPools(b *testing.B) {
	const both = "kube-system/lan,kube-system/wan"
	for _, pools := range []int{10, 5000} {
		c := newLargeCluster(b, pools)
		for _, test := range []struct {
			name string
			pod  *pod.Subject
			want verdict.Action
		}{
			{"named", podOf("networks", both, "ippools", `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["wan-v4"]}]`), verdict.Allow},
			{"pattern", podOf("networks", both, "ippools", `[{"interface":"net1","ipv4":["lan-*"]},{"interface":"net2","ipv4":["wan-v?"]}]`), verdict.Allow},
			{"pattern without prefix", podOf("networks", both, "ippools", `[{"interface":"net1","ipv4":["*an-v4"]},{"interface":"net2","ipv4":["*an-v4"]}]`), verdict.Allow},
			{"default pools", podOf("networks", both), verdict.Allow},
			{"filled in", podOf("networks", "kube-system/lan-default,kube-system/wan-default"), verdict.Allow},
			{"filled in beside default pools", podOf("networks", "kube-system/lan-default,kube-system/wan"), verdict.Allow},
			{"deny", podOf("networks", both, "ippools", `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["gone"]}]`), verdict.Deny},
		} {
			b.Run(fmt.Sprintf("%s/%d", test.name, pools), func(b *testing.B) {
				config := config.Default()
				b.ReportAllocs()
				for b.Loop() {
					v := c.judge(c.complete(test.pod, config), config)
					if v.Decision() != test.want {
						b.Fatal(v.Explanation(verdict.Warn))
					}
				}
			})
		}
	}
}

// BenchmarkDecode is the reading of a pod of some 10 kB.
func BenchmarkDecode(b *testing.B) {
	p := []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"web-","annotations":{"k8s.v1.cni.cncf.io/networks":"kube-system/router"}},"spec":{"containers":[`)
	for i := range 20 {
		if i > 0 {
			p = append(p, ',')
		}
		p = append(p, `{"name":"app","image":"app:1","env":[{"name":"A_VARIABLE","value":"a value that is somewhat longer"},{"name":"ANOTHER_VARIABLE","value":"a value that is somewhat longer"}],"resources":{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"memory":"256Mi"}},"volumeMounts":[{"name":"data","mountPath":"/var/lib/data"}]}`...)
	}
	p = append(p, `]}}`...)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pod.Decode("v1", "Pod", "team-a", p); err != nil {
			b.Fatal(err)
		}
	}
}
