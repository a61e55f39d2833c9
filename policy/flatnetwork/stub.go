package flatnetwork

import (
	"net/netip"

	"encoding/json"

	"github.com/macvlan-webhook/macvlan-webhook/policy/mac"
)

// CompileSubnet stands in until the package reads subnets.
func CompileSubnet(g Generation, _, name string, _ map[string]string, object []byte) (*Subnet, error) {
	var shape struct {
		Spec struct {
			CIDR string `json:"cidr"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(object, &shape); err != nil {
		return nil, err
	}
	s := &Subnet{Reference: SubnetReference{g, name}}
	s.CIDR, _ = netip.ParsePrefix(shape.Spec.CIDR)
	return s, nil
}

// Record stands in until the package reads records.
type Record struct {
	Generation           Generation
	Namespace, Name, UID string
	Subnet               SubnetReference
	PodUID               string
	Owner                struct{ APIVersion, Kind, Name, UID string }
	IPs                  []netip.Addr
	MACs                 []mac.Address
}

// CompileRecord stands in until the package reads records.
func CompileRecord(g Generation, object []byte) (*Record, error) {
	var shape struct {
		Metadata struct {
			Namespace, Name, UID string
			OwnerReferences      []struct{ APIVersion, Kind, Name, UID string }
		} `json:"metadata"`
		Spec struct {
			Subnet, PodID, CIDR, MAC string
		} `json:"spec"`
		Status struct{ Addr, MAC string } `json:"status"`
	}
	if err := json.Unmarshal(object, &shape); err != nil {
		return nil, err
	}
	r := &Record{Generation: g, Namespace: shape.Metadata.Namespace, Name: shape.Metadata.Name, UID: shape.Metadata.UID,
		Subnet: SubnetReference{g, shape.Spec.Subnet}, PodUID: shape.Spec.PodID}
	for _, o := range shape.Metadata.OwnerReferences {
		r.Owner = o
	}
	if p, err := netip.ParsePrefix(shape.Spec.CIDR); err == nil {
		r.IPs = append(r.IPs, p.Addr())
	}
	if a, err := netip.ParseAddr(shape.Status.Addr); err == nil {
		r.IPs = append(r.IPs, a)
	}
	for _, text := range []string{shape.Spec.MAC, shape.Status.MAC} {
		if a, fault := mac.Parse(text); fault == "" {
			r.MACs = append(r.MACs, a)
		}
	}
	return r, nil
}
