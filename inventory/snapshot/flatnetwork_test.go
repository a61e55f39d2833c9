package snapshot_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

const (
	subnetV1    = "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanSubnet, metadata: {name: vlan9}, spec: {master: eth1, cidr: 10.0.0.0/24}}\n"
	subnetAgain = "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanSubnet, metadata: {name: vlan9, namespace: kube-system}, spec: {master: eth1, cidr: 10.0.1.0/24}}\n"
	misplaced   = "{apiVersion: flatnetwork.pandaria.io/v1, kind: FlatNetworkSubnet, metadata: {name: vlan9, namespace: kube-system}, spec: {master: eth1, cidr: 10.0.2.0/24}}\n"
	subnetV2    = "{apiVersion: flatnetwork.pandaria.io/v1, kind: FlatNetworkSubnet, metadata: {name: vlan9, namespace: cattle-flat-network}, spec: {flatMode: macvlan, master: eth1, cidr: 10.0.3.0/24}}\n"
	notOurs     = "{apiVersion: example.com/v1, kind: MacvlanSubnet, metadata: {name: vlan9}, spec: {cidr: [10.0.0.0/24]}}\n"
)

func TestSubnets(t *testing.T) {
	tests := []struct {
		name, text string
		listed     int
		want       map[flatnetwork.Generation]string
	}{
		{"none", "", 0, map[flatnetwork.Generation]string{flatnetwork.V1: "unknown", flatnetwork.V2: "unknown"}},
		{"one generation", subnetV1, 1, map[flatnetwork.Generation]string{flatnetwork.V1: "10.0.0.0/24", flatnetwork.V2: "unknown"}},
		{"another name", strings.Replace(subnetV1, "vlan9", "vlan8", 1), 1, map[flatnetwork.Generation]string{flatnetwork.V1: "missing", flatnetwork.V2: "unknown"}},
		{"both", documents(subnetV1, subnetV2, notOurs), 2, map[flatnetwork.Generation]string{flatnetwork.V1: "10.0.0.0/24", flatnetwork.V2: "10.0.3.0/24"}},
		{"a namespace that is not heeded", misplaced, 0, map[flatnetwork.Generation]string{flatnetwork.V1: "unknown", flatnetwork.V2: "unknown"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inv, err := files.NewInventory("default", layers(t, tt.text)...)
			if err != nil {
				t.Fatal(err)
			}
			listed := 0
			for range inv.Subnets(t.Context()) {
				listed++
			}
			for _, g := range flatnetwork.Generations {
				f := inv.Facts(t.Context(), pod.Questions{Subnets: []flatnetwork.SubnetReference{{Generation: g, Name: "vlan9"}}}).Subnets[0]
				got := "missing"
				switch {
				case f.Err != nil || !f.Fresh || f.Unknown && f.Value != nil:
					t.Fatalf("%s: %+v", g, f)
				case f.Unknown:
					got = "unknown"
				case f.Value != nil:
					got = f.Value.CIDR.String()
				}
				if got != tt.want[g] {
					t.Errorf("%s: %s, want %s", g, got, tt.want[g])
				}
			}
			if listed != tt.listed {
				t.Errorf("%d subnets, want %d", listed, tt.listed)
			}
		})
	}
}

func TestLaterSubnetsOverride(t *testing.T) {
	inv, err := files.NewInventory("default", layers(t, subnetV1, subnetAgain)...)
	if err != nil {
		t.Fatal(err)
	}
	f := inv.Facts(t.Context(), pod.Questions{Subnets: []flatnetwork.SubnetReference{{Generation: flatnetwork.V1, Name: "vlan9"}}}).Subnets[0]
	if f.Value == nil || f.Value.CIDR.String() != "10.0.1.0/24" {
		t.Errorf("subnet: %+v", f)
	}
}

func TestWrongFlatNetworkObjects(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a subnet twice", documents(subnetV1, subnetV2, subnetAgain), `a.yaml:5:1: MacvlanSubnet "vlan9" is already at a.yaml:1:1: remove one of them`},
		{"a subnet of a wrong type", strings.Replace(subnetV1, "cidr: 10.0.0.0/24", "cidr: [10.0.0.0/24]", 1), `a.yaml:1:111: decode MacvlanSubnet: spec.cidr: the value is of the wrong type (a list); accepted: a string`},
		{"a record of a wrong type", "{apiVersion: flatnetwork.pandaria.io/v1, kind: FlatNetworkIP, metadata: {name: a}, spec: {subnet: [a]}}\n", `a.yaml:1:91: decode FlatNetworkIP: spec.subnet: the value is of the wrong type (a list); accepted: a string`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := files.NewInventory("default", layers(t, tt.text)...)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %q; want one that begins with %q", err, tt.want)
			}
		})
	}
}

// fixing is the metadata of pods that fix an address.
const fixing = `annotations: {macvlan.pandaria.cattle.io/ip: 10.0.0.1, macvlan.pandaria.cattle.io/subnet: vlan9, k8s.v1.cni.cncf.io/networks: '[{"name":"static-macvlan-cni-attach","interface":"eth1"}]'}`

func owned(version, kind, name string) string {
	return ", ownerReferences: [{apiVersion: " + version + ", kind: " + kind + ", name: " + name + ", uid: u-" + name + ", controller: true}]"
}

func TestHolders(t *testing.T) {
	const (
		deployment = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, uid: u-web}, spec: {template: {metadata: {" + fixing + "}}}}\n"
		free       = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {metadata: {}}}}\n"
		record     = "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanIP, metadata: {name: web-1-a}, spec: {subnet: vlan9, podId: u-web-1-a, cidr: 10.0.0.1/24}}\n"
		ofSet      = "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanIP, metadata: {name: db-0, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u-db}]}, spec: {subnet: vlan9, cidr: 10.0.0.1/24}}\n"
		given      = "{apiVersion: flatnetwork.pandaria.io/v1, kind: FlatNetworkIP, metadata: {name: auto, namespace: team-a}, spec: {subnet: vlan9}, status: {phase: Active, addr: 10.0.0.1}}\n"
	)
	replicaSet := "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1" + owned("apps/v1", "Deployment", "web") + "}, spec: {template: {metadata: {" + fixing + "}}}}\n"
	p := "{apiVersion: v1, kind: Pod, metadata: {name: web-1-a, " + fixing + owned("apps/v1", "ReplicaSet", "web-1") + "}}\n"
	circle := "{apiVersion: v1, kind: Pod, metadata: {name: round, " + fixing + owned("v1", "Pod", "round") + "}}\n"
	tests := []struct {
		name   string
		layers []string
		want   []string
	}{
		{"nobody", []string{free}, nil},
		{"a workload", []string{deployment}, []string{"Deployment default/web"}},
		{"a workload that gave it up", []string{deployment, free}, nil},
		{"what a workload made for itself", []string{documents(deployment, replicaSet, p)}, []string{"Deployment default/web", "Pod default/web-1-a < ReplicaSet web-1 < Deployment web"}},
		{"an owner that no file has", []string{p}, []string{"Pod default/web-1-a < ReplicaSet web-1"}},
		{"a record of a pod", []string{documents(record, replicaSet, strings.Replace(p, fixing, "labels: {}", 1))}, []string{"Pod default/web-1-a < ReplicaSet web-1 < Deployment web"}},
		{"a record alone", []string{record}, []string{"Pod default/web-1-a"}},
		{"a record of a StatefulSet", []string{ofSet}, []string{"Pod default/db-0 < StatefulSet db"}},
		{"a record of V2", []string{given}, []string{"Pod team-a/auto"}},
		{"a circle", []string{circle}, []string{"Pod default/round < Pod round"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inv, err := files.NewInventory("default", layers(t, append(tt.layers, subnetV1)...)...)
			if err != nil {
				t.Fatal(err)
			}
			q := pod.Questions{Addresses: pod.Addresses{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}}
			facts := inv.Facts(t.Context(), q).Holders
			if facts.Err != nil || !facts.Fresh {
				t.Errorf("facts: %+v", facts)
			}
			var got []string
			for _, h := range facts.Holders {
				text := h.Kind + " " + h.Namespace + "/" + h.Name
				for _, o := range h.Owners {
					text += " < " + o.Kind + " " + o.Name
				}
				got = append(got, text)
				for _, c := range h.Claims {
					if _, known := facts.Subnets[c.Subnet]; known != (c.Subnet.Generation == flatnetwork.V1) {
						t.Errorf("%s: the subnet of a claim is known: %t", text, known)
					}
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("holders (-want +got):\n%s", diff)
			}
		})
	}
}

// The owners of whoever asks come from the files as well.
func TestOwnersInFiles(t *testing.T) {
	// Somebody holds the address: otherwise nobody is asked about.
	text := "{apiVersion: batch/v1, kind: Job, metadata: {name: once" + owned("batch/v1", "CronJob", "nightly") + "}, spec: {template: {}}}\n---\n" +
		"{apiVersion: v1, kind: Pod, metadata: {name: other, " + fixing + "}}\n"
	inv, err := files.NewInventory("default", layers(t, text)...)
	if err != nil {
		t.Fatal(err)
	}
	facts := inv.Facts(t.Context(), pod.Questions{
		Addresses: pod.Addresses{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
		Owner:     object.Identity{Controller: object.Controller{APIVersion: "batch/v1", Kind: "Job"}, Namespace: "default", Name: "once", UID: "u"},
	}).Holders
	if o := facts.Owners; len(o) != 2 || o[0].UID != "u" || o[1].Name != "nightly" {
		t.Errorf("owners %+v", o)
	}
}
