package spiderpool

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// object decodes a SpiderIPPool as an inventory does.
func object(t *testing.T, text string) *PoolSource {
	t.Helper()
	var s PoolSource
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &s
}

func TestCompilePool(t *testing.T) {
	full := object(t, `{
		"apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderIPPool",
		"metadata": {"name": "vlan100", "labels": {"a": "b"}},
		"spec": {
			"ipVersion": 6, "subnet": "fd00::/64", "ips": ["fd00::1-fd00::9"], "disable": true, "default": true,
			"multusName": ["kube-system/a", "b"], "namespaceName": ["x"], "nodeName": ["n"],
			"podAffinity": {"matchLabels": {"app": "web"}}, "namespaceAffinity": {"matchLabels": {"team": "net"}}
		},
		"status": {"totalIPCount": 9, "allocatedIPCount": 2, "allocatedIPs": "{}"}
	}`)
	p := CompilePool(full)
	if p.NamespaceSelector.String() != "team=net" || p.PodSelector.String() != "app=web" {
		t.Errorf("selectors %v and %v", p.NamespaceSelector, p.PodSelector)
	}
	p.NamespaceSelector, p.PodSelector = nil, nil
	want := &Pool{
		Name: "vlan100", Version: IPv6, Subnet: netip.MustParsePrefix("fd00::/64"), Disabled: true, Default: true,
		MultusNames: []string{"kube-system/a", "b"}, Namespaces: []string{"x"},
		NodeRestricted: true, Total: 9, Allocated: 2,
	}
	if diff := cmp.Diff(want, p, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	empty := CompilePool(&PoolSource{})
	if diff := cmp.Diff(&Pool{Total: -1, Allocated: -1}, empty, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("empty object (-want +got):\n%s", diff)
	}

	deleted := full
	deleted.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)}
	if !CompilePool(deleted).Terminating {
		t.Error("a pool with a deletion timestamp is not terminating")
	}
}

func TestCompilePoolVersion(t *testing.T) {
	tests := []struct {
		spec string
		want int
	}{
		{`{"ipVersion":4}`, IPv4},
		{`{"ipVersion":6,"subnet":"10.0.0.0/8"}`, IPv6},
		{`{"ipVersion":5,"subnet":"10.0.0.0/8"}`, 0},
		{`{"subnet":"10.0.0.0/8"}`, IPv4},
		{`{"subnet":"fd00::/64"}`, IPv6},
		{`{"subnet":"10.0.0.0"}`, 0},
		{`{}`, 0},
	}
	for _, tt := range tests {
		if got := CompilePool(object(t, `{"spec":`+tt.spec+`}`)).Version; got != tt.want {
			t.Errorf("%s: version %d, want %d", tt.spec, got, tt.want)
		}
	}
}

func TestCompilePoolOwner(t *testing.T) {
	const affinity = `"spec":{"podAffinity":{"matchLabels":{"ipam.spidernet.io/app-api-group":"apps","ipam.spidernet.io/app-api-version":"v1",
		"ipam.spidernet.io/app-kind":"Deployment","ipam.spidernet.io/app-namespace":"shop","ipam.spidernet.io/app-name":"web"}}}`
	const label = `"metadata":{"labels":{"ipam.spidernet.io/owner-application-name":"web"}}`
	made := CompilePool(object(t, `{`+label+`,`+affinity+`}`))
	want := &Owner{Kind: "Deployment", Namespace: "shop", Name: "web"}
	if diff := cmp.Diff(want, made.Owner); diff != "" || made.PodSelector != nil {
		t.Errorf("selector %v, owner (-want +got):\n%s", made.PodSelector, diff)
	}
	if p := CompilePool(object(t, `{`+label+`}`)); p.Owner != nil || p.PodSelector != nil {
		t.Errorf("label without affinity: %+v", p)
	}
	if p := CompilePool(object(t, `{`+affinity+`}`)); p.Owner != nil || p.PodSelector == nil {
		t.Errorf("affinity without label: %+v", p)
	}
}

func TestExhausted(t *testing.T) {
	tests := []struct {
		status string
		want   bool
	}{
		{`{"totalIPCount":10,"allocatedIPCount":9}`, false},
		{`{"totalIPCount":10,"allocatedIPCount":10}`, true},
		{`{"totalIPCount":10,"allocatedIPCount":11}`, true},
		{`{"totalIPCount":0,"allocatedIPCount":0}`, true},
		{`{"totalIPCount":10}`, false},
		{`{"allocatedIPCount":10}`, false},
		{`{"totalIPCount":-5,"allocatedIPCount":-1}`, false},
		{`{}`, false},
	}
	for _, tt := range tests {
		if got := CompilePool(object(t, `{"status":`+tt.status+`}`)).Exhausted(); got != tt.want {
			t.Errorf("%s: exhausted is %v, want %v", tt.status, got, tt.want)
		}
	}
}
