package flatnetwork

import (
	"net/netip"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
)

// Record is a MacvlanIP or FlatNetworkIP: which addresses a pod has been given. It has
// the pod's namespace and name.
type Record struct {
	Generation Generation
	Namespace  string
	Name       string
	// UID is the record's own, and PodUID the pod's; empty where they are not known.
	UID, PodUID string
	Subnet      SubnetReference
	// Owner is what controls the record, or the only one that it has: the pod, or in V1
	// the StatefulSet of the pod, so that the record outlives it.
	Owner Owner
	// IPs and MACs are those given, not those asked for. What cannot be read is left
	// out.
	IPs  []netip.Addr
	MACs []mac.Address
}

// Owner is the owner reference of a record; the zero value without one.
type Owner struct{ APIVersion, Kind, Name, UID string }

// recordShape is what is read of a record of either generation: MacvlanIPSpec of V1
// (cidr is an address with a prefix length), IPSpec and IPStatus of V2.
type recordShape struct {
	Metadata struct {
		Namespace       string `json:"namespace"`
		Name            string `json:"name"`
		UID             string `json:"uid"`
		OwnerReferences []struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Name       string `json:"name"`
			UID        string `json:"uid"`
			Controller bool   `json:"controller"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
	Spec struct {
		Subnet string `json:"subnet"`
		PodID  string `json:"podId"`
		CIDR   string `json:"cidr"`
		MAC    string `json:"mac"`
	} `json:"spec"`
	Status struct {
		Addr string `json:"addr"`
		MAC  string `json:"mac"`
	} `json:"status"`
}

// CompileRecord reads a MacvlanIP or FlatNetworkIP, the whole object in JSON. It is a
// [*json.UnmarshalTypeError] when a field that is read has the wrong type.
func CompileRecord(g Generation, object []byte) (*Record, error) {
	var o recordShape
	if err := kjson.UnmarshalCaseSensitivePreserveInts(object, &o); err != nil {
		return nil, err
	}
	r := &Record{
		Generation: g,
		Namespace:  o.Metadata.Namespace,
		Name:       o.Metadata.Name,
		UID:        o.Metadata.UID,
		PodUID:     o.Spec.PodID,
		Subnet:     SubnetReference{g, o.Spec.Subnet},
	}
	owners := o.Metadata.OwnerReferences
	for _, owner := range owners {
		if owner.Controller || len(owners) == 1 {
			r.Owner = Owner{owner.APIVersion, owner.Kind, owner.Name, owner.UID}
		}
	}
	ip, hardware := o.Status.Addr, o.Status.MAC
	if g == V1 {
		ip, _, _ = strings.Cut(o.Spec.CIDR, "/")
		hardware = o.Spec.MAC
	}
	if a, detail := readAddr(ip); detail == "" {
		r.IPs = append(r.IPs, a)
	}
	if a, fault := mac.Parse(hardware); fault == "" {
		r.MACs = append(r.MACs, a)
	}
	return r, nil
}
