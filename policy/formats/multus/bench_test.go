package multus

import "testing"

func benchmark(b *testing.B, value string, networks int) {
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		if elements, faults := ParseNetworks(value, "default"); len(elements) != networks || faults != nil {
			b.Fatalf("%d elements and faults %+v", len(elements), faults)
		}
	}
}

func BenchmarkParseComma(b *testing.B) {
	benchmark(b, "kube-system/macvlan-overlay-vlan100,kube-system/macvlan-overlay-vlan200@net2", 2)
}

func BenchmarkParseJSON(b *testing.B) {
	benchmark(b, `[{"name":"macvlan-overlay-vlan100","namespace":"kube-system"},`+
		`{"name":"macvlan-overlay-vlan200","namespace":"kube-system","interface":"net2","mac":"02:00:00:00:00:01","ips":["10.6.0.5/16"]}]`, 2)
}

func BenchmarkInterfaceNames(b *testing.B) {
	networks := []Element{{Name: "a"}, {Name: "b", Interface: "net2"}}
	b.ReportAllocs()
	for b.Loop() {
		if names, conflicts := InterfaceNames(nil, 0, networks); len(names) != 3 || conflicts != nil {
			b.Fatalf("names %q, conflicts %+v", names, conflicts)
		}
	}
}
