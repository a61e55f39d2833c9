package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"

// Both generations are deployed side by side while a cluster is migrated. Each has a
// controller and a CNI plugin of its own, which know nothing of the other's keys.
var ruleFlatNetworkKeysMixed = Rule{
	ID:      "flat-network-keys-mixed",
	Title:   "A pod has annotations of both generations of Rancher's flat network",
	Group:   groupFlat,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "`macvlan.pandaria.cattle.io/…` is read by the first generation, `flatnetwork.pandaria.io/…` by the second one. Each would give the pod an address " +
		"and write labels and records of its own, for one interface.",
	Remedy: "Keep the annotations of the generation whose network the pod attaches.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: auto\nmacvlan.pandaria.cattle.io/subnet: vlan200\nmacvlan.pandaria.cattle.io/ip: auto\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: auto\n",
	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		if len(p.flat) < 2 || p.flat[0].Void() || p.flat[1].Void() {
			return nil
		}
		// The one to remove is the one that is not attached, if that is known.
		keep, drop := p.flat[1], p.flat[0]
		if keep.inert() && !drop.inert() {
			keep, drop = drop, keep
		}
		key := p.firstKey(drop.Generation)
		return []Finding{{
			Annotation: key,
			Message: "the annotations " + key + " and " + p.firstKey(keep.Generation) + " belong to two generations of the flat network (" +
				drop.Generation.String() + " and " + keep.Generation.String() + "), whose controllers know nothing of each other",
			Remedy: "remove the annotations " + drop.Generation.Prefix() + "*",
		}}
	},
}

// firstKey is the first annotation of a generation that the pod has.
func (p *Pod) firstKey(g flatnetwork.Generation) string {
	for _, key := range g.Annotations() {
		if _, ok := p.Subject.Annotations[key]; ok {
			return key
		}
	}
	return ""
}
