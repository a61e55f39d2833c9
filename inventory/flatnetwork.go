package inventory

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// FlatNetworkVersion is the version of the API of one generation of the flat network.
func FlatNetworkVersion(g flatnetwork.Generation) schema.GroupVersion {
	return schema.GroupVersion{Group: g.Group(), Version: flatnetwork.Version}
}

// Subnets are the subnets of one generation. Only those in one namespace are heeded.
func Subnets(g flatnetwork.Generation) Kind {
	return Kind{
		GroupVersionResource: FlatNetworkVersion(g).WithResource(g.SubnetResource()), Name: g.SubnetKind(),
		Namespace: g.SubnetNamespace(),
	}
}

// Records are the records of the addresses that one generation gave to pods.
func Records(g flatnetwork.Generation) Kind {
	return Kind{GroupVersionResource: FlatNetworkVersion(g).WithResource(g.RecordResource()), Name: g.RecordKind()}
}

// CompileRecord reads what rules need from a MacvlanIP or FlatNetworkIP in JSON: the
// pod that it is named after holds the addresses. The namespace given stands in for a
// record that has none. It is an error when a field that is read has the wrong type.
func CompileRecord(g flatnetwork.Generation, namespace string, text []byte) (*pod.Holder, error) {
	r, err := flatnetwork.CompileRecord(g, text)
	if err != nil {
		return nil, err
	}
	if r.Namespace != "" {
		namespace = r.Namespace
	}
	h := &pod.Holder{
		Identity: object.Identity{Controller: PodKind, Namespace: namespace, Name: r.Name, UID: r.PodUID},
		Record: object.Identity{
			Controller: object.Controller{APIVersion: FlatNetworkVersion(g).String(), Kind: g.RecordKind()},
			Namespace:  namespace, Name: r.Name, UID: r.UID,
		},
	}
	// The record of a pod of a StatefulSet belongs to the StatefulSet, so that it
	// outlives the pod.
	switch owner := (object.Controller{APIVersion: r.Owner.APIVersion, Kind: r.Owner.Kind}); owner {
	case PodKind:
		h.UID = r.Owner.UID
	case statefulSetKind:
		h.Owner = object.Identity{Controller: owner, Namespace: namespace, Name: r.Owner.Name, UID: r.Owner.UID}
	}
	for _, ip := range r.IPs {
		h.Claims = append(h.Claims, pod.Claim{IP: ip, Subnet: r.Subnet})
	}
	for _, address := range r.MACs {
		h.Claims = append(h.Claims, pod.Claim{MAC: address, Subnet: r.Subnet})
	}
	return h, nil
}

// AddNamed adds the networks and subnets that the claims of the holders name, as far as
// they are known; each is looked up once. Networks without a namespace are in the one given.
func AddNamed(
	facts *pod.HolderFacts, defaultNamespace string,
	network func(object.Reference) *cniconf.Network, subnet func(flatnetwork.SubnetReference) *flatnetwork.Subnet,
) {
	facts.Networks = map[object.Reference]*cniconf.Network{}
	facts.Subnets = map[flatnetwork.SubnetReference]*flatnetwork.Subnet{}
	seen := map[any]bool{}
	for _, h := range facts.Holders {
		for _, c := range h.Claims {
			if c.Subnet.Name != "" && !seen[c.Subnet] {
				seen[c.Subnet] = true
				if known := subnet(c.Subnet); known != nil {
					facts.Subnets[c.Subnet] = known
				}
			}
			if ref := c.NetworkIn(defaultNamespace); ref.Name != "" && !seen[ref] {
				seen[ref] = true
				if known := network(ref); known != nil {
					facts.Networks[ref] = known
				}
			}
		}
	}
}
