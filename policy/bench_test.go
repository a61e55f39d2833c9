package policy

import (
	"fmt"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
)

// BenchmarkDecision is a whole decision on a pod with two interfaces, from the
// annotations to the verdict, with the networks at hand.
func BenchmarkDecision(b *testing.B) {
	for _, test := range []struct {
		name        string
		annotations map[string]string
		want        Action
	}{
		{"allow/comma", map[string]string{multus.DefaultNetworkAnnotation: "kube-system/veth", multus.NetworksAnnotation: "kube-system/veth"}, Allow},
		{"allow/json", map[string]string{multus.DefaultNetworkAnnotation: `[{"name":"veth","namespace":"kube-system"}]`, multus.NetworksAnnotation: `[{"name":"veth","namespace":"kube-system"}]`}, Allow},
		{"deny", map[string]string{multus.DefaultNetworkAnnotation: "kube-system/veth", multus.NetworksAnnotation: "kube-system/router"}, Deny},
	} {
		b.Run(test.name, func(b *testing.B) {
			config := DefaultConfig()
			subject := &Subject{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Name: "web", Annotations: test.annotations}
			known := facts(Parse(subject, config).Questions().Networks)
			b.ReportAllocs()
			for b.Loop() {
				verdict := Judge(Parse(subject, config).With(known))
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
			pod  *Subject
			want Action
		}{
			{"named", podOf("networks", both, "ippools", `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["wan-v4"]}]`), Allow},
			{"pattern", podOf("networks", both, "ippools", `[{"interface":"net1","ipv4":["lan-*"]},{"interface":"net2","ipv4":["wan-v?"]}]`), Allow},
			{"pattern without prefix", podOf("networks", both, "ippools", `[{"interface":"net1","ipv4":["*an-v4"]},{"interface":"net2","ipv4":["*an-v4"]}]`), Allow},
			{"default pools", podOf("networks", both), Allow},
			{"filled in", podOf("networks", "kube-system/lan-default,kube-system/wan-default"), Allow},
			{"filled in beside default pools", podOf("networks", "kube-system/lan-default,kube-system/wan"), Allow},
			{"deny", podOf("networks", both, "ippools", `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["gone"]}]`), Deny},
		} {
			b.Run(fmt.Sprintf("%s/%d", test.name, pools), func(b *testing.B) {
				config := DefaultConfig()
				b.ReportAllocs()
				for b.Loop() {
					verdict := c.judge(c.complete(test.pod, config), config)
					if verdict.Decision() != test.want {
						b.Fatal(verdict.Explanation(Warn))
					}
				}
			})
		}
	}
}

// BenchmarkDecode is the reading of a pod of some 10 kB.
func BenchmarkDecode(b *testing.B) {
	pod := []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"web-","annotations":{"k8s.v1.cni.cncf.io/networks":"kube-system/router"}},"spec":{"containers":[`)
	for i := range 20 {
		if i > 0 {
			pod = append(pod, ',')
		}
		pod = append(pod, `{"name":"app","image":"app:1","env":[{"name":"A_VARIABLE","value":"a value that is somewhat longer"},{"name":"ANOTHER_VARIABLE","value":"a value that is somewhat longer"}],"resources":{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"memory":"256Mi"}},"volumeMounts":[{"name":"data","mountPath":"/var/lib/data"}]}`...)
	}
	pod = append(pod, `]}}`...)
	b.SetBytes(int64(len(pod)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeSubject("v1", "Pod", "team-a", pod); err != nil {
			b.Fatal(err)
		}
	}
}
