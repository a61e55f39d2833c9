// Package flatnetwork reads what Rancher's flat network reads: the annotations that
// ask for fixed addresses, the subnets they come from, and the records of those that
// pods have been given.
//
// There are two generations of it, deployed side by side: V1, whose objects are
// MacvlanSubnet and MacvlanIP, and V2 (rancher-flat-network), whose are
// FlatNetworkSubnet and FlatNetworkIP.
package flatnetwork

import (
	"slices"
	"strconv"
)

// Generation is one of the two generations of the flat network, V1 or V2.
type Generation int

// The generations that there are.
const (
	V1 Generation = 1
	V2 Generation = 2
)

// Generations are both, in the order in which they appeared.
var Generations = [...]Generation{V1, V2}

// names are what things are called in one generation.
type names struct {
	prefix string
	// annotations are those of pods: ip, mac and subnet. Each decision asks for them.
	annotations     []string
	subnetNamespace string
	group           string
	subnetKind      string
	subnetResource  string
	recordKind      string
	recordResource  string
	networks        []string
	plugin          string
	serviceSuffix   string
}

// V1: types/apis/macvlan/v1/types.go of its controller v0.3.0; V2:
// pkg/apis/flatnetwork.pandaria.io/v1/types.go of rancher-flat-network.
var namesOf = [...]*names{
	V1: {
		prefix:          "macvlan.pandaria.cattle.io/",
		annotations:     []string{"macvlan.pandaria.cattle.io/ip", "macvlan.pandaria.cattle.io/mac", "macvlan.pandaria.cattle.io/subnet"},
		subnetNamespace: "kube-system",
		group:           "macvlan.cluster.cattle.io",
		subnetKind:      "MacvlanSubnet",
		subnetResource:  "macvlansubnets",
		recordKind:      "MacvlanIP",
		recordResource:  "macvlanips",
		networks:        []string{"static-macvlan-cni-attach", "static-macvlan-cni-cfg"},
		plugin:          "static-macvlan-cni",
		serviceSuffix:   "-macvlan",
	},
	V2: {
		prefix:          "flatnetwork.pandaria.io/",
		annotations:     []string{"flatnetwork.pandaria.io/ip", "flatnetwork.pandaria.io/mac", "flatnetwork.pandaria.io/subnet"},
		subnetNamespace: "cattle-flat-network",
		group:           "flatnetwork.pandaria.io",
		subnetKind:      "FlatNetworkSubnet",
		subnetResource:  "flatnetworksubnets",
		recordKind:      "FlatNetworkIP",
		recordResource:  "flatnetworkips",
		networks:        []string{"rancher-flat-network"},
		plugin:          "rancher-flat-network-cni",
		serviceSuffix:   "-flat-network",
	},
}

// Version is the version of the API group of either generation.
const Version = "v1"

// Other is the other generation.
func (g Generation) Other() Generation { return V1 + V2 - g }

// String is V1 or V2.
func (g Generation) String() string { return "V" + strconv.Itoa(int(g)) }

// Prefix begins the keys of the generation's annotations.
func (g Generation) Prefix() string { return namesOf[g].prefix }

// IPAnnotation is the annotation of a pod that lists the IP addresses it may get.
func (g Generation) IPAnnotation() string { return namesOf[g].annotations[0] }

// MACAnnotation is the annotation of a pod that lists the MAC addresses it may get.
func (g Generation) MACAnnotation() string { return namesOf[g].annotations[1] }

// SubnetAnnotation is the annotation of a pod that names its subnet.
func (g Generation) SubnetAnnotation() string { return namesOf[g].annotations[2] }

// Annotations are the three annotations of a pod: ip, mac and subnet.
func (g Generation) Annotations() []string {
	return slices.Clone(namesOf[g].annotations)
}

// SubnetNamespace is the one namespace whose subnets are heeded.
func (g Generation) SubnetNamespace() string { return namesOf[g].subnetNamespace }

// Group is the API group of subnets and records, of version [Version].
func (g Generation) Group() string { return namesOf[g].group }

// SubnetKind and SubnetResource name the objects that subnets are.
func (g Generation) SubnetKind() string { return namesOf[g].subnetKind }

// SubnetResource is the resource of the objects of SubnetKind.
func (g Generation) SubnetResource() string { return namesOf[g].subnetResource }

// RecordKind is the kind of the objects that say which address a pod was given.
func (g Generation) RecordKind() string { return namesOf[g].recordKind }

// RecordResource is the resource of the objects of RecordKind.
func (g Generation) RecordResource() string { return namesOf[g].recordResource }

// Networks are the names of the NetworkAttachmentDefinitions that the controller makes
// in every namespace, the current one first.
func (g Generation) Networks() []string { return namesOf[g].networks }

// Plugin is the type of the CNI plugin that gives pods the addresses.
func (g Generation) Plugin() string { return namesOf[g].plugin }

// ServiceSuffix ends the name of the Service that the controller makes beside one of
// a workload.
func (g Generation) ServiceSuffix() string { return namesOf[g].serviceSuffix }

// SubnetReference names a subnet as the annotations do: by its name alone.
type SubnetReference struct {
	Generation Generation
	Name       string
}

// String is the kind and the name, such as MacvlanSubnet vlan100; empty for the zero
// value.
func (r SubnetReference) String() string {
	if r == (SubnetReference{}) {
		return ""
	}
	return r.Generation.SubnetKind() + " " + r.Name
}

// SubnetGeneration says which generation's subnets are of a kind, if any.
func SubnetGeneration(apiVersion, kind string) (Generation, bool) {
	for _, g := range Generations {
		if kind == g.SubnetKind() && apiVersion == g.Group()+"/"+Version {
			return g, true
		}
	}
	return 0, false
}
