package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A warning, and none of pods: the nodes may still have plugins of an older version, with
// which all goes well. That it does not any more is found out when a node is updated, and
// then it is too late for the pods that run: Multus deletes a pod with the configuration that
// it was started with (4.3, pkg/multus, CmdDel), whatever the network says by then.
var ruleNADGatewayOutsideSubnet = Rule{ID: "nad-gateway-outside-subnet", Default: verdict.Warn, Check: flaws(flaw.Gateway)}
