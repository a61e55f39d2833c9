package nad

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A warning, and none of pods: the node may still have plugins of an older version, with
// which all goes well. That it does not any more is found out when the node is updated,
// and then it is too late for the pods that run: Multus deletes a pod with the
// configuration that it was started with (its pkg/multus, CmdDel), whatever the network
// says by then.
var ruleNADGatewayOutsideSubnet = Rule{
	ID:      "nad-gateway-outside-subnet",
	Default: verdict.Warn,
	Check: func(n *view) []verdict.Finding {
		if n.compiled.IPAM.Fault() != "" {
			return nil
		}
		dated, more := n.compiled.IPAM.Dated()
		if dated.Path == nil {
			return nil
		}
		fact := dated.Text
		switch {
		case more == 1:
			fact += ", and one more range is like it"
		case more > 1:
			fact += fmt.Sprintf(", and %d more ranges are like it", more)
		}
		return atConfig(n.compiled.Locate(n.source.Config, dated.Path...),
			fmt.Sprintf("%s: %s refuses this from version %s on, also when a pod is deleted. "+
				"On a node with that version no pod starts on this network, and pods that run on it cannot be deleted: "+
				"their interface and their address stay", fact, n.compiled.IPAM.Type(), dated.Since),
			"write "+dated.Want+fmt.Sprintf("; then delete and recreate the pods of this network before a node gets %s %s",
				n.compiled.IPAM.Type(), dated.Since))
	},
}
