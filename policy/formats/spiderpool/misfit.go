package spiderpool

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Misfit is a reason why a pool cannot serve an interface.
type Misfit string

// The reasons, in the order in which Spiderpool looks for them (selectByPod in
// pkg/ipam/allocate.go). A pool that is missing fails the pod; with the other
// reasons it is left out, and the pod fails when no pool of the list is left.
const (
	// MisfitNone: nothing is known against the pool.
	MisfitNone Misfit = ""
	// MisfitMissing: there is no such pool.
	MisfitMissing Misfit = "missing"
	// MisfitTerminating: the pool is being deleted.
	MisfitTerminating Misfit = "terminating"
	// MisfitDisabled: the pool is disabled.
	MisfitDisabled Misfit = "disabled"
	// MisfitFamily: the pool is of the other IP version.
	MisfitFamily Misfit = "family"
	// MisfitNamespace: the pool is for other namespaces.
	MisfitNamespace Misfit = "namespace"
	// MisfitPod: the pool is for other pods.
	MisfitPod Misfit = "pod"
	// MisfitNetwork: the pool is for other networks, or the interface has none
	// that Spiderpool knows.
	MisfitNetwork Misfit = "network"
)

// Request is an interface of a pod that asks a pool for an address.
type Request struct {
	// Family is that of the list in which the pool stands: [IPv4] or [IPv6].
	Family int
	// Network is the interface's NetworkAttachmentDefinition. It is the zero
	// value for a first interface that no annotation names and for which the
	// cluster has none either: Spiderpool then gives it no pool at all.
	//
	// Spiderpool looks for a default-network without a namespace in its own
	// namespace, whatever Multus does, and for other networks in the pod's.
	Network MultusName
	// Namespace is the pod's. NamespaceLabels are its labels; nil where they
	// are not known, and then no pool is refused for them.
	Namespace       string
	NamespaceLabels map[string]string
	// PodLabels are the pod's labels. Template says that they are those of a
	// template, to which the controllers of Kubernetes add some.
	PodLabels map[string]string
	Template  bool
	// SpiderpoolNamespace is where Spiderpool runs.
	SpiderpoolNamespace string
}

// Misfit says why a pool cannot serve an interface; detail continues a sentence
// that begins with the pool's name. A nil pool is one that does not exist. What
// depends on the node is not judged, nor is match_master_subnet of SR-IOV.
func (p *Pool) Misfit(r *Request) (reason Misfit, detail string) {
	switch {
	case p == nil:
		return MisfitMissing, "does not exist"
	case p.Terminating:
		return MisfitTerminating, "is being deleted"
	case p.Disabled:
		return MisfitDisabled, "is disabled (spec.disable)"
	case p.Version == 0:
		return MisfitFamily, "has no IP version (spec.ipVersion)"
	case p.Version != r.Family:
		return MisfitFamily, fmt.Sprintf("is an IPv%d pool in a list of IPv%d pools", p.Version, r.Family)
	}
	if detail := p.namespaceMisfit(r); detail != "" {
		return MisfitNamespace, detail
	}
	if p.Owner != nil {
		// Such a pool serves its workload on whatever network: Spiderpool
		// looks no further. Which workload is at the top of the pod's owners
		// is not known here, only that it is in the pod's namespace.
		if p.Owner.Namespace != r.Namespace {
			return MisfitPod, "was made for " + quote.Value(p.Owner.String()) + " (spec.podAffinity)"
		}
		return MisfitNone, ""
	}
	if detail := p.podMisfit(r); detail != "" {
		return MisfitPod, detail
	}
	if detail := p.networkMisfit(r); detail != "" {
		return MisfitNetwork, detail
	}
	return MisfitNone, ""
}

// namespaceMisfit: the list of names, where there is one, replaces the
// selector.
func (p *Pool) namespaceMisfit(r *Request) string {
	switch {
	case len(p.Namespaces) > 0:
		if !slices.Contains(p.Namespaces, r.Namespace) {
			return "is only for namespace " + some(p.Namespaces) + " (spec.namespaceName)"
		}
	case p.NamespaceFault != "":
		return "is for no namespace: spec.namespaceAffinity cannot be read: " + quote.Value(p.NamespaceFault)
	case p.NamespaceSelector != nil && r.NamespaceLabels != nil:
		if !p.NamespaceSelector.Matches(labels.Set(r.NamespaceLabels)) {
			return "is only for namespaces with the labels " + quote.Value(p.NamespaceSelector.String()) + " (spec.namespaceAffinity)"
		}
	}
	return ""
}

func (p *Pool) podMisfit(r *Request) string {
	switch {
	case p.PodFault != "":
		return "is for no pod: spec.podAffinity cannot be read: " + quote.Value(p.PodFault)
	case p.PodSelector != nil && !mayMatch(p.PodSelector, r):
		return "is only for pods with the labels " + quote.Value(p.PodSelector.String()) + " (spec.podAffinity)"
	}
	return ""
}

// addedLabels are those that the controllers of Kubernetes add to the pods that
// they make of a template.
var addedLabels = []string{
	"apps.kubernetes.io/pod-index",
	"batch.kubernetes.io/controller-uid",
	"batch.kubernetes.io/job-completion-index",
	"batch.kubernetes.io/job-name",
	"controller-revision-hash",
	"controller-uid",
	"job-name",
	"pod-template-generation",
	"pod-template-hash",
	"statefulset.kubernetes.io/pod-name",
}

// mayMatch asks of a template no label that its pods will get later.
func mayMatch(s labels.Selector, r *Request) bool {
	requirements, selectable := s.Requirements()
	if !selectable {
		return false
	}
	for i := range requirements {
		if r.Template && slices.Contains(addedLabels, requirements[i].Key()) {
			continue
		}
		if !requirements[i].Matches(labels.Set(r.PodLabels)) {
			return false
		}
	}
	return true
}

// String is like "Deployment default/web".
func (o *Owner) String() string { return o.Kind + " " + o.Namespace + "/" + o.Name }

func (p *Pool) networkMisfit(r *Request) string {
	if r.Network == (MultusName{}) {
		return "cannot serve an interface on the cluster's own network, for which no NetworkAttachmentDefinition is set (Multus' clusterNetwork)"
	}
	if len(p.MultusNames) == 0 {
		return ""
	}
	short := false
	for _, name := range p.MultusNames {
		if namespace, rest, qualified := strings.Cut(name, "/"); qualified {
			if namespace == r.Network.Namespace && rest == r.Network.Name {
				return ""
			}
			continue
		}
		if r.SpiderpoolNamespace == r.Network.Namespace && name == r.Network.Name {
			return ""
		}
		short = true
	}
	detail := "is only for network " + some(p.MultusNames) + " (spec.multusName"
	if short {
		detail += "; one without a namespace is in Spiderpool's, " + quote.Value(r.SpiderpoolNamespace)
	}
	return detail + ")"
}

// maxShown is how many names of a list a message shows.
const maxShown = 3

// some quotes the first names of a list.
func some(names []string) string { return quote.Some(names, maxShown, quote.Value) }
