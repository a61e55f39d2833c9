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
	// findings are all that is said of the pod, and of the network where it is that which
	// is tried.
	findings []verdict.Finding
}

// said says whether there is a finding of one of some rules, of an action or of any.
func (c *trial) said(rules map[string]bool, action verdict.Action) bool {
	return slices.ContainsFunc(c.findings, func(f verdict.Finding) bool {
		return rules[f.Rule] && (action == "" || f.Action == action)
	})
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
	undeletable = "starts, and cannot be deleted"
)

// compare holds a verdict against what became of the pod, which has run as far as it can.
// The second text is what the node says.
func (c *trial) compare(o *outcome) (fault, text string) {
	failure := o.failure()
	switch {
	case c.said(provable, verdict.Deny):
		if failure == "" {
			return deniedWorks, ""
		}
		return agree, failure
	case c.denied():
		return notCompared, failure
	case failure != "":
		// A warning that foretells just that is right.
		if c.said(provable, verdict.Warn) {
			return agree, failure
		}
		return passedFails, failure
	case o.Deletion != "":
		return undeletable, o.Deletion
	case c.said(aboutRequests, ""):
		return agree, ""
	}
	if missing := c.missing(o); missing != "" {
		return unfulfilled, missing
	}
	return agree, ""
}

// missing is what a pod asks for and has not.
func (c *trial) missing(o *outcome) string {
	var missing []string
	check := func(e *multus.Element, name string) {
		if e.Interface != "" {
			name = e.Interface
		}
		i, ok := o.Interfaces[name]
		if !ok {
			missing = append(missing, "there is no interface "+name)
			return
		}
		if !i.Up {
			missing = append(missing, name+" is down")
		}
		if mac, err := net.ParseMAC(e.MAC); err == nil && mac.String() != i.MAC {
			missing = append(missing, fmt.Sprintf("%s has the MAC address %s in place of %s", name, i.MAC, mac))
		}
		for _, ip := range e.IPs {
			address, _, _ := strings.Cut(ip, "/")
			if !slices.ContainsFunc(i.Addresses, func(has string) bool {
				got, _, err := net.ParseCIDR(has)
				return err == nil && got.Equal(net.ParseIP(address))
			}) {
				missing = append(missing, fmt.Sprintf("%s has the addresses %v, without %s", name, i.Addresses, ip))
			}
		}
		for _, gateway := range e.DefaultRoutes {
			if !slices.ContainsFunc(o.Routes, func(r route) bool { return r.Interface == name && gateway.Equal(net.ParseIP(r.Gateway)) }) {
				missing = append(missing, fmt.Sprintf("there is no default route by %s of %s, but %v", gateway, name, o.Routes))
			}
		}
	}
	if value, ok := c.pod.Annotations[defaultNetworkKey]; ok && value != "" {
		elements, _ := multus.ParseDefaultNetwork(value, c.pod.Multus.MultusNamespace)
		for i := range elements {
			check(&elements[i], "eth0")
		}
	}
	elements, _ := multus.ParseNetworks(c.pod.Annotations[networksKey], c.pod.Namespace)
	for i := range elements {
		check(&elements[i], fmt.Sprintf("net%d", i+1))
	}
	return strings.Join(missing, "; ")
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
			n.Name == p.Multus.ClusterNetwork && n.Namespace == p.Multus.MultusNamespace {
			named = append(named, n)
		}
	}
	return named
}

// linkNames are the links that a configuration wants on the node. Names that no link can
// have are left out.
func linkNames(config string) []string {
	type plugin struct {
		Master          any `json:"master"`
		Device          any `json:"device"`
		LinkInContainer any `json:"linkInContainer"`
	}
	var list struct {
		plugin
		Plugins []json.RawMessage `json:"plugins"`
	}
	// What is not as it ought to be names none.
	_ = json.Unmarshal([]byte(config), &list)
	plugins := []plugin{list.plugin}
	for _, text := range list.Plugins {
		var p plugin
		_ = json.Unmarshal(text, &p)
		plugins = append(plugins, p)
	}
	var names []string
	for _, p := range plugins {
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
	_, name, found := strings.Cut(c.Multus.ClusterNetwork, "/")
	if !found {
		name = c.Multus.ClusterNetwork
	}
	return multusConfig{
		MultusNamespace: c.Multus.DefaultNetworkNamespace, ClusterNetwork: name,
		NamespaceIsolation: c.Multus.NamespaceIsolation, GlobalNamespaces: c.Multus.GlobalNamespaces,
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
	"cilium-cni":               "Cilium",
}

var (
	missingPlugin = regexp.MustCompile(`failed to find plugin "([^"]*)" in path`)
	missingKind   = regexp.MustCompile(`(vlan|ipvlan|dummy|vrf|bridge)[^:]*:.*operation not supported`)
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
			return "a kernel with links of kind " + kind
		}
	}
	switch {
	case strings.Contains(o.Failure, "error dialing DHCP daemon"):
		return "a DHCP server"
	case strings.Contains(o.Failure, "failed to get a ResourceClient instance"):
		return "a kubelet with a device plugin"
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
}

type fault struct{ kind, title, text string }

func try(t *testing.T, trials []*trial) *report {
	t.Helper()
	needNode(t)
	r := &report{results: map[string]int{}, needs: map[string]int{}, proven: map[string]int{}}
	pods := make([]*pod, len(trials))
	outcomes := make([]*outcome, len(trials))
	for i, c := range trials {
		pods[i] = c.pod
	}
	lacks := runAll(t, pods, func(i int, o *outcome) { outcomes[i] = o })
	for i, c := range trials {
		o := outcomes[i]
		if o == nil {
			t.Fatalf("%s: was not run", c.title)
		}
		if o.Broken != "" {
			t.Errorf("%s: %s\n%s", c.title, o.Broken, c)
			continue
		}
		if needs := o.needs(lacks); needs != "" {
			r.needs[needs]++
			continue
		}
		kind, text := c.compare(o)
		r.results[kind]++
		if kind == agree && o.failure() != "" {
			for _, f := range c.findings {
				r.proven[f.Rule]++
			}
		}
		if kind != agree && kind != notCompared {
			r.faults = append(r.faults, fault{kind, c.title, c.String() + "  the node: " + text})
		}
	}
	t.Logf("%d pods: %v; not run to their ends for want of: %v; kinds of links that the kernel lacks: %q; proven: %v", len(trials), r.results, r.needs, lacks, r.proven)
	return r
}

// check reports faults, grouped by kinds.
func (r *report) check(t *testing.T) {
	t.Helper()
	for _, kind := range []string{deniedWorks, passedFails, unfulfilled, undeletable} {
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
