package spiderpool

import (
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// The two families of addresses, as SpiderIPPool's spec.ipVersion and
// [Choice] count them.
const (
	IPv4 = 4
	IPv6 = 6
)

// MultusName names a NetworkAttachmentDefinition.
type MultusName struct{ Namespace, Name string }

// NoNetwork stands for an interface that Spiderpool knows no network of, though it has
// one: only pools that are for no network in particular serve it. No object has this name.
var NoNetwork = MultusName{Name: "(none)"}

// String is namespace/name.
func (n MultusName) String() string { return n.Namespace + "/" + n.Name }

// PoolSource is the part of a SpiderIPPool (spiderpool.spidernet.io/v2beta1)
// that decides which pods it serves.
type PoolSource struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              PoolSpec   `json:"spec"`
	Status            PoolStatus `json:"status"`
}

// PoolSpec is what is read of a SpiderIPPool's spec.
type PoolSpec struct {
	IPVersion         *int64                `json:"ipVersion,omitempty"`
	Subnet            string                `json:"subnet,omitempty"`
	PodAffinity       *metav1.LabelSelector `json:"podAffinity,omitempty"`
	NamespaceAffinity *metav1.LabelSelector `json:"namespaceAffinity,omitempty"`
	NamespaceName     []string              `json:"namespaceName,omitempty"`
	NodeAffinity      *metav1.LabelSelector `json:"nodeAffinity,omitempty"`
	NodeName          []string              `json:"nodeName,omitempty"`
	MultusName        []string              `json:"multusName,omitempty"`
	Default           *bool                 `json:"default,omitempty"`
	Disable           *bool                 `json:"disable,omitempty"`
}

// PoolStatus is what is read of a SpiderIPPool's status.
type PoolStatus struct {
	TotalIPCount     *int64 `json:"totalIPCount,omitempty"`
	AllocatedIPCount *int64 `json:"allocatedIPCount,omitempty"`
}

// Pool is a SpiderIPPool, compiled. It is not changed after that.
type Pool struct {
	Name string
	// Version is [IPv4] or [IPv6], 0 where the pool tells neither.
	Version int
	// Subnet of the pool's addresses; the zero value where it cannot be read.
	Subnet netip.Prefix
	// Disabled and Terminating pools give no addresses. Default ones serve the
	// interfaces for which nothing else names a pool.
	Disabled, Terminating, Default bool
	// MultusNames are the networks that the pool serves, as written: with a
	// namespace, or without one for a network in Spiderpool's namespace. None
	// is any network.
	MultusNames []string
	// Namespaces are those whose pods the pool serves. NamespaceSelector, which
	// counts only where Namespaces is empty, selects them by their labels; nil
	// is any. NamespaceFault says why the selector can match nothing.
	Namespaces        []string
	NamespaceSelector labels.Selector
	NamespaceFault    string
	// PodSelector selects the pods by their labels; nil is any. PodFault says
	// why it can match nothing.
	PodSelector labels.Selector
	PodFault    string
	// Owner is the workload for which Spiderpool made the pool, nil for pools
	// that people made. It counts in place of PodSelector and MultusNames.
	Owner *Owner
	// NodeRestricted says that the pool serves some nodes only. Which node a
	// pod gets is not known when it is admitted.
	NodeRestricted bool
	// Total and Allocated are numbers of addresses, -1 where they are not
	// known. They are as old as the pool's status.
	Total, Allocated int64
}

// Owner is the workload at the top of a pod's owners.
type Owner struct{ Kind, Namespace, Name string }

// ownerNameLabel on a pool tells those that Spiderpool made for a workload
// (IsAutoCreatedIPPool in pkg/ippoolmanager/utils.go).
const ownerNameLabel = "ipam.spidernet.io/owner-application-name"

// The labels by which the podAffinity of such a pool names the workload.
const (
	appKindLabel      = "ipam.spidernet.io/app-kind"
	appNamespaceLabel = "ipam.spidernet.io/app-namespace"
	appNameLabel      = "ipam.spidernet.io/app-name"
)

// CompilePool reads what a pool says. A selector that Kubernetes cannot use
// makes the pool serve nobody, as it does in Spiderpool, and is told in the
// fields of the result. An IP version that is missing is taken from the subnet,
// as Spiderpool's webhook does it.
func CompilePool(s *PoolSource) *Pool {
	p := &Pool{
		Name:           s.Name,
		Version:        version(&s.Spec),
		Disabled:       isTrue(s.Spec.Disable),
		Terminating:    s.DeletionTimestamp != nil,
		Default:        isTrue(s.Spec.Default),
		MultusNames:    s.Spec.MultusName,
		Namespaces:     s.Spec.NamespaceName,
		NodeRestricted: len(s.Spec.NodeName) > 0 || s.Spec.NodeAffinity != nil,
		Total:          count(s.Status.TotalIPCount),
		Allocated:      count(s.Status.AllocatedIPCount),
	}
	// The zero value stands for a subnet that cannot be read.
	p.Subnet, _ = netip.ParsePrefix(s.Spec.Subnet)
	p.NamespaceSelector, p.NamespaceFault = selector(s.Spec.NamespaceAffinity)
	affinity := s.Spec.PodAffinity
	if _, made := s.Labels[ownerNameLabel]; made && affinity != nil {
		p.Owner = &Owner{
			Kind:      affinity.MatchLabels[appKindLabel],
			Namespace: affinity.MatchLabels[appNamespaceLabel],
			Name:      affinity.MatchLabels[appNameLabel],
		}
		return p
	}
	p.PodSelector, p.PodFault = selector(affinity)
	return p
}

func version(s *PoolSpec) int {
	if s.IPVersion != nil {
		if v := *s.IPVersion; v == IPv4 || v == IPv6 {
			return int(v)
		}
		return 0
	}
	subnet, err := netip.ParsePrefix(s.Subnet)
	switch {
	case err != nil:
		return 0
	case subnet.Addr().Is4():
		return IPv4
	default:
		return IPv6
	}
}

func isTrue(b *bool) bool { return b != nil && *b }

func count(n *int64) int64 {
	if n == nil || *n < 0 {
		return -1
	}
	return *n
}

// selector is nil where there is nothing to select by.
func selector(s *metav1.LabelSelector) (labels.Selector, string) {
	if s == nil {
		return nil, ""
	}
	compiled, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing(), err.Error()
	}
	return compiled, ""
}

// Exhausted says that all addresses of the pool were taken when its status was
// written. Where the numbers are not known it is false.
func (p *Pool) Exhausted() bool { return p.Total >= 0 && p.Allocated >= p.Total }
