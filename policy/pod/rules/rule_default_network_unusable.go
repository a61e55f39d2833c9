package rules

import (
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
	certain := n != nil && n.OnlyReference()
	if certain && !n.NamesInterface() {
		return nil
	}
	return []verdict.Finding{atFirst(p, verdict.Finding{
		Place:   object.AtAnnotation(i.Annotation, p.Locate(i, "interface")),
		Message: "interface name " + quote.Value(i.Name) + " of network " + i.Label() + ": the container runtime asks for eth0 as a pod's first interface",
		Remedy:  "leave the name out of " + i.Annotation + ": the interface is then called eth0",
	}, certain)}
}

// unaddressedFirst is the finding that the first interface gets no address.
func unaddressedFirst(p *pod.View, i *pod.Interface) []verdict.Finding {
	// What fails the pod whatever the runtime is has findings of its own.
	n := i.Network()
	if n == nil || !n.Addressless(i.Ask()) || n.FailsAll() != "" {
		return nil
	}
	if fails, _ := n.Fails(i.Ask()); fails != "" {
		return nil
	}
	why := ""
	if n.IPAM.Type() == "" {
		why = ": its configuration has no IPAM plugin"
	}
	return []verdict.Finding{atFirst(p, verdict.Finding{
		Place:   object.AtAnnotation(i.Annotation, p.LocateNetwork(i)),
		Message: "network " + i.Label() + " gives the pod's first interface no address" + why,
		Remedy: "use a network with addresses here, or ask for this one as an extra network (" + multus.NetworksAnnotation +
			"), which needs none",
	}, true)}
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
