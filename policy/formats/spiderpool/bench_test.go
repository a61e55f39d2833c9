package spiderpool

import (
	"fmt"
	"strconv"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	annotations := map[string]map[string]string{
		"none":    {"k8s.v1.cni.cncf.io/networks": "kube-system/vlan100"},
		"ippool":  {PoolAnnotation: `{"ipv4":["vlan100-v4"],"ipv6":["vlan100-v6"]}`},
		"ippools": {PoolsAnnotation: `[{"interface":"eth0","ipv4":["vlan100-v4"]},{"interface":"net1","ipv4":["vlan200-v4"]}]`},
	}
	for _, name := range []string{"none", "ippool", "ippools"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, faults := Parse(annotations[name]); faults != nil {
					b.Fatalf("faults %q", briefs(faults))
				}
			}
		})
	}
}

// pools makes half as many VLANs, each with a pool of either family.
func pools(n int) *Index {
	all := make([]*Pool, n)
	for i := range all {
		all[i] = &Pool{
			Name: fmt.Sprintf("vlan%d-v%d", i/2, 4+i%2*2), Version: 4 + i%2*2, Default: i < 2,
			MultusNames: []string{fmt.Sprintf("kube-system/vlan%d", i/2)},
		}
	}
	return NewIndex(all...)
}

func BenchmarkChoose(b *testing.B) {
	for _, n := range []int{10, 5000} {
		index := pools(n)
		for _, bench := range []struct{ title, written string }{
			{"name", "vlan3-v4"}, {"pattern", "vlan3-*"}, {"pattern without prefix", "*n3-v4"},
		} {
			b.Run(bench.title+"/"+strconv.Itoa(n), func(b *testing.B) {
				iface := []Interface{{Name: "net1", Position: 1, IPv4Pools: []string{bench.written}}}
				r := &Request{Family: IPv4, Network: MultusName{"kube-system", "vlan3"}}
				world := &World{Pools: index}
				b.ReportAllocs()
				for b.Loop() {
					choice := Choose(&none, iface, world)[0]
					if reason, detail := index.Pool(choice.IPv4[0]).Misfit(r); reason != MisfitNone {
						b.Fatal(detail)
					}
				}
			})
		}
	}
}

func BenchmarkIndexSet(b *testing.B) {
	for _, n := range []int{10, 5000} {
		index := pools(n)
		b.Run("status/"+strconv.Itoa(n), func(b *testing.B) {
			p := *index.Pool("vlan3-v4")
			b.ReportAllocs()
			for b.Loop() {
				index.Set(&p)
			}
		})
		b.Run("new/"+strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				index.Set(&Pool{Name: "vlan2-new", Version: IPv4})
				index.Delete("vlan2-new")
			}
		})
	}
}

func BenchmarkNewIndex5000(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if len(pools(5000).Names(IPv4)) != 2500 {
			b.Fatal("pools are missing")
		}
	}
}
