package node

// provable are the rules whose denial a node can prove: a pod that is denied by one of them
// does not start. Of the others a node knows nothing: they guard what works on one node and
// not in a cluster, what Spiderpool and Rancher do, and what an administrator has forbidden.
var provable = map[string]bool{
	// Of pods.
	"address-duplicate":          true,
	"address-not-assignable":     true,
	"default-network-count":      true,
	"default-network-unusable":   true,
	"default-route-conflict":     true,
	"guid-request-invalid":       true,
	"interface-name-conflict":    true,
	"interface-name-invalid":     true,
	"interface-name-unsupported": true,
	"ip-request-invalid":         true,
	"mac-request-invalid":        true,
	"master-busy":                true,
	"namespace-isolation":        true,
	"network-annotation-invalid": true,
	"network-config-unusable":    true,
	"network-not-found":          true,
	"route-invalid":              true,
	// Of networks: the pod is one that asks for no more than the network.
	"nad-address-invalid":         true,
	"nad-chain-invalid":           true,
	"nad-cni-version-unsupported": true,
	"nad-config-invalid":          true,
	"nad-gateway-outside-subnet":  true,
	"nad-macvlan-invalid":         true,
	"nad-master-name-too-long":    true,
	"nad-plugin-invalid":          true,
	"nad-route-invalid":           true,
}

// aboutRequests are the rules that say of a request that it has no effect: where one has
// spoken, what it spoke of need not be there.
var aboutRequests = map[string]bool{
	"address-not-assignable": true,
	"address-count-mismatch": true,
	"mac-request-invalid":    true,
	"guid-request-invalid":   true,
	"host-network":           true,
}
