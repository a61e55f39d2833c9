package spiderpool

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseWithoutAnnotations(t *testing.T) {
	for _, annotations := range []map[string]string{nil, {}, {"k8s.v1.cni.cncf.io/networks": "a", "ipam.spidernet.io/dns": "x"}} {
		got, faults := Parse(annotations)
		if got != &none || faults != nil {
			t.Errorf("%v: %+v with faults %q", annotations, got, briefs(faults))
		}
		if allocated := testing.AllocsPerRun(100, func() { Parse(annotations) }); allocated != 0 {
			t.Errorf("%v: %v allocations", annotations, allocated)
		}
	}
	if diff := cmp.Diff(Annotations{}, none, cmp.AllowUnexported(Annotations{})); diff != "" {
		t.Errorf("the shared value was changed:\n%s", diff)
	}
}

func TestFaultsGoAnnotationByAnnotation(t *testing.T) {
	_, faults := Parse(map[string]string{
		PoolAnnotation: "", PoolsAnnotation: "", SubnetAnnotation: "", SubnetsAnnotation: "",
		IPNumberAnnotation: "", ReclaimAnnotation: "", RoutesAnnotation: "", DefaultRouteNICAnnotation: "",
	})
	var order []string
	for _, f := range faults {
		order = append(order, f.Annotation)
	}
	want := []string{
		SubnetsAnnotation, SubnetAnnotation, IPNumberAnnotation, ReclaimAnnotation, PoolsAnnotation, PoolAnnotation, RoutesAnnotation,
	}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReads(t *testing.T) {
	tests := []struct {
		title   string
		present []string
		subnets bool
		want    []string
	}{
		{"all, with subnets", []string{PoolAnnotation, PoolsAnnotation, SubnetAnnotation, SubnetsAnnotation}, true, []string{SubnetsAnnotation, IPNumberAnnotation, ReclaimAnnotation}},
		{"all, without subnets", []string{PoolAnnotation, PoolsAnnotation, SubnetAnnotation, SubnetsAnnotation}, false, []string{PoolsAnnotation}},
		{"subnet above pools", []string{PoolAnnotation, PoolsAnnotation, SubnetAnnotation}, true, []string{SubnetAnnotation, IPNumberAnnotation, ReclaimAnnotation}},
		{"pools above pool", []string{PoolAnnotation, PoolsAnnotation}, true, []string{PoolsAnnotation}},
		{"pool alone", []string{PoolAnnotation}, true, []string{PoolAnnotation}},
		{"none", nil, true, nil},
	}
	all := []string{PoolAnnotation, PoolsAnnotation, SubnetAnnotation, SubnetsAnnotation, IPNumberAnnotation, ReclaimAnnotation, RoutesAnnotation, DefaultRouteNICAnnotation}
	for _, tt := range tests {
		annotations := map[string]string{}
		for _, key := range tt.present {
			// The presence of the key decides, so an empty value is as good.
			annotations[key] = ""
		}
		got, _ := Parse(annotations)
		want := map[string]bool{RoutesAnnotation: true, DefaultRouteNICAnnotation: true}
		for _, key := range tt.want {
			want[key] = true
		}
		for _, key := range all {
			if reads := got.Reads(key, tt.subnets); reads != want[key] {
				t.Errorf("%s: Reads(%s) = %v, want %v", tt.title, key, reads, want[key])
			}
		}
	}
}

func TestResourceInject(t *testing.T) {
	rdma := map[string]string{RDMAInjectAnnotation: "r"}
	network := map[string]string{NetworkInjectAnnotation: "n"}
	empty := map[string]string{RDMAInjectAnnotation: ""}
	tests := []struct {
		title          string
		pod, namespace map[string]string
		key, value     string
	}{
		{"neither", nil, nil, "", ""},
		{"pod", network, nil, NetworkInjectAnnotation, "n"},
		{"namespace", nil, rdma, RDMAInjectAnnotation, "r"},
		{"pod above namespace", rdma, map[string]string{RDMAInjectAnnotation: "other"}, RDMAInjectAnnotation, "r"},
		{"RDMA of the namespace above network of the pod", network, rdma, RDMAInjectAnnotation, "r"},
		{"an empty value counts", empty, rdma, RDMAInjectAnnotation, ""},
	}
	for _, tt := range tests {
		if key, value := ResourceInject(tt.pod, tt.namespace); key != tt.key || value != tt.value {
			t.Errorf("%s: %q, %q, want %q, %q", tt.title, key, value, tt.key, tt.value)
		}
	}
}

func TestParseNamespacePools(t *testing.T) {
	list := func(s ...string) []string { return s }
	tests := []struct {
		title  string
		v4, v6 *string
		want   NamespacePools
		faults []string
	}{
		{title: "absent"},
		{title: "both", v4: new(`["a","b*"]`), v6: new(`["c"]`), want: NamespacePools{IPv4: list("a", "b*"), IPv6: list("c")}},
		{title: "empty lists and null", v4: new(`[]`), v6: new(`null`)},
		{title: "empty value", v4: new(``), v6: new(`["c"]`), want: NamespacePools{IPv6: list("c"), Unreadable: true}, faults: list(`invalid [-1]. @0 "" is empty`)},
		{title: "a string", v6: new(`"c"`), want: NamespacePools{Unreadable: true}, faults: list(`invalid [-1]. @0 "c" does not fit: the value must be a list of strings`)},
		{title: "an object", v4: new(`{"ipv4":["a"]}`), want: NamespacePools{Unreadable: true}, faults: list(`invalid [-1]. @0 "{\"ipv4\":[\"a\"]}" does not fit: the value must be a list of strings`)},
		{title: "no strings", v4: new(`["a",5]`), want: NamespacePools{IPv4: list("a", ""), Unreadable: true}, faults: list(`invalid [-1]. @5 "5" does not fit: the value must be a list of strings`)},
		{
			title: "twice, empty, and a bad pattern", v4: new(`["a", "a"]`), v6: new(`["","[]"]`), want: NamespacePools{IPv4: list("a", "a"), IPv6: list("", "[]")},
			faults: list(
				`invalid [-1]. @6 "a" is named twice for one interface`,
				`invalid [-1]. @1 "" is an empty name`,
				`invalid [-1]. @4 "[]" is a pattern that cannot be read`,
			),
		},
	}
	for _, tt := range tests {
		annotations := map[string]string{}
		if tt.v4 != nil {
			annotations[NamespaceIPv4Annotation] = *tt.v4
		}
		if tt.v6 != nil {
			annotations[NamespaceIPv6Annotation] = *tt.v6
		}
		got, faults := ParseNamespacePools(annotations)
		if diff := cmp.Diff(tt.want, got, sameSelections); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", tt.title, diff)
		}
		if diff := cmp.Diff(tt.faults, briefs(faults)); diff != "" {
			t.Errorf("%s: faults (-want +got):\n%s", tt.title, diff)
		}
	}
}
