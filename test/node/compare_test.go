package node

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

const (
	networksKey       = "k8s.v1.cni.cncf.io/networks"
	defaultNetworkKey = "v1.multus-cni.io/default-network"
)

// trial is a pod that is judged and run.
type trial struct {
	title string
	pod   *pod
	// plain says that the pod asks for no more than its network gives, and that the verdict
	// on the network counts as well.
	plain bool
	// findings are all that is said of the pod, and of the network where it is that which
	// is tried.
	findings []verdict.Finding
}

// said says whether there is a finding of one of some rules, of an action or of any.
func (c *trial) said(rules map[string]bool, action verdict.Action) bool {
	return slices.ContainsFunc(c.findings, func(f verdict.Finding) bool {
		return rules[f.Rule] && (action == "" || f.Action == action) && !sharesAddress(&f) && !strings.Contains(f.Message, "with a route to nowhere")
	})
}

// about says whether there is a finding of a rule.
func (c *trial) about(rule string) bool {
	return slices.ContainsFunc(c.findings, func(f verdict.Finding) bool { return f.Rule == rule })
}

func (c *trial) denied() bool {
	return slices.ContainsFunc(c.findings, func(f verdict.Finding) bool { return f.Action == verdict.Deny })
}

// What becomes of the verdict on a pod.
const (
	agree       = "agree"
	notCompared = "denied by rules of which a node knows nothing"
	// The faults.
	passedFails = "let through, and does not start"
	deniedWorks = "denied, and starts"
	unfulfilled = "let through, and starts without what it asks for"
	fulfilled   = "warned that something has no effect, and has all it asks for"
	foretold    = "warned that it does not start, and starts"
	undeletable = "starts, and cannot be deleted"
	// A fault of Multus: pull request 1552.
	oldRoute = "starts with another default route than it asks for, which Multus leaves where it is"
)

// compare holds a verdict against what became of the pod, which has run as far as it can.
// The second text is what the node says.
func (c *trial) compare(o *outcome) (fault, text string) {
	failure := o.failure()
	switch {
	case c.said(provable, verdict.Deny):
		switch {
		case failure != "":
			return agree, failure
		case c.lacks(o) != "":
			// It starts, and what it was made for is not there.
			return agree, c.lacks(o)
		}
		return deniedWorks, ""
	case c.denied():
		return notCompared, failure
	case failure != "":
		// A warning that foretells just that is right.
		if c.said(provable, verdict.Warn) {
			return agree, failure
		}
		return passedFails, failure
	case o.Deletion != "":
		if slices.ContainsFunc(c.findings, func(f verdict.Finding) bool { return strings.Contains(f.Message, "cannot be deleted") }) {
			return agree, o.Deletion
		}
		return undeletable, o.Deletion
	}
	missing, old := c.missing(o)
	switch warned := c.said(aboutRequests, verdict.Warn); {
	case !warned && c.said(provable, verdict.Warn):
		return foretold, fmt.Sprint(o.Interfaces)
	case missing != "" && !warned:
		return unfulfilled, missing
	case missing == "" && warned:
		return fulfilled, fmt.Sprint(o.Interfaces)
	case old && !warned:
		return oldRoute, fmt.Sprint(o.Routes)
	}
	return agree, ""
}

// each calls a function with every network that a pod names, and the name that its interface
// is to have.
func (c *trial) each(do func(e *multus.Element, name string)) {
	if value, ok := c.pod.Annotations[defaultNetworkKey]; ok && value != "" {
		elements, _ := multus.ParseDefaultNetwork(value, c.pod.Multus.MultusNamespace)
		for i := range elements {
			do(&elements[i], cmp.Or(elements[i].Interface, "eth0"))
		}
	}
	elements, _ := multus.ParseNetworks(c.pod.Annotations[networksKey], c.pod.Namespace)
	for i := range elements {
		do(&elements[i], cmp.Or(elements[i].Interface, fmt.Sprintf("net%d", i+1)))
	}
}

// lacks is an interface that a pod is to have and has not.
func (c *trial) lacks(o *outcome) (missing string) {
	c.each(func(_ *multus.Element, name string) {
		if _, ok := o.Interfaces[name]; !ok {
			missing = "there is no interface " + name
		}
	})
	return missing
}

// missing is what a pod asks for and has not, and what its network gives where the pod asks
// for nothing else. That another default route stands in the place of one that is asked for
// is told apart.
func (c *trial) missing(o *outcome) (missing string, oldRoute bool) {
	var all []string
	c.each(func(e *multus.Element, name string) {
		config := configOf(c.pod, e)
		if config.makesNone() && !c.plain {
			return
		}
		i, ok := o.Interfaces[name]
		if !ok {
			all = append(all, "there is no interface "+name)
			return
		}
		if !i.Up {
			all = append(all, name+" is down")
		}
		asked := e.MAC
		if asked == "" {
			asked = config.mac()
		}
		if mac, err := net.ParseMAC(asked); err == nil && mac.String() != i.MAC {
			all = append(all, fmt.Sprintf("%s has the MAC address %s in place of %s", name, i.MAC, mac))
		}
		addresses := slices.Concat(e.IPs, e.ArgIPs)
		if e.ArgIPsFault != "" {
			addresses = append(addresses, e.ArgIPsFault)
		}
		if c.plain {
			addresses = config.addresses()
		}
		for _, ip := range addresses {
			address, _, _ := strings.Cut(ip, "/")
			if !slices.ContainsFunc(i.Addresses, func(has string) bool {
				got, _, err := net.ParseCIDR(has)
				return err == nil && got.Equal(net.ParseIP(address))
			}) {
				all = append(all, fmt.Sprintf("%s has the addresses %v, without %s", name, i.Addresses, ip))
			}
		}
		for _, gateway := range e.DefaultRoutes {
			four := gateway.To4() != nil
			if slices.ContainsFunc(o.Routes, func(r route) bool { return r.Interface == name && gateway.Equal(net.ParseIP(r.Gateway)) }) {
				continue
			}
			if slices.ContainsFunc(o.Routes, func(r route) bool { return r.IPv4 == four }) {
				oldRoute = true
				continue
			}
			all = append(all, fmt.Sprintf("there is no default route by %s of %s, but %v", gateway, name, o.Routes))
		}
	})
	return strings.Join(all, "; "), oldRoute
}

// pluginConfig is what these tests want to know of a plugin's configuration. What is not of
// the type that it ought to be is no fault here.
type pluginConfig struct {
	Type, Master, Device, MAC any
	LinkInContainer           any
	Args, RuntimeConfig       any
	IPAM                      struct {
		Type      any
		Addresses []struct{ Address any }
	}
}

type chainConfig []pluginConfig

// readConfig reads a network's configuration, as far as it can be.
func readConfig(text string) chainConfig {
	var list struct {
		Type    any
		Plugins []json.RawMessage
	}
	_ = json.Unmarshal([]byte(text), &list)
	if list.Type != nil {
		list.Plugins = []json.RawMessage{json.RawMessage(text)}
	}
	chain := make(chainConfig, len(list.Plugins))
	for i, text := range list.Plugins {
		_ = json.Unmarshal(text, &chain[i])
	}
	return chain
}

// configOf is the configuration of the network that an element names; nil without one.
func configOf(p *pod, e *multus.Element) chainConfig {
	for i := range p.Networks {
		if n := &p.Networks[i]; n.Namespace == e.Namespace && n.Name == e.Name {
			return readConfig(n.Config)
		}
	}
	return nil
}

// makesNone says that a network makes no interface: it is a plugin for addresses, or that of
// the loopback interface, which is there. That is said of the network, not of its pods.
func (c chainConfig) makesNone() bool {
	return len(c) > 0 && (c[0].Type == "loopback" || c[0].Type == "host-local" || c[0].Type == "static")
}

// mac is the address that a network gives by itself.
func (c chainConfig) mac() string {
	mac := ""
	for i := range c {
		if text, ok := c[i].MAC.(string); ok && text != "" {
			mac = text
		}
	}
	return mac
}

// addresses are those that static gives by itself, and that nothing else in the network takes
// the place of.
func (c chainConfig) addresses() []string {
	var addresses []string
	if len(c) > 0 && c[0].IPAM.Type == "static" && c[0].Args == nil && c[0].RuntimeConfig == nil {
		for _, a := range c[0].IPAM.Addresses {
			if text, ok := a.Address.(string); ok {
				addresses = append(addresses, text)
			}
		}
	}
	return addresses
}

// String shows a pod as its annotations, and the configurations that they name.
func (c *trial) String() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(c.pod.Annotations)) {
		if key == networksKey || key == defaultNetworkKey {
			fmt.Fprintf(&b, "  %s: %s\n", key, c.pod.Annotations[key])
		}
	}
	for _, n := range c.pod.named() {
		fmt.Fprintf(&b, "  network %s/%s: %s\n", n.Namespace, n.Name, strings.Join(strings.Fields(n.Config), " "))
	}
	for _, f := range c.findings {
		fmt.Fprintf(&b, "  %s %s: %s\n", f.Action, f.Rule, f.Message)
	}
	return b.String()
}

// named are the networks that a pod names and that there are.
func (p *pod) named() []*network {
	elements, _ := multus.ParseNetworks(p.Annotations[networksKey], p.Namespace)
	first, _ := multus.ParseDefaultNetwork(p.Annotations[defaultNetworkKey], p.Multus.MultusNamespace)
	var named []*network
	for i := range p.Networks {
		n := &p.Networks[i]
		is := func(e multus.Element) bool { return e.Namespace == n.Namespace && e.Name == n.Name }
		if slices.ContainsFunc(elements, is) || slices.ContainsFunc(first, is) ||
			n.Namespace == p.Multus.MultusNamespace && (n.Name == p.Multus.ClusterNetwork || slices.Contains(p.Multus.DefaultNetworks, n.Name)) {
			named = append(named, n)
		}
	}
	return named
}

// linkNames are the links that a configuration wants on the node. Names that no link can
// have are left out.
func linkNames(config string) []string {
	var names []string
	for _, p := range readConfig(config) {
		if p.LinkInContainer == true {
			continue
		}
		for _, value := range []any{p.Master, p.Device} {
			name, _ := value.(string)
			if name != "" && len(name) <= 15 && name != "lo" && name != "eth0" && name != "." && name != ".." &&
				!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '/' || r == ':' || r == '%' || r > '~' }) {
				names = append(names, name)
			}
		}
	}
	return names
}

// onNode has the node of a pod have all links that its networks name, as large as they are
// said to be.
func (p *pod) onNode(mtus map[string]int) {
	names := map[string]bool{}
	for _, n := range p.named() {
		for _, name := range linkNames(n.Config) {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p.Links = append(p.Links, link{Name: name, MTU: cmp.Or(mtus[name], 1500)})
	}
}

// multusAs is what Multus' configuration says where ours repeats it.
func multusAs(c *config.Config) multusConfig {
	return multusConfig{
		MultusNamespace: c.Multus.DefaultNetworkNamespace, ClusterNetwork: c.ClusterNetwork().Name,
		DefaultNetworks: c.Multus.DefaultNetworks, NamespaceIsolation: c.Multus.NamespaceIsolation, GlobalNamespaces: c.Multus.GlobalNamespaces,
	}
}

// foreign are the plugins that belong to others, and what would have to be there besides.
var foreign = map[string]string{
	"spiderpool":               "Spiderpool",
	"coordinator":              "Spiderpool",
	"veth":                     "the multus-underlay chart",
	"router":                   "the multus-underlay chart",
	"whereabouts":              "whereabouts and an API server",
	"rancher-flat-network-cni": "Rancher's flat network",
	"static-macvlan-cni":       "Rancher's flat network",
	"static-ipam":              "Rancher's flat network",
	"sriov":                    "the plugin sriov",
	"ib-sriov":                 "the plugin ib-sriov",
	"ovs":                      "the plugin ovs",
	"bond":                     "the plugin bond",
	"route-override":           "the plugin route-override",
	"rdma":                     "the plugin rdma",
	"ifacer":                   "Spiderpool",
	"ovn-k8s-cni-overlay":      "OVN-Kubernetes",
	"calico":                   "Calico",
	"flannel":                  "Flannel",
	"my-ipam":                  "an IPAM plugin that nobody knows",
	"nv-ipam":                  "NVIDIA's IPAM plugin",
	"address-reporter":         "a plugin that nobody knows",
	"cilium-cni":               "Cilium",
}

var (
	missingPlugin = regexp.MustCompile(`failed to find plugin "([^"]*)" in path`)
	missingKind   = regexp.MustCompile(`\b(vlan|ipvlan|dummy|vrf|bridge)\b[^:]*:.*operation not supported`)
)

// kernelWith begins what a pod needs that wants a kind of links.
const kernelWith = "a kernel with links of kind "

// kindNeeded is the kind of links that it is.
func kindNeeded(needs string) string { return strings.TrimPrefix(needs, kernelWith) }

// isNeed says whether it is known to happen that a pod needs something.
func isNeed(needs string) bool {
	if kinds[kindNeeded(needs)] != nil || slices.Contains([]string{dhcp, kubelet, operator, device, iptables, nodeFile}, needs) {
		return true
	}
	return slices.Contains(slices.Collect(maps.Values(foreign)), needs)
}

const (
	dhcp     = "a DHCP server"
	kubelet  = "a kubelet with a device plugin"
	operator = "an operator that makes the network of another object"
	device   = "a device on the PCI bus"
	iptables = "the program iptables"
	nodeFile = "a CNI configuration on the node"
)

// needs is what keeps a pod from being run to its end here; empty when nothing does.
func (o *outcome) needs(lacks []string) string {
	if m := missingPlugin.FindStringSubmatch(o.Failure); m != nil {
		if owner, ok := foreign[m[1]]; ok {
			return owner
		}
		return ""
	}
	if m := missingKind.FindStringSubmatch(o.Failure); m != nil {
		kind := m[1]
		if kind == "bridge" {
			kind = "bridge with VLANs"
		}
		if slices.Contains(lacks, kind) {
			return kernelWith + kind
		}
	}
	switch {
	case strings.Contains(o.Failure, "error dialing DHCP daemon"):
		return dhcp
	case strings.Contains(o.Failure, "failed to get a ResourceClient instance"):
		return kubelet
	case strings.Contains(o.Failure, "lstat /sys/bus/pci/devices/"):
		return device
	case strings.Contains(o.Failure, "failed to locate iptables"):
		return iptables
	case strings.Contains(o.Failure, "stat /etc/cni/"):
		return nodeFile
	}
	return ""
}

// report holds the verdicts on trials against what becomes of the pods.
type report struct {
	results map[string]int
	// needs says how many pods could not be run, by what they need.
	needs map[string]int
	// proven says which rules have denied a pod that then failed.
	proven map[string]int
	// faults are the verdicts that were wrong.
	faults []fault
	// lacks are the kinds of links that the kernel does not have.
	lacks []string
}

// compared is how many pods were run to their ends.
func (r *report) compared() int {
	n := 0
	for _, count := range r.results {
		n += count
	}
	return n
}

type fault struct{ kind, title, says, text string }

func try(t *testing.T, trials []*trial) *report {
	t.Helper()
	r := &report{results: map[string]int{}, needs: map[string]int{}, proven: map[string]int{}}
	pods := make([]*pod, len(trials))
	outcomes := make([]*outcome, len(trials))
	for i, c := range trials {
		pods[i] = c.pod
	}
	r.lacks = runAll(t, pods, func(i int, o *outcome) { outcomes[i] = o })
	for i, c := range trials {
		o := outcomes[i]
		if o == nil {
			t.Fatalf("%s: was not run", c.title)
		}
		if o.Broken != "" {
			t.Errorf("%s: %s\n%s", c.title, o.Broken, c)
			continue
		}
		needs := o.needs(r.lacks)
		if strings.Contains(o.Failure, "cannot find a network-attachment-definition") && !c.about("network-not-found") {
			// Our inventory knows the network by the object that it is made of.
			needs = operator
		}
		if needs != "" {
			r.needs[needs]++
			continue
		}
		kind, text := c.compare(o)
		r.results[kind]++
		if kind == agree && o.failure() != "" {
			for _, f := range c.findings {
				if provable[f.Rule] && !sharesAddress(&f) {
					r.proven[f.Rule]++
				}
			}
		}
		if kind != agree && kind != notCompared && kind != oldRoute {
			r.faults = append(r.faults, fault{kind, c.title, text, c.String() + "  the node: " + text})
		}
	}
	t.Logf("%d pods: %v; not run to their ends for want of: %v; kinds of links that the kernel lacks: %q; proven: %v", len(trials), r.results, r.needs, r.lacks, r.proven)
	return r
}

// check reports faults, grouped by kinds.
func (r *report) check(t *testing.T) {
	t.Helper()
	for _, kind := range []string{deniedWorks, passedFails, unfulfilled, fulfilled, foretold, undeletable} {
		n := 0
		for _, f := range r.faults {
			if f.kind == kind {
				t.Errorf("%s: %s\n%s", kind, f.title, f.text)
				n++
			}
		}
		if n > 0 {
			t.Errorf("%d: %s", n, kind)
		}
	}
}
