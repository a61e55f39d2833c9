package rules

import (
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// containerd is the runtime that does not start a pod without an address on eth0: setupPodNetwork
// of containerd 2.1 (internal/cri/server/sandbox_run.go) looks for that interface in the
// result of the CNI plugins, and fails with "failed to find network info for sandbox".
const containerd = "containerd"

// The container runtime asks for eth0, and takes its addresses for the pod's.
var ruleDefaultNetworkUnusable = pod.Rule{
	ID:      "default-network-unusable",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		if len(p.Interfaces()) == 0 || p.First().Element == nil {
			return nil
		}
		return append(misnamedFirst(p, p.First()), unaddressedFirst(p, p.First())...)
	},
}

// misnamedFirst is the finding that the first interface is not called eth0.
func misnamedFirst(p *pod.View, i *pod.Interface) []verdict.Finding {
	if i.Name == multus.FirstInterface || p.Faulty(i, multus.ProblemInterface) || p.Conflicting(0) {
		return nil
	}
	// Other plugins may answer with whatever they like, and what names no interface counts
	// for eth0.
	n := i.Network()
	certain := n != nil && n.OnlyReference() && n.NamesInterface()
	return []verdict.Finding{atFirst(p, verdict.Finding{
		Place:   object.AtAnnotation(i.Annotation, p.Locate(i, "interface")),
		Message: "interface name " + quote.Value(i.Name) + " of network " + i.Label() + ": the container runtime asks for eth0 as a pod's first interface",
		Remedy:  "leave the name out of " + i.Annotation + ": the interface is then called eth0",
	}, certain)}
}

// unaddressedFirst is the finding that the first interface gets no address.
func unaddressedFirst(p *pod.View, i *pod.Interface) []verdict.Finding {
	n := i.Network()
	if n == nil || !n.GivesNoAddress() || n.IPAM.Type() != "" && asksForAddress(p, i) {
		return nil
	}
	return []verdict.Finding{atFirst(p, verdict.Finding{
		Place:   object.AtAnnotation(i.Annotation, p.LocateNetwork(i)),
		Message: "network " + i.Label() + " gives the pod's first interface no address: " + whyNoAddress(n),
		Remedy: "use a network with addresses here, or ask for this one as an extra network (" + multus.NetworksAnnotation +
			"), which needs none",
	}, true)}
}

// whyNoAddress says where a network's addresses would have to come from.
func whyNoAddress(n *cniconf.Network) string {
	if n.IPAM.Type() == "" {
		return "its configuration has no IPAM plugin"
	}
	return "its IPAM plugin " + quote.Value(n.IPAM.Type()) + " has no addresses, and the pod asks for none"
}

// asksForAddress says whether the pod names addresses for its first interface: Multus hands
// it no capability, but "ips" go into CNI_ARGS, and "cni-args" into the configuration. These
// are looked for in the text, as they may be written in any case and with escapes.
func asksForAddress(p *pod.View, i *pod.Interface) bool {
	value := p.Subject.Annotations[i.Annotation]
	return len(i.Element.IPs) > 0 || strings.ContainsRune(value, '\\') || strings.Contains(strings.ToLower(value), "cni-args")
}

// atFirst completes a finding about the first interface by what the container runtime makes
// of it.
func atFirst(p *pod.View, f verdict.Finding, certain bool) verdict.Finding {
	f.Message += "; containerd does not start a pod that has no address on eth0"
	switch known := p.ContainerRuntime() == containerd; {
	case !known:
		f.Softened = true
		f.Message += ", and other runtimes may leave it without one"
	case !certain:
		f.Softened = true
		f.Message += ", unless a plugin of the network reports one"
	}
	return f
}
