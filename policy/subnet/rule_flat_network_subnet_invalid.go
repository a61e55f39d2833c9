package subnet

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The Custom Resource Definitions of both generations state types and nothing else. V2
// checks part of it in a webhook that fails open (pkg/common/common.go).
var ruleFlatNetworkSubnetInvalid = Rule{
	ID:      "flat-network-subnet-invalid",
	Default: verdict.Deny,
	Check: func(s *view) []verdict.Finding {
		var found verdict.Collector
		for _, f := range s.compiled.Faults() {
			found.AddOf(f.Softened, f.More, func() verdict.Finding {
				return verdict.Finding{Place: object.AtField(f.Field), Message: f.Message(), Remedy: f.Remedy}
			})
		}
		return found.List()
	},
}
