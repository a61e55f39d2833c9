package node

import (
	"regexp"

	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// provable says of each rule whether a node can prove its denial: a pod that is denied by it
// then does not start. Of the others a node knows nothing, or not this one: they guard what
// works on one node and not in a cluster, what Spiderpool, whereabouts and Rancher do, and
// what an administrator has forbidden.
//
// Of a rule on networks, the pod is one that asks for no more than the network.
var provable = map[string]bool{
	"address-count-mismatch":             false,
	"address-duplicate":                  true,
	"address-in-use":                     false,
	"address-not-assignable":             true,
	"addresses-running-out":              false,
	"annotation-misplaced":               false,
	"default-network-count":              true,
	"default-network-unusable":           true,
	"default-route-conflict":             true,
	"default-route-taken":                false,
	"flat-network-annotation-invalid":    false,
	"flat-network-keys-mixed":            false,
	"flat-network-not-attached":          false,
	"flat-network-project":               false,
	"flat-network-subnet-invalid":        false,
	"flat-network-subnet-missing":        false,
	"flat-network-subnet-not-found":      false,
	"flat-network-subnet-overlap":        false,
	"guid-request-invalid":               true,
	"host-network":                       false,
	"interface-name-conflict":            true,
	"interface-name-invalid":             true,
	"interface-name-unsupported":         false,
	"ip-request-invalid":                 true,
	"ippool-annotation-invalid":          false,
	"ippool-default-missing":             false,
	"ippool-default-not-filled-in":       false,
	"ippool-disabled":                    false,
	"ippool-exhausted":                   false,
	"ippool-namespace-mismatch":          false,
	"ippool-network-mismatch":            false,
	"ippool-not-found":                   false,
	"ippool-pod-mismatch":                false,
	"ippool-shared":                      false,
	"ippool-unknown-field":               false,
	"ippool-wrong-family":                false,
	"ippools-interface-missing":          false,
	"ippools-interface-unknown":          false,
	"label-value-too-long":               false,
	"mac-request-invalid":                true,
	"master-busy":                        true,
	"master-missing-on-nodes":            false,
	"nad-address-invalid":                true,
	"nad-address-overlap":                false,
	"nad-annotation-invalid":             false,
	"nad-bounds-exceeded":                false,
	"nad-chain-invalid":                  true,
	"nad-cni-version-unsupported":        true,
	"nad-config-invalid":                 true,
	"nad-gateway-outside-subnet":         true,
	"nad-host-local-on-shared-link":      false,
	"nad-in-use":                         false,
	"nad-ipam-key-ignored":               false,
	"nad-macvlan-invalid":                true,
	"nad-master-busy":                    false,
	"nad-master-name-too-long":           true,
	"nad-passthru-shared":                false,
	"nad-plugin-invalid":                 true,
	"nad-role-contradiction":             false,
	"nad-route-invalid":                  true,
	"nad-vlan-mismatch":                  false,
	"nad-vlan-without-effect":            false,
	"nad-whereabouts-invalid":            false,
	"namespace-isolation":                true,
	"network-access-denied":              false,
	"network-annotation-invalid":         true,
	"network-annotation-unknown-field":   false,
	"network-config-unusable":            true,
	"network-not-coordinated":            false,
	"network-not-found":                  true,
	"object-ambiguous":                   false,
	"object-unreadable":                  false,
	"overlay-as-default-network":         false,
	"resource-inject-overrides-networks": false,
	"resource-not-requested":             false,
	"route-invalid":                      true,
	"spiderpool-annotation-ignored":      false,
	"spiderpool-annotation-invalid":      false,
	"standalone-mixed-with-overlay":      false,
	"standalone-on-overlay-pod":          false,
	"subnet-annotation-unsupported":      false,
	"too-few-addresses":                  false,
	"too-many-address-pairs":             false,
	"value-is-placeholder":               false,
}

// hardware is a MAC address.
var hardware = regexp.MustCompile(`([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}`)

// sharesAddress says that a finding is about an IP address that two interfaces of a pod have:
// the kernel lets them, unlike one MAC address on one link.
func sharesAddress(f *verdict.Finding) bool {
	return f.Rule == "address-duplicate" && !hardware.MatchString(f.Message)
}

// aboutRequests are the rules that say of a request that it has no effect: where one has
// spoken, what it spoke of need not be there.
var aboutRequests = map[string]bool{
	"address-count-mismatch": true,
	"address-not-assignable": true,
	"guid-request-invalid":   true,
	"mac-request-invalid":    true,
	"nad-address-invalid":    true,
	"nad-chain-invalid":      true,
	"nad-plugin-invalid":     true,
	"route-invalid":          true,
}
