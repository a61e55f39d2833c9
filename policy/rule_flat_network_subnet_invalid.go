package policy

// The Custom Resource Definitions of both generations state types and nothing else. V2
// checks part of it in a webhook that fails open (pkg/common/common.go).
var ruleFlatNetworkSubnetInvalid = subnetRule{
	ID:      "flat-network-subnet-invalid",
	Default: Deny,
	Check: func(s *subnet) []Finding {
		var found findings
		for _, f := range s.compiled.Faults() {
			found.add(f.Softened, func() Finding { return Finding{Place: AtField(f.Field), Message: f.Message(), Remedy: f.Remedy} })
		}
		return found.list()
	},
}
