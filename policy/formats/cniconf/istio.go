package cniconf

import "strings"

const (
	// istioLabel is on the network that Istio's chart makes, with the value istioComponent
	// (manifests/charts/istio-cni of Istio 1.18 and later).
	istioLabel     = "operator.istio.io/component"
	istioComponent = "Cni"
	// istioName is what the network is called, since the file on the node has that name.
	// Before the chart made it, people had to make one in each namespace. OpenShift Service
	// Mesh 2 puts its version before the name: v2-6-istio-cni.
	istioName = "istio-cni"
)

// isIstio says whether a network without a config is that of Istio's plugin. Injection adds
// it to every pod with a sidecar.
func isIstio(s *Source) bool {
	return s.Labels[istioLabel] == istioComponent || s.Name == istioName || strings.HasSuffix(s.Name, "-"+istioName)
}
