package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/multus"

// The kernel gives an interface no multicast address, no all-zero one and none
// of another length than six bytes, though Multus reads them all.
var ruleMACRequestInvalid = Rule{
	ID:      "mac-request-invalid",
	Title:   "A requested MAC address cannot be given to an interface",
	Group:   groupMultus,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "The JSON field `mac` is a hardware address of six bytes. It must be a unicast address (the first byte is even) and not all " +
		"zero: the kernel refuses others with `cannot assign requested address`.",
	Remedy: "Write six bytes, the first one even; `02` as the first byte marks an address of your own making.",
	Wrong:  "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"macvlan-overlay-vlan0\",\"namespace\":\"kube-system\",\"mac\":\"01:00:5e:00:00:01\"}]'\n",
	Right:  "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"macvlan-overlay-vlan0\",\"namespace\":\"kube-system\",\"mac\":\"02:00:5e:00:00:01\"}]'\n",
	check: faultCheck("mac",
		`write a unicast address of six bytes, such as "mac":"02:00:5e:00:00:01"`,
		multus.ProblemMAC),
}
