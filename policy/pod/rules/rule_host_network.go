package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A pod on the host's network has no network namespace of its own, so no CNI
// plugin is called for it and its network annotations are dead text.
var ruleHostNetwork = pod.Rule{
	ID:      "host-network",
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
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
		return []verdict.Finding{{
			Place:   object.AtField("spec.hostNetwork"),
			Message: "the pod uses the host's network, so its annotation " + key + " has no effect",
			Remedy:  "remove the network annotations, or hostNetwork: true",
		}}
	},
}
