package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// static gives its addresses as they are written, and host-local what its ranges leave. A pod
// may bring addresses of its own to static.
var ruleNADAddressInvalid = Rule{ID: "nad-address-invalid", Default: verdict.Deny, Check: flaws(flaw.Address)}
