package policy

// The Custom Resource Definitions of both generations state types and nothing else. V2
// checks part of it in a webhook that fails open (pkg/common/common.go).
var ruleFlatNetworkSubnetInvalid = Rule{
	ID:      "flat-network-subnet-invalid",
	Title:   "A subnet of Rancher's flat network cannot serve pods",
	Group:   groupFlat,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Judged are MacvlanSubnet and FlatNetworkSubnet objects. `vlan` is 0 (none) to 4094: the kernel refuses 4095. The interface of a VLAN is called `MASTER.VLAN`, and a name has up to 15 bytes. `mode` is one that the plugin takes. " +
		"`gateway` and both ends of all `ranges` are addresses in `cidr`, the first one not behind the last one, and no address is in two ranges. Routes have a destination. " +
		"Only subnets in kube-system (V1) and cattle-flat-network (V2) are read, and the name becomes a label of the pods, so that it has up to 63 bytes. " +
		"Rancher accepts a V1 subnet whose gateway lies elsewhere, which is a warning.",
	Remedy: "Correct the field.",
	Wrong: "apiVersion: flatnetwork.pandaria.io/v1\nkind: FlatNetworkSubnet\nmetadata: {name: vlan310, namespace: cattle-flat-network}\n" +
		"spec: {flatMode: macvlan, master: bond0, vlan: 4095, cidr: 10.31.0.0/24, mode: bridge, gateway: 10.31.0.1}\n",
	Right: "apiVersion: flatnetwork.pandaria.io/v1\nkind: FlatNetworkSubnet\nmetadata: {name: vlan310, namespace: cattle-flat-network}\n" +
		"spec: {flatMode: macvlan, master: bond0, vlan: 310, cidr: 10.31.0.0/24, mode: bridge, gateway: 10.31.0.1}\n",
	checkSubnet: func(s *subnet) []Finding {
		var found findings
		for _, f := range s.compiled.Faults() {
			found.add(f.Softened, func() Finding { return Finding{Field: f.Field, Message: f.Message(), Remedy: f.Remedy} })
		}
		return found.list()
	},
}
