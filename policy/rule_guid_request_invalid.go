package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/multus"

// Multus reads the InfiniBand GUID as a hardware address.
var ruleGUIDRequestInvalid = Rule{
	ID:      "guid-request-invalid",
	Title:   "A requested InfiniBand GUID cannot be read",
	Group:   groupMultus,
	Default: Deny,
	Since:   "v0.1.0",
	Doc:     "The JSON field `infiniband-guid` is a hardware address, of eight bytes for InfiniBand. Multus refuses the pod when it cannot read it.",
	Remedy:  "Write eight bytes separated by colons, or leave the field out.",
	Wrong:   "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"ib-net\",\"namespace\":\"kube-system\",\"infiniband-guid\":\"c2:11\"}]'\n",
	Right:   "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"ib-net\",\"namespace\":\"kube-system\",\"infiniband-guid\":\"c2:11:22:33:44:55:66:77\"}]'\n",
	check: faultCheck("infiniband-guid",
		`write eight bytes, such as "infiniband-guid":"c2:11:22:33:44:55:66:77", or leave the field out`,
		multus.ProblemGUID),
}
