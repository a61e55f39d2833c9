package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/multus"

// A pod on the host's network has no network namespace of its own, so no CNI
// plugin is called for it and its network annotations are dead text.
var ruleHostNetwork = Rule{
	ID:      "host-network",
	Title:   "Network annotations of a pod on the host's network have no effect",
	Group:   groupPlacement,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "A pod with `hostNetwork: true` uses the node's own interfaces. No CNI plugin is called for it, so nobody reads " +
		"its network annotations. Nothing else is judged about such a pod.",
	Remedy: "Remove the network annotations, or remove `hostNetwork: true` if the pod is to have interfaces of its own.",
	Wrong:  "spec:\n  hostNetwork: true\nmetadata:\n  annotations:\n    k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0\n",
	Right:  "metadata:\n  annotations:\n    k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0\n",
	check: func(p *Pod) []Finding {
		if !p.Subject.HostNetwork {
			return nil
		}
		var key string
		for _, k := range []string{multus.DefaultNetworkAnnotation, multus.NetworksAnnotation} {
			if p.Subject.Annotations[k] != "" {
				key = k
				break
			}
		}
		if key == "" {
			return nil
		}
		return []Finding{{
			Field:   "spec.hostNetwork",
			Message: "the pod uses the host's network, so its annotation " + key + " has no effect",
			Remedy:  "remove the network annotations, or hostNetwork: true",
		}}
	},
}
