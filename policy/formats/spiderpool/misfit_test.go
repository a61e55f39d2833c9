package spiderpool

import (
	"fmt"
	"strings"
	"testing"
)

// TestMisfit goes through Spiderpool's filter reason by reason.
func TestMisfit(t *testing.T) {
	const owned = `{"metadata":{"labels":{"ipam.spidernet.io/owner-application-name":"web"}},"spec":{"ipVersion":4,"multusName":["other/net"],
		"podAffinity":{"matchLabels":{"ipam.spidernet.io/app-api-group":"apps","ipam.spidernet.io/app-api-version":"v1",
		"ipam.spidernet.io/app-kind":"Deployment","ipam.spidernet.io/app-namespace":"%s","ipam.spidernet.io/app-name":"web"}}}}`
	spec := func(s string) string { return `{"spec":{"ipVersion":4` + s + `}}` }
	request := func(change func(*Request)) Request {
		r := Request{
			Family: IPv4, Network: MultusName{"kube-system", "vlan100"}, Namespace: "shop",
			NamespaceLabels: map[string]string{"team": "net"}, PodLabels: map[string]string{"app": "web"},
			SpiderpoolNamespace: "spiderpool",
		}
		if change != nil {
			change(&r)
		}
		return r
	}
	tests := []struct {
		title, pool string
		change      func(*Request)
		want        Misfit
		detail      string
	}{
		{title: "any", pool: spec(``)},
		{title: "other family", pool: `{"spec":{"ipVersion":6}}`, want: MisfitFamily, detail: "is an IPv6 pool in a list of IPv4 pools"},
		{title: "no family", pool: `{}`, want: MisfitFamily, detail: "has no IP version (spec.ipVersion)"},
		{title: "disabled", pool: spec(`,"disable":true`), want: MisfitDisabled, detail: "is disabled (spec.disable)"},
		{title: "terminating", pool: `{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"ipVersion":6,"disable":true}}`, want: MisfitTerminating, detail: "is being deleted"},
		{title: "node is not judged", pool: spec(`,"nodeName":["n"],"nodeAffinity":{"matchLabels":{"a":"b"}}`)},

		{title: "namespace named", pool: spec(`,"namespaceName":["a","shop"]`)},
		{title: "namespace not named", pool: spec(`,"namespaceName":["a","b"]`), want: MisfitNamespace, detail: `is only for namespace "a", "b" (spec.namespaceName)`},
		{title: "names replace the selector", pool: spec(`,"namespaceName":["shop"],"namespaceAffinity":{"matchLabels":{"team":"other"}}`)},
		{title: "names replace a selector that matches", pool: spec(`,"namespaceName":["a"],"namespaceAffinity":{"matchLabels":{"team":"net"}}`), want: MisfitNamespace, detail: `is only for namespace "a" (spec.namespaceName)`},
		{title: "namespace selected", pool: spec(`,"namespaceAffinity":{"matchLabels":{"team":"net"}}`)},
		{title: "empty selector is any", pool: spec(`,"namespaceAffinity":{},"podAffinity":{}`)},
		{title: "namespace not selected", pool: spec(`,"namespaceAffinity":{"matchLabels":{"team":"x"}}`), want: MisfitNamespace, detail: `is only for namespaces with the labels "team=x" (spec.namespaceAffinity)`},
		{title: "labels of the namespace unknown", pool: spec(`,"namespaceAffinity":{"matchLabels":{"team":"x"}}`), change: func(r *Request) { r.NamespaceLabels = nil }},
		{title: "namespace without labels", pool: spec(`,"namespaceAffinity":{"matchLabels":{"team":"x"}}`), change: func(r *Request) { r.NamespaceLabels = map[string]string{} }, want: MisfitNamespace, detail: `is only for namespaces with the labels "team=x" (spec.namespaceAffinity)`},
		{title: "namespace selector unusable", pool: spec(`,"namespaceAffinity":{"matchExpressions":[{"key":"a","operator":"Like"}]}`), want: MisfitNamespace, detail: `is for no namespace: spec.namespaceAffinity cannot be read: "\"Like\" is not a valid label selector operator"`},

		{title: "pod selected", pool: spec(`,"podAffinity":{"matchLabels":{"app":"web"}}`)},
		{title: "pod not selected", pool: spec(`,"podAffinity":{"matchLabels":{"app":"db"}}`), want: MisfitPod, detail: `is only for pods with the labels "app=db" (spec.podAffinity)`},
		{title: "pod without labels", pool: spec(`,"podAffinity":{"matchLabels":{"app":"web"}}`), change: func(r *Request) { r.PodLabels = nil }, want: MisfitPod, detail: `is only for pods with the labels "app=web" (spec.podAffinity)`},
		{title: "pod selector unusable", pool: spec(`,"podAffinity":{"matchExpressions":[{"key":"a","operator":"Like"}]}`), want: MisfitPod, detail: `is for no pod: spec.podAffinity cannot be read: "\"Like\" is not a valid label selector operator"`},
		{title: "label of the controller on a pod", pool: spec(`,"podAffinity":{"matchLabels":{"statefulset.kubernetes.io/pod-name":"web-0"}}`), want: MisfitPod, detail: `is only for pods with the labels "statefulset.kubernetes.io/pod-name=web-0" (spec.podAffinity)`},
		{title: "label of the controller on a template", pool: spec(`,"podAffinity":{"matchLabels":{"statefulset.kubernetes.io/pod-name":"web-0","app":"web"}}`), change: func(r *Request) { r.Template = true }},
		{title: "other label on a template", pool: spec(`,"podAffinity":{"matchLabels":{"app":"db"}}`), change: func(r *Request) { r.Template = true }, want: MisfitPod, detail: `is only for pods with the labels "app=db" (spec.podAffinity)`},

		{title: "owner in the namespace, network not looked at", pool: fmt.Sprintf(owned, "shop")},
		{title: "owner elsewhere", pool: fmt.Sprintf(owned, "other"), want: MisfitPod, detail: `was made for "Deployment other/web" (spec.podAffinity)`},

		{title: "network named", pool: spec(`,"multusName":["other/vlan100","kube-system/vlan100"]`)},
		{title: "network of another namespace", pool: spec(`,"multusName":["other/vlan100"]`), want: MisfitNetwork, detail: `is only for network "other/vlan100" (spec.multusName)`},
		{title: "no namespace is Spiderpool's", pool: spec(`,"multusName":["vlan100"]`), change: func(r *Request) { r.SpiderpoolNamespace = "kube-system" }},
		{title: "no namespace is not the network's", pool: spec(`,"multusName":["vlan100"]`), want: MisfitNetwork, detail: `is only for network "vlan100" (spec.multusName; one without a namespace is in Spiderpool's, "spiderpool")`},
		{title: "empty namespace is none", pool: spec(`,"multusName":["/vlan100"]`), change: func(r *Request) { r.SpiderpoolNamespace = "kube-system" }, want: MisfitNetwork, detail: `is only for network "/vlan100" (spec.multusName)`},
		{title: "two slashes", pool: spec(`,"multusName":["kube-system/vlan100/x"]`), want: MisfitNetwork, detail: `is only for network "kube-system/vlan100/x" (spec.multusName)`},
		{title: "no network, whatever the pool says", pool: spec(``), change: func(r *Request) { r.Network = MultusName{} }, want: MisfitNetwork, detail: "cannot serve an interface on the cluster's own network, for which no NetworkAttachmentDefinition is set (Multus' clusterNetwork)"},
		{title: "no network, but an owner", pool: fmt.Sprintf(owned, "shop"), change: func(r *Request) { r.Network = MultusName{} }},
		{title: "many networks", pool: spec(`,"multusName":["n/a","n/b","n/c","n/d","n/e","n/f","n/g"]`), want: MisfitNetwork, detail: `is only for network "n/a", "n/b", "n/c", and 4 more (spec.multusName)`},
	}
	for _, tt := range tests {
		r := request(tt.change)
		got, detail := CompilePool(object(t, tt.pool)).Misfit(&r)
		if got != tt.want || detail != tt.detail {
			t.Errorf("%s: %q, %s\nwant %q, %s", tt.title, got, detail, tt.want, tt.detail)
		}
	}
	r := request(nil)
	if got, detail := (*Pool)(nil).Misfit(&r); got != MisfitMissing || detail != "does not exist" {
		t.Errorf("no pool: %q, %s", got, detail)
	}
}

// TestMisfitQuotes: names come from whoever may make pools.
func TestMisfitQuotes(t *testing.T) {
	p := &Pool{Version: IPv4, Namespaces: []string{"a\nb" + strings.Repeat("x", 500)}}
	_, detail := p.Misfit(&Request{Family: IPv4, Network: MultusName{"a", "b"}})
	if strings.Contains(detail, "\n") || len(detail) > 200 {
		t.Errorf("the name is shown as it is: %s", detail)
	}
}
