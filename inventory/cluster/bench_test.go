package cluster

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
)

// full is a cache that is filled already.
type full chan struct{}

func (f full) Name() string          { return "" }
func (f full) Done() <-chan struct{} { return f }

// fill takes the cache for filled.
func (w *watched[T]) fill(done cache.DoneChecker) { w.filled = done }

// filledWith is an inventory whose caches hold so many objects, without a cluster.
func filledWith(b *testing.B, networks, pools int) *Inventory {
	b.Helper()
	inv, err := New(Options{Config: &rest.Config{Host: "localhost"}, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	done := make(full)
	close(done)
	for _, k := range inv.kinds {
		k.(interface{ fill(cache.DoneChecker) }).fill(done)
	}
	for n := range networks {
		name := fmt.Sprint("vlan", n)
		keep(b, inv.networks, "default", name, cniconf.Compile(cniconf.Source{
			Namespace: "default", Name: name, Annotations: map[string]string{"v1.multus-underlay-cni.io/instance-type": "macvlan_overlay"},
			Config: fmt.Sprintf(`{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"bond0.%d","ipam":{"type":"spiderpool","default_ipv4_ippool":["vlan%d-v4"]}}]}`, n, n%pools),
		}))
	}
	keep(b, inv.namespaces, "", "default", pod.CompileNamespace(map[string]string{"kubernetes.io/metadata.name": "default"}, nil))
	for n := range pools {
		name := fmt.Sprintf("vlan%d-v4", n)
		pool := &spiderpool.Pool{Name: name, Version: spiderpool.IPv4, Default: n%2 == 0, Total: -1, Allocated: -1}
		keep(b, inv.pools.watched, "", name, pool)
		inv.pools.index.Set(pool)
	}
	return inv
}

func keep[T any](b *testing.B, w *watched[T], namespace, name string, value *T) {
	b.Helper()
	if err := w.informer.GetStore().Add(&cached[T]{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, value: value}); err != nil {
		b.Fatal(err)
	}
}

var sizes = []struct{ networks, pools int }{{10, 10}, {10_000, 5_000}}

func BenchmarkFacts(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("networks=%d/pools=%d", size.networks, size.pools), func(b *testing.B) {
			inv := filledWith(b, size.networks, size.pools)
			q := pod.Questions{Networks: []object.Reference{{Namespace: "default", Name: "vlan7"}, {Namespace: "default", Name: "vlan9"}}, Namespace: "default"}
			b.ReportAllocs()
			for b.Loop() {
				facts := inv.Facts(b.Context(), q)
				if facts.Networks[1].Value == nil || facts.Namespace.Value == nil || facts.Pools.Index.Pool("vlan9-v4") == nil {
					b.Fatalf("%+v", facts)
				}
			}
		})
	}
}

// BenchmarkJudge is a whole decision on a pod that is right: with the pools that
// it names, and with those of its networks.
func BenchmarkJudge(b *testing.B) {
	annotations := map[string]map[string]string{
		"named":   {"k8s.v1.cni.cncf.io/networks": "default/vlan7,default/vlan9", spiderpool.PoolsAnnotation: `[{"interface":"net1","ipv4":["vlan7-v4"]},{"interface":"net2","ipv4":["vlan9-v4"]}]`},
		"network": {"k8s.v1.cni.cncf.io/networks": "default/vlan7,default/vlan9"},
	}
	for _, size := range sizes {
		inv := filledWith(b, size.networks, size.pools)
		for _, source := range []string{"named", "network"} {
			b.Run(fmt.Sprintf("%s/networks=%d/pools=%d", source, size.networks, size.pools), func(b *testing.B) {
				subject := &pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "default", Annotations: annotations[source]}
				config := config.Default()
				b.ReportAllocs()
				for b.Loop() {
					v := review.JudgePod(b.Context(), inv, config, subject)
					if v.Decision() != verdict.Allow || v.Undecided != nil {
						b.Fatalf("%+v", v)
					}
				}
			})
		}
	}
}

// BenchmarkHolders is the question who holds ten addresses, one of which another
// workload has.
func BenchmarkHolders(b *testing.B) {
	for _, workloads := range []int{10, 2_000} {
		b.Run(fmt.Sprintf("workloads=%d", workloads), func(b *testing.B) {
			inv := filledWith(b, 1, 1)
			subnet := flatnetwork.SubnetReference{Generation: flatnetwork.V1, Name: "vlan9"}
			address := netip.MustParseAddr("10.0.0.0")
			var q pod.Questions
			for n := range workloads {
				h := &pod.Holder{Identity: object.Identity{Name: fmt.Sprint("web-", n)}}
				for range 10 {
					address = address.Next()
					h.Claims = append(h.Claims, pod.Claim{IP: address, Subnet: subnet})
				}
				inv.holders.index.Set(h.Name, h)
			}
			for range 10 {
				q.Addresses.IPs = append(q.Addresses.IPs, address)
				address = address.Next()
			}
			b.ReportAllocs()
			for b.Loop() {
				if facts := inv.Facts(b.Context(), q).Holders; len(facts.Holders) != 1 || facts.Err != nil {
					b.Fatalf("%+v", facts)
				}
			}
		})
	}
}

// BenchmarkIndexClone is what the confirmation of a refusal costs beside the reads.
func BenchmarkIndexClone(b *testing.B) {
	for _, size := range sizes {
		inv := filledWith(b, 1, size.pools)
		b.Run(fmt.Sprintf("pools=%d", size.pools), func(b *testing.B) {
			for b.Loop() {
				if inv.pools.index.Clone().Pool("vlan9-v4") == nil {
					b.Fatal("a pool is lost")
				}
			}
		})
	}
}
