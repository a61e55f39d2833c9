package pod

import (
	k8slabels "k8s.io/apimachinery/pkg/labels"

	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// mode is the mode of the pod's namespace. The note says why a label that is there
// is not heeded; it is empty when it is.
func (v *View) mode() (mode verdict.Mode, note string) {
	labels := v.namespaceLabels()
	if v.Subject.Mode != "" {
		labels = k8slabels.Merge(labels, k8slabels.Set{verdict.ModeLabel: string(v.Subject.Mode)})
	}
	return v.Config.Mode(v.Subject.Namespace, labels)
}
