package snapshot_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

const givenNetworks = `
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: fixed, namespace: default}, spec: {config: '{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"bond0.9","ipam":{"type":"static","addresses":[{"address":"10.9.0.5/24"}]}},{"type":"router"}]}'}}
---
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: beside, namespace: default}, spec: {config: '{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"bond0.9","ipam":{"type":"static","addresses":[{"address":"10.9.0.5/24"}]}},{"type":"router"}]}'}}
---
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: elsewhere, namespace: default}, spec: {config: '{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"bond0.8","ipam":{"type":"static","addresses":[{"address":"10.9.0.5/24"}]}},{"type":"router"}]}'}}
---
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: chosen, namespace: default}, spec: {config: '{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"bond0.9","ipam":{"type":"host-local","subnet":"10.9.0.0/24"}},{"type":"router"}]}'}}
---
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: local, namespace: default}, spec: {config: '{"cniVersion":"1.0.0","plugins":[{"type":"bridge","ipam":{"type":"static","addresses":[{"address":"10.9.0.5/24"}]}},{"type":"router"}]}'}}
`

// onNetworks is a Deployment of so many pods, in JSON.
func onNetworks(name, networks string, replicas int) string {
	return fmt.Sprintf(`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": %q, "namespace": "default"}, "spec": {"replicas": %d, "strategy": {"type": "Recreate"},`+
		` "template": {"metadata": {"annotations": {"k8s.v1.cni.cncf.io/networks": %q}}}}}`, name, replicas, networks)
}

// Who else gets an address that a network gives to all its pods is known of files, and of a
// cluster that is read for one check: a warning, since both start.
func TestAddressesThatNetworksGive(t *testing.T) {
	asks := func(network, address string) string { return fmt.Sprintf(`[{"name":%q,"ips":[%q]}]`, network, address) }
	for _, tt := range []struct {
		name, subject, other string
		replicas             int
		want                 string
	}{
		{"the same network", "fixed", "fixed", 1,
			`warn network "default/fixed" gives interface "net1" the address "10.9.0.5", and Deployment "default/other" is on that network as well`},
		{"another network of the link", "fixed", "beside", 1,
			`warn network "default/fixed" gives interface "net1" the address "10.9.0.5", which is given to Deployment "default/other" by network "default/beside"`},
		{"one that asks for it", "fixed", asks("chosen", "10.9.0.5"), 1,
			`warn network "default/fixed" gives interface "net1" the address "10.9.0.5", which is fixed by Deployment "default/other" on network "default/chosen"`},
		{"asked for beside", asks("chosen", "10.9.0.5"), "fixed", 1, `warn address "10.9.0.5" is given to Deployment "default/other" by network "default/fixed"`},
		{"another link", "fixed", "elsewhere", 1, ""},
		{"links of one node", "local", "local", 1, ""},
		{"another that has no pods", "fixed", "fixed", 0, ""},
		{"another that asks for one of its own", "fixed", `[{"name":"fixed","cni-args":{"ips":["10.9.0.6/24"]}}]`, 1, ""},
		{"an address of its own", `[{"name":"fixed","cni-args":{"ips":["10.9.0.6/24"]}}]`, "fixed", 1, ""},
	} {
		for kind, layer := range map[string]*snapshot.Layer{
			"files":     ofFiles(t, documents(givenNetworks, onNetworks("other", tt.other, tt.replicas))),
			"a cluster": newCluster(t, documents(givenNetworks, onNetworks("other", tt.other, tt.replicas))).layer(),
		} {
			t.Run(tt.name+"/"+kind, func(t *testing.T) {
				subject, err := pod.Decode("apps/v1", "Deployment", "default", []byte(onNetworks("web", tt.subject, 1)))
				if err != nil {
					t.Fatal(err)
				}
				inv := snapshot.New(layer, ofFiles(t, onNetworks("web", tt.subject, 1)))
				var got []string
				v := review.JudgePod(context.Background(), inv, config.Default(), subject)
				for _, f := range v.Findings {
					if f.Rule == "address-in-use" {
						got = append(got, string(f.Action)+" "+f.Message)
					}
				}
				if text := strings.Join(got, "\n"); text != tt.want || v.Undecided != nil {
					t.Errorf("\n got %s\nwant %s\n%v", text, tt.want, v.Undecided)
				}
			})
		}
	}
}

// A pod of a Deployment has the address together with it.
func TestAddressesThatNetworksGiveToKin(t *testing.T) {
	inv := given.Inventory(t, documents(givenNetworks, onNetworks("web", "fixed", 1)+"\n",
		`{"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-1", "namespace": "default", "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": true}]}, "spec": {"template": {"metadata": {"annotations": {"k8s.v1.cni.cncf.io/networks": "fixed"}}}}}`))
	subject, err := pod.Decode("v1", "Pod", "default", []byte(`{"metadata": {"name": "web-1-a", "annotations": {"k8s.v1.cni.cncf.io/networks": "fixed"}, "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "controller": true}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if v := review.JudgePod(t.Context(), inv, config.Default(), subject); len(v.Findings) > 0 {
		t.Errorf("%+v", v.Findings)
	}
}
