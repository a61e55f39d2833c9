package review_test

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// A refusal that rests on what has changed meanwhile is none, whichever rule it is of, and
// whatever it rests on: the mode of the namespace always counts.
func TestRefusalIsConfirmed(t *testing.T) {
	const (
		flatNetwork = `{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: net, namespace: a}, spec: {config: '{"cniVersion":"0.3.1","type":"rancher-flat-network-cni"}'}}`
		macvlan     = `{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: net, namespace: a}, spec: {config: '{"cniVersion":"0.3.1","type":"macvlan","master":"bond0"}'}}`
		spiderpool  = `{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: net, namespace: a}, spec: {config: '{"cniVersion":"0.3.1","type":"macvlan","master":"bond0","ipam":{"type":"spiderpool"}}'}}`
		router      = `{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: net, namespace: a}, spec: {config: '{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"bond0"},{"type":"router"}]}'}}`
		pools       = "\n---\n{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: p}, spec: {ipVersion: 4, subnet: 10.0.0.0/24, ips: [10.0.0.2-10.0.0.9], default: true}}"

		attached = `"k8s.v1.cni.cncf.io/networks":"a/net",`
	)
	namespace := func(mode string) string {
		return "\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: team-a, labels: {macvlan-webhook.io/mode: " + mode + "}}}"
	}
	for _, tt := range []struct {
		name, annotations, stale, now string
		rules                         map[string]verdict.Action
		before, after                 verdict.Action
	}{
		{"flat-network-annotation-invalid", attached + `"flatnetwork.pandaria.io/ip":"10.0.0.1,10.0.0.2","flatnetwork.pandaria.io/subnet":"s"`,
			flatNetwork, macvlan, nil, verdict.Deny, verdict.Warn},
		{"flat-network-subnet-missing", attached + `"flatnetwork.pandaria.io/ip":"10.0.0.1"`, flatNetwork, macvlan, nil, verdict.Deny, verdict.Warn},
		{"address-count-mismatch", attached + `"flatnetwork.pandaria.io/ip":"10.0.0.1-10.0.0.2","flatnetwork.pandaria.io/mac":"02:00:5e:00:00:01","flatnetwork.pandaria.io/subnet":"s"`,
			flatNetwork, macvlan, nil, verdict.Deny, verdict.Warn},
		{"label-value-too-long", attached + `"flatnetwork.pandaria.io/ip":"10.0.0.1","flatnetwork.pandaria.io/subnet":"` + strings.Repeat("s", 64) + `"`,
			flatNetwork, macvlan, nil, verdict.Deny, verdict.Warn},
		{"spiderpool-annotation-invalid", attached + `"ipam.spidernet.io/routes":"[{}]"`, spiderpool + pools, macvlan, nil, verdict.Deny, verdict.Warn},
		{"ippool-unknown-field, denying", attached + `"ipam.spidernet.io/ippool":"{\"ipv4\":[\"p\"],\"ipv5\":[]}"`, spiderpool + pools, macvlan,
			map[string]verdict.Action{"ippool-unknown-field": verdict.Deny}, verdict.Deny, verdict.Warn},
		{"overlay-as-default-network", `"v1.multus-cni.io/default-network":"a/net"`, router, macvlan, nil, verdict.Deny, verdict.Warn},
		{"mode warn", `"k8s.v1.cni.cncf.io/networks":"a/net@lo"`, router, router + namespace("warn"), nil, verdict.Deny, verdict.Warn},
		{"mode off", `"k8s.v1.cni.cncf.io/networks":"a/net@lo"`, router, router + namespace("'off'"), nil, verdict.Deny, verdict.Allow},
		{"mode enforce again", `"k8s.v1.cni.cncf.io/networks":"a/net@lo"`, router + namespace("enforce"), router + namespace("enforce"), nil, verdict.Deny, verdict.Deny},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := config.Default()
			config.Rules = tt.rules
			c := review.Change{
				APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Operation: review.Create, Final: true,
				New: []byte(`{"metadata":{"name":"web","annotations":{` + tt.annotations + `}}}`),
			}
			for _, of := range []struct {
				what      string
				inventory *lagging
				want      verdict.Action
			}{
				{"as remembered", &lagging{Inventory: given.Inventory(t, tt.stale), now: given.Inventory(t, tt.stale)}, tt.before},
				{"as it is now", &lagging{Inventory: given.Inventory(t, tt.stale), now: given.Inventory(t, tt.now)}, tt.after},
			} {
				outcome, err := review.Judge(t.Context(), of.inventory, config, c)
				if err != nil {
					t.Fatal(err)
				}
				v := &outcome.Verdict
				if v.Decision() != of.want || v.Undecided != nil || of.inventory.refreshed == 0 {
					t.Errorf("%s: %s after %d fresh looks, want %s (%v)\n%s", of.what, v.Decision(), of.inventory.refreshed, of.want, v.Undecided, v.Explanation(verdict.Warn))
				}
			}
		})
	}
}

// What a fresh look brings up is asked as well: who has the address that the network fixes now.
func TestFurtherQuestionsOfAFreshLook(t *testing.T) {
	const (
		holder = `{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: other, namespace: a}, spec: {config: '{"cniVersion":"0.3.1","type":"macvlan","master":"bond0","capabilities":{"ips":true},"ipam":{"type":"static"}}'}}
---
{apiVersion: v1, kind: Pod, metadata: {name: holder, namespace: a, annotations: {k8s.v1.cni.cncf.io/networks: '[{"name":"other","ips":["10.0.0.5/24"]}]'}}, spec: {containers: [{name: app}]}}
---
`
		unusable = `{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: net, namespace: a}, spec: {config: '{"cniVersion":"0.3.1","type":"macvlan","master":"bond0","mode":"none"}'}}`
		fixed    = `{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: net, namespace: a}, spec: {config: '{"cniVersion":"0.3.1","type":"macvlan","master":"bond0","ipam":{"type":"static","addresses":[{"address":"10.0.0.5/24"}]}}'}}`
	)
	inv := &lagging{Inventory: given.Inventory(t, holder+unusable), now: given.Inventory(t, holder+fixed)}
	outcome, err := review.Judge(t.Context(), inv, config.Default(), review.Change{
		APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Operation: review.Create, Final: true,
		New: []byte(`{"metadata":{"name":"web","annotations":{"k8s.v1.cni.cncf.io/networks":"a/net"}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	v := &outcome.Verdict
	if text := v.Explanation(verdict.Warn); v.Decision() != verdict.Warn || inv.refreshed == 0 || !strings.Contains(text, "address-in-use") {
		t.Errorf("%s after %d fresh looks\n%s", v.Decision(), inv.refreshed, text)
	}
}
