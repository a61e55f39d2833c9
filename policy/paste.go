package policy

import (
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// paste is a line of YAML that a reader can put among the annotations.
func paste(annotation string, references ...Reference) string {
	names := make([]string, len(references))
	for i, r := range references {
		names[i] = r.String()
	}
	return annotation + ": " + quote.Value(strings.Join(names, ","))
}

// roleOverlayOnly selects the interfaces that fit beside the cluster's own
// network.
func roleOverlayOnly(r cniconf.Role) bool { return r != cniconf.RoleStandalone }

// pasteNetworks is the networks annotation made of some interfaces put first,
// and of the pod's own extra networks whose roles are kept.
func (p *Pod) pasteNetworks(keep func(cniconf.Role) bool, before ...*Interface) string {
	var references []Reference
	for _, i := range before {
		references = append(references, i.Reference)
	}
	for _, i := range p.extras() {
		if !i.unreadable && keep(i.Role) {
			references = append(references, i.Reference)
		}
	}
	return paste(multus.NetworksAnnotation, references...)
}
