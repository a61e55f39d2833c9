package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// An interface name is checked by Multus, then by libcni, then by the kernel;
// each refuses names that the one before lets through.
var ruleInterfaceNameInvalid = pod.Rule{
	ID:      "interface-name-invalid",
	Default: verdict.Deny,
	Check: faultCheck("interface name",
		"choose a shorter, plain name such as net1, or leave it out: Multus then names the interfaces net1, net2 and so on",
		multus.ProblemInterface),
}
