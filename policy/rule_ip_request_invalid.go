package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/multus"

// Multus reads each of the requested ips before it calls any plugin.
var ruleIPRequestInvalid = Rule{
	ID:      "ip-request-invalid",
	Title:   "A requested IP address cannot be read",
	Group:   groupMultus,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "The JSON field `ips` is a list of addresses, each an IPv4 or IPv6 address, with or without a prefix length " +
		"(`10.6.0.5` or `10.6.0.5/16`). Multus refuses the pod when it cannot read one of them.",
	Remedy: "Write each address in full, such as `\"ips\":[\"10.6.0.5/16\"]`.",
	Wrong:  "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"macvlan-overlay-vlan0\",\"namespace\":\"kube-system\",\"ips\":[\"10.6.0.256\"]}]'\n",
	Right:  "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"macvlan-overlay-vlan0\",\"namespace\":\"kube-system\",\"ips\":[\"10.6.0.25\"]}]'\n",
	check: faultCheck("ip",
		`write each address in full, such as "ips":["10.6.0.5/16"]`,
		multus.ProblemIP),
}
