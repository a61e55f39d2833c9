package pod

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// Annotations of pods that rules read, by what they do. The match conditions of the webhook
// configurations name the same ones: a test compares them.
var (
	// networkKeys ask for networks.
	networkKeys = []string{multus.NetworksAnnotation, multus.DefaultNetworkAnnotation}
	// InjectAnnotations let Spiderpool's own webhook write the networks.
	InjectAnnotations = []string{spiderpool.RDMAInjectAnnotation, spiderpool.NetworkInjectAnnotation}
	// PoolAnnotations name pools or subnets of Spiderpool: nothing is filled in beside them.
	PoolAnnotations = []string{
		spiderpool.PoolAnnotation, spiderpool.PoolsAnnotation, spiderpool.SubnetAnnotation, spiderpool.SubnetsAnnotation,
	}
	// dependentAnnotations of Spiderpool mean something beside the others only.
	dependentAnnotations = []string{
		spiderpool.IPNumberAnnotation, spiderpool.ReclaimAnnotation, spiderpool.DefaultRouteNICAnnotation,
	}
	flatNetworkAnnotations = slices.Concat(flatnetwork.V1.Annotations(), flatnetwork.V2.Annotations())

	// JudgedAnnotations make a pod, or the template of pods, one that is judged.
	JudgedAnnotations = slices.Concat(networkKeys, PoolAnnotations, []string{spiderpool.RoutesAnnotation}, flatNetworkAnnotations)
	// CompletedAnnotations make a pod one whose pools are filled in.
	CompletedAnnotations = slices.Concat(networkKeys, InjectAnnotations)
	// SpiderpoolAnnotations are those of Spiderpool that concern addresses.
	SpiderpoolAnnotations = []string{
		spiderpool.SubnetsAnnotation, spiderpool.SubnetAnnotation,
		spiderpool.IPNumberAnnotation, spiderpool.ReclaimAnnotation,
		spiderpool.PoolsAnnotation, spiderpool.PoolAnnotation,
		spiderpool.RoutesAnnotation, spiderpool.DefaultRouteNICAnnotation,
	}

	annotationKeys = slices.Concat(JudgedAnnotations, InjectAnnotations, dependentAnnotations, []string{MirrorAnnotation})
)

// podAnnotations are the annotations of a pod that rules read. The others are
// ignored while decoding: a hostile object can have hundreds of thousands.
type podAnnotations struct {
	values map[string]string
	// wrong is the key among them whose value is no text, if any.
	wrong string
	// strays are keys of others that are near misses of them, up to maxStrays.
	strays []Stray
}

// UnmarshalJSON keeps the values of annotationKeys. A later value of a key counts,
// as it does for Kubernetes.
func (a *podAnnotations) UnmarshalJSON(text []byte) (err error) {
	a.values, a.wrong, err = object.KeepAnnotations(text, annotationKeys, a.noteStray)
	return err
}
