package makers

import (
	"cmp"
	"encoding/json"
	"net"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
)

// clusterNetwork is the configuration of OpenShift's network operator: it makes a network of
// each of spec.additionalNetworks (openshift/cluster-network-operator,
// pkg/network/additional_networks.go and bindata/network/additional-networks, August 2026).
type clusterNetwork struct {
	Spec struct {
		AdditionalNetworks []additionalNetwork `json:"additionalNetworks"`
	} `json:"spec"`
}

type additionalNetwork struct {
	Type          string         `json:"type"`
	Name          string         `json:"name"`
	Namespace     string         `json:"namespace"`
	RawCNIConfig  string         `json:"rawCNIConfig"`
	SimpleMacvlan *simpleMacvlan `json:"simpleMacvlanConfig"`
}

type simpleMacvlan struct {
	Master string `json:"master"`
	Mode   string `json:"mode"`
	MTU    int    `json:"mtu"`
	IPAM   *struct {
		Type   string            `json:"type"`
		Static *simpleStaticIPAM `json:"staticIPAMConfig"`
	} `json:"ipamConfig"`
}

type simpleStaticIPAM struct {
	Addresses []struct {
		Address string `json:"address"`
		Gateway string `json:"gateway"`
	} `json:"addresses"`
	Routes []struct {
		Destination string `json:"destination"`
		Gateway     string `json:"gateway"`
	} `json:"routes"`
	DNS *struct {
		Nameservers []string `json:"nameservers,omitempty"`
		Domain      string   `json:"domain,omitempty"`
		Search      []string `json:"search,omitempty"`
	} `json:"dns"`
}

func ofClusterNetwork(_ string, object []byte) ([]nad.Made, error) {
	var c clusterNetwork
	if err := decode(object, &c); err != nil {
		return nil, err
	}
	var networks []nad.Made
	for i := range c.Spec.AdditionalNetworks {
		n := &c.Spec.AdditionalNetworks[i]
		if n.Name == "" {
			continue
		}
		networks = append(networks, nad.Made{Source: cniconf.Source{
			Namespace: cmp.Or(n.Namespace, "default"), Name: n.Name, Config: n.config(),
		}})
	}
	return networks, nil
}

// config is empty for what the operator refuses: what stands in the cluster then is older.
func (n *additionalNetwork) config() string {
	switch n.Type {
	case "Raw":
		var config map[string]any
		if json.Unmarshal([]byte(n.RawCNIConfig), &config) != nil {
			return ""
		}
		return n.RawCNIConfig
	case "SimpleMacvlan":
		return n.SimpleMacvlan.config()
	default:
		return ""
	}
}

// config has no name: Multus takes that of the network.
func (m *simpleMacvlan) config() string {
	config := fields{"cniVersion": "0.3.1", "type": "macvlan", "ipam": fields{"type": "dhcp"}}
	if m == nil {
		return text(config)
	}
	set(config, "master", m.Master)
	set(config, "mode", strings.ToLower(m.Mode))
	set(config, "mtu", m.MTU)
	switch {
	case m.IPAM == nil || m.IPAM.Type == "DHCP":
		return text(config)
	case m.IPAM.Type != "Static":
		return ""
	}
	ipam, ok := m.IPAM.Static.ipam()
	if !ok {
		return ""
	}
	config["ipam"] = ipam
	return text(config)
}

// ipam is false where an address cannot be read.
func (s *simpleStaticIPAM) ipam() (fields, bool) {
	ipam := fields{"type": "static"}
	if s == nil || len(s.Addresses) == 0 {
		// The plugin reads no capabilities inside ipam, and gets the addresses of a pod in
		// CNI_ARGS all the same.
		ipam["capabilities"] = []string{"ips"}
	}
	if s == nil {
		return ipam, true
	}
	var addresses, routes []fields
	for _, a := range s.Addresses {
		if _, _, err := net.ParseCIDR(a.Address); err != nil || a.Gateway != "" && net.ParseIP(a.Gateway) == nil {
			return nil, false
		}
		address := fields{"address": a.Address}
		set(address, "gateway", a.Gateway)
		addresses = append(addresses, address)
	}
	for _, r := range s.Routes {
		_, to, err := net.ParseCIDR(r.Destination)
		if err != nil || r.Gateway != "" && net.ParseIP(r.Gateway) == nil {
			return nil, false
		}
		// Bits of the host are gone from what the operator writes.
		route := fields{"dst": to.String()}
		set(route, "gw", r.Gateway)
		routes = append(routes, route)
	}
	if len(addresses) > 0 {
		ipam["addresses"] = addresses
	}
	if len(routes) > 0 {
		ipam["routes"] = routes
	}
	if s.DNS != nil {
		ipam["dns"] = s.DNS
	}
	return ipam, true
}
