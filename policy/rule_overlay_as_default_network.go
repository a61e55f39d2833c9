package policy

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
)

// An overlay network (macvlan-overlay) works beside the cluster's own network
// and never as a pod's first interface: its chained plugin (router, or a
// coordinator in overlay mode) needs an interface before it.
var ruleOverlayAsDefaultNetwork = Rule{
	ID:      "overlay-as-default-network",
	Title:   "A macvlan-overlay network is asked for as the pod's first interface",
	Group:   groupPlacement,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "`v1.multus-cni.io/default-network` puts the pod's first interface (eth0) on a network. A macvlan-overlay network cannot " +
		"be that network: it is made to work beside the cluster's own network (Calico, Cilium), which has to be eth0. The " +
		"router plugin finds no routing table for eth0, and a coordinator in overlay mode refuses the first interface.",
	Remedy: "Move the network to `k8s.v1.cni.cncf.io/networks`, or use a macvlan-standalone network as default-network.",
	Wrong:  "v1.multus-cni.io/default-network: kube-system/macvlan-overlay-vlan0\n",
	Right:  "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0\n",

	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		if len(p.interfaces) == 0 {
			return nil
		}
		first := p.first()
		if first.annotation == "" || first.Role != cniconf.RoleOverlay {
			return nil
		}
		return []Finding{{
			Annotation: first.annotation,
			Offset:     p.locateNetwork(first),
			Message: "network " + first.label() + " is an overlay network (" + first.because() + ") and cannot be the pod's first interface; " +
				"accepted: a standalone network, or no " + multus.DefaultNetworkAnnotation + " at all",
			Remedy: "remove " + multus.DefaultNetworkAnnotation + " and write it as an extra network:\n" +
				"  " + p.pasteNetworks(append([]*Interface{first}, p.kept(notStandalone, nil)...)),
		}}
	},
}
