package cniconf

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/field"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// readRouting looks for the plugins that set routes: what they say of the role,
// nil for nothing, and why a coordinator among them will fail for every pod.
//
// Only plugins behind the first one tune what it made. veth and router say what
// they do by being there; a coordinator only counts without them.
func readRouting(plugins []*libcni.PluginConfig) (*ground, string) {
	var plain, coordinated *ground
	fault := ""
	for i, p := range plugins {
		if p.Network.Type == pluginCoordinator {
			g, f := readCoordinator(p.Bytes)
			if f != "" && fault == "" {
				fault = f
			}
			if i > 0 && coordinated == nil {
				coordinated = g
			}
		}
		if i > 0 && plain == nil {
			plain = pluginGrounds[p.Network.Type]
		}
	}
	if plain != nil {
		return plain, fault
	}
	return coordinated, fault
}

// readCoordinator reads the mode of a coordinator plugin. An unknown mode makes
// the plugin fail with "unknown tuneMode".
func readCoordinator(conf []byte) (*ground, string) {
	var f struct {
		Mode CoordinatorMode `json:"mode"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		return nil, "its coordinator cannot be read: " + field.Fault("", err)
	}
	if g := coordinatorGrounds[f.Mode]; g != nil {
		return g, ""
	}
	return nil, "its coordinator has the mode " + quote.Value(string(f.Mode)) +
		", which is not one of auto, underlay, overlay and disable"
}

// Coordinated says that a plugin stands in the chain which adjusts the pod's routes, be it
// switched off: the nodes have it.
func (n *Network) Coordinated() bool { return n.chained != nil }

// cniVersionFault says why a version of the specification will be refused.
func cniVersionFault(v string) string {
	if known := version.All.SupportedVersions(); v != "" && !slices.Contains(known, v) {
		return "cniVersion " + quote.Value(v) + " is not one of " + strings.Join(known, ", ") +
			", the released versions of the CNI specification"
	}
	return ""
}

// oldWithoutAddresses says why the macvlan plugin fails for every pod since it has no
// result to answer with: before version 0.3.0 of the specification, which is also what
// counts where none is named, a result is made of addresses, and without IPAM there are
// none ("cannot convert: no valid IP addresses").
func (n *Network) oldWithoutAddresses(c *chain) string {
	switch {
	case n.Macvlan == nil || n.IPAM != ipam.None || n.NamesInterface():
		return ""
	case n.CNIVersion == "" && c.versions:
		return `none of "cniVersions" is known, which means 0.1.0, and without ipam the macvlan plugin needs 0.3.0 or later`
	case n.CNIVersion == "":
		return "cniVersion is missing, which means 0.1.0, and without ipam the macvlan plugin needs 0.3.0 or later"
	default:
		return "cniVersion " + quote.Value(n.CNIVersion) + " is too old: without ipam the macvlan plugin needs 0.3.0 or later"
	}
}
