package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/document"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Version and kind of the configuration file.
const (
	APIVersion = "macvlan-webhook.io/v1alpha1"
	Kind       = "PolicyConfig"
)

// Config says how a cluster is set up, as far as a pod does not tell, and how
// strict the rules are. [Default] has the values of fields left out.
type Config struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Multus repeats what Multus' own configuration says on the nodes.
	Multus MultusConfig `json:"multus"`
	// Spiderpool repeats what Spiderpool's configuration says.
	Spiderpool SpiderpoolConfig `json:"spiderpool"`
	// ContainerRuntime is the program that starts the containers of every node, as a
	// Node names it: containerd, cri-o, docker and so on. Where it is empty, the Nodes
	// tell.
	ContainerRuntime string       `json:"containerRuntime"`
	Limits           LimitsConfig `json:"limits"`
	// Rules overrides the action of rules by their IDs: deny, warn or off.
	Rules map[string]verdict.Action `json:"rules"`
	// IPPoolDefaults are the pools of networks whose pods name none; the first
	// entry that matches an interface counts.
	IPPoolDefaults []IPPoolDefault `json:"ippoolDefaults"`
	Exempt         ExemptConfig    `json:"exempt"`
	// DefaultMode is the mode of namespaces without a [verdict.ModeLabel], and of all
	// networks and subnets. It is the platform's own word, so Relaxable does not limit it.
	DefaultMode verdict.Mode `json:"defaultMode"`
	// Relaxable selects the namespaces, by their labels, whose [verdict.ModeLabel] is
	// heeded where it lets more pass than DefaultMode; empty is all. AlwaysEnforce names
	// those that are enforced, whatever the other two say.
	Relaxable     metav1.LabelSelector `json:"relaxable"`
	AlwaysEnforce []string             `json:"alwaysEnforce"`

	relaxable labels.Selector
}

// MultusConfig holds the settings of Multus that decide what annotations mean.
type MultusConfig struct {
	// DefaultNetworkNamespace is Multus' multusNamespace: where a
	// default-network without a namespace is looked up.
	DefaultNetworkNamespace string `json:"defaultNetworkNamespace"`
	// ClusterNetwork is Multus' clusterNetwork when that is a
	// NetworkAttachmentDefinition, as namespace/name (the namespace may be left
	// out: DefaultNetworkNamespace); empty when it is a plain CNI configuration. It is nil
	// where nobody has written it, which counts as empty, but is no statement.
	ClusterNetwork *string `json:"clusterNetwork"`
	// DefaultNetworks is Multus' defaultNetworks: what every pod gets before the
	// networks that it names. Each is written as ClusterNetwork is, or is the absolute
	// path of a CNI configuration on the nodes.
	DefaultNetworks []string `json:"defaultNetworks"`
	// SystemNamespaces is Multus' systemNamespaces: whose pods get none of them.
	SystemNamespaces []string `json:"systemNamespaces"`
	// NamespaceIsolation is Multus' namespaceIsolation.
	NamespaceIsolation bool `json:"namespaceIsolation"`
	// GlobalNamespaces is Multus' globalNamespaces: whose networks every
	// namespace may use in spite of isolation.
	GlobalNamespaces []string `json:"globalNamespaces"`
}

// SpiderpoolConfig holds the settings of Spiderpool that rules need.
type SpiderpoolConfig struct {
	// Namespace of Spiderpool itself.
	Namespace string `json:"namespace"`
	// Subnets says whether the SpiderSubnet feature is on.
	Subnets bool `json:"subnets"`
	// AutoPools says whether Spiderpool makes pools of a SpiderSubnet for workloads
	// (enableAutoPoolForApplication, since Spiderpool 1.0). Without Subnets it means
	// nothing.
	AutoPools bool `json:"autoPools"`
	// IPv4 and IPv6 say which IP versions are on in Spiderpool (enableIPv4 and
	// enableIPv6). It does not look at the pools of one that is off.
	IPv4 bool `json:"ipv4"`
	IPv6 bool `json:"ipv6"`
	// CoordinatorMode stands in for the SpiderCoordinator's mode: auto,
	// underlay, overlay or disable.
	CoordinatorMode cniconf.CoordinatorMode `json:"coordinatorMode"`
}

// LimitsConfig holds limits that are a product's promise, not a law of nature.
type LimitsConfig struct {
	// AddressPairs is the number of IP/MAC pairs that one workload may fix.
	AddressPairs int `json:"addressPairs"`
}

// IPPoolDefault names the pools of some networks. One without pools leaves the
// networks that it matches without a default.
type IPPoolDefault struct {
	// Networks are patterns of namespace/name, with * and ? within either.
	Networks []string `json:"networks"`
	// NamespaceSelector selects the pods' namespaces by labels; empty is all.
	NamespaceSelector metav1.LabelSelector `json:"namespaceSelector"`
	// IPv4 and IPv6 are names of pools, or patterns of them.
	IPv4 []string `json:"ipv4"`
	IPv6 []string `json:"ipv6"`

	selector labels.Selector
}

// Matches says whether the entry is for a network and for pods of a namespace with
// these labels.
func (d *IPPoolDefault) Matches(network string, namespace labels.Set) bool {
	return d.selector.Matches(namespace) && slices.ContainsFunc(d.Networks, func(pattern string) bool {
		matched, err := path.Match(pattern, network)
		return err == nil && matched
	})
}

// ExemptConfig names whom the rules spare.
type ExemptConfig struct {
	// Namespaces whose pods and workloads are not judged.
	Namespaces []string `json:"namespaces"`
	// Users, by their Kubernetes user names, whose requests are not judged.
	Users []string `json:"users"`
}

// Default is what an empty configuration file means. It fits a cluster
// as DaoCloud sets it up.
func Default() *Config {
	return &Config{
		APIVersion: APIVersion,
		Kind:       Kind,
		Multus: MultusConfig{
			DefaultNetworkNamespace: "kube-system",
			GlobalNamespaces:        []string{"default"},
			DefaultNetworks:         []string{},
			SystemNamespaces:        []string{"kube-system"},
		},
		Spiderpool: SpiderpoolConfig{
			Namespace:       "kube-system",
			Subnets:         true,
			AutoPools:       true,
			IPv4:            true,
			IPv6:            true,
			CoordinatorMode: cniconf.ModeAuto,
		},
		Limits:      LimitsConfig{AddressPairs: 14},
		Exempt:      ExemptConfig{Namespaces: []string{"kube-system"}},
		DefaultMode: verdict.ModeEnforce,
		relaxable:   labels.Everything(),
	}
}

// Parse reads a configuration file. Unknown fields, values out of range
// and rules that do not exist are errors, each with its line and column. A file
// without any document is [Default].
//
// known says whether there is a rule of that ID.
func Parse(text []byte, known func(rule string) bool) (*Config, error) {
	docs, err := document.Parse(text)
	if err != nil {
		return nil, err
	}
	c := Default()
	switch len(docs) {
	case 0:
		return c, nil
	case 1:
	default:
		return nil, fmt.Errorf("line %d: another document begins here, and the file must hold one %s", docs[1].Line, Kind)
	}
	doc := &docs[0]
	if err := doc.DecodeStrict(c); err != nil {
		return nil, err
	}
	if err := c.compile(doc, known); err != nil {
		return nil, err
	}
	return c, nil
}

// compile checks what decoding cannot, and computes what rules look up.
func (c *Config) compile(doc *document.Document, known func(rule string) bool) error {
	var errs []error
	bad := func(problem string, field ...any) {
		at := doc.Position(0, field...)
		errs = append(errs, fmt.Errorf("line %d, column %d: %s", at.Line, at.Column, problem))
	}
	if c.APIVersion != APIVersion {
		bad(fmt.Sprintf("apiVersion %s must be %s", quote.Value(c.APIVersion), APIVersion), "apiVersion")
	}
	if c.Kind != Kind {
		bad(fmt.Sprintf("kind %s must be %s", quote.Value(c.Kind), Kind), "kind")
	}
	if c.Multus.DefaultNetworkNamespace == "" {
		bad("multus.defaultNetworkNamespace is empty: name the namespace that Multus' multusNamespace names", "multus", "defaultNetworkNamespace")
	}
	if n := c.ClusterNetwork(); n != (object.Reference{}) && !isReference(n) {
		bad(fmt.Sprintf("multus.clusterNetwork %s must be namespace/name", quote.Value(*c.Multus.ClusterNetwork)), "multus", "clusterNetwork")
	}
	if n := len(c.Multus.DefaultNetworks); n > maxDefaultNetworks {
		bad(fmt.Sprintf("multus.defaultNetworks has %d networks, and at most %d are accepted", n, maxDefaultNetworks), "multus", "defaultNetworks")
	}
	for i, n := range c.Multus.DefaultNetworks {
		if !isReference(c.reference(n)) && !path.IsAbs(n) {
			bad(fmt.Sprintf("multus.defaultNetworks[%d] %s must be a name, namespace/name or an absolute path", i, quote.Value(n)), "multus", "defaultNetworks", i)
		}
	}
	if r := c.ContainerRuntime; r != "" && !runtimeName.MatchString(r) {
		bad(fmt.Sprintf("containerRuntime %s must be the name of a container runtime in small letters and without its version, such as containerd or cri-o", quote.Value(r)), "containerRuntime")
	}
	switch c.Spiderpool.CoordinatorMode {
	case cniconf.ModeAuto, cniconf.ModeUnderlay, cniconf.ModeOverlay, cniconf.ModeDisable:
	default:
		bad(fmt.Sprintf("spiderpool.coordinatorMode %s must be auto, underlay, overlay or disable", quote.Value(string(c.Spiderpool.CoordinatorMode))), "spiderpool", "coordinatorMode")
	}
	if c.Limits.AddressPairs < 1 {
		bad(fmt.Sprintf("limits.addressPairs %d must be above 0", c.Limits.AddressPairs), "limits", "addressPairs")
	}
	for _, id := range slices.Sorted(maps.Keys(c.Rules)) {
		switch c.Rules[id] {
		case verdict.Deny, verdict.Warn, verdict.Off:
		default:
			bad(fmt.Sprintf("rules.%s %s must be deny, warn or off", quote.Value(id), quote.Value(string(c.Rules[id]))), "rules", id)
		}
		if !known(id) {
			bad(fmt.Sprintf("rules: no rule is called %s; `kubectl macvlan explain` lists them", quote.Value(id)), "rules", id)
		}
	}
	for _, list := range []struct {
		path  []any
		names []string
	}{
		{[]any{"exempt", "namespaces"}, c.Exempt.Namespaces},
		{[]any{"alwaysEnforce"}, c.AlwaysEnforce},
		{[]any{"multus", "systemNamespaces"}, c.Multus.SystemNamespaces},
	} {
		for i, namespace := range list.names {
			if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
				bad(fmt.Sprintf("%s[%d] %s is not a valid namespace name; patterns are not allowed here", dotted(list.path), i, quote.Value(namespace)), append(list.path, i)...)
			}
		}
	}
	if !c.DefaultMode.Known() {
		bad(fmt.Sprintf("defaultMode %s must be enforce, warn or off", quote.Value(string(c.DefaultMode))), "defaultMode")
	}
	var err error
	if c.relaxable, err = metav1.LabelSelectorAsSelector(&c.Relaxable); err != nil {
		bad(fmt.Sprintf("relaxable: %v", err), "relaxable")
	}
	for i, user := range c.Exempt.Users {
		if user == "" {
			bad(fmt.Sprintf("exempt.users[%d] is empty", i), "exempt", "users", i)
		}
	}
	for i := range c.IPPoolDefaults {
		d := &c.IPPoolDefaults[i]
		for n, pattern := range d.Networks {
			if _, err := path.Match(pattern, ""); err != nil {
				bad(fmt.Sprintf("ippoolDefaults[%d].networks[%d] %s: %v", i, n, quote.Value(pattern), err), "ippoolDefaults", i, "networks", n)
			}
		}
		if len(d.Networks) == 0 {
			bad(fmt.Sprintf("ippoolDefaults[%d].networks is empty: name at least one network", i), "ippoolDefaults", i)
		}
		selector, err := metav1.LabelSelectorAsSelector(&d.NamespaceSelector)
		if err != nil {
			bad(fmt.Sprintf("ippoolDefaults[%d].namespaceSelector: %v", i, err), "ippoolDefaults", i, "namespaceSelector")
		}
		d.selector = selector
		for _, list := range []struct {
			field string
			names []string
		}{{"ipv4", d.IPv4}, {"ipv6", d.IPv6}} {
			if n, problem := spiderpool.CheckNames(list.names); problem != "" {
				bad(fmt.Sprintf("ippoolDefaults[%d].%s[%d] %s %s", i, list.field, n, quote.Value(list.names[n]), problem), "ippoolDefaults", i, list.field, n)
			}
		}
	}
	return errors.Join(errs...)
}

// dotted is a path of fields as people write it.
func dotted(path []any) string {
	texts := make([]string, len(path))
	for i, step := range path {
		texts[i] = fmt.Sprint(step)
	}
	return strings.Join(texts, ".")
}

// Action is what a rule leads to in this configuration, given what it leads to without one.
func (c *Config) Action(rule string, byDefault verdict.Action) verdict.Action {
	if a, ok := c.Rules[rule]; ok {
		return a
	}
	return byDefault
}

// maxDefaultNetworks bounds what is looked up for every pod.
const maxDefaultNetworks = 16

// runtimeName is the form of the scheme in containerRuntimeVersion of a Node's status
// (containerd://2.1.4): the name that a runtime gives itself.
var runtimeName = regexp.MustCompile(`^[a-z][a-z0-9.+-]*$`)

// reference reads the name of a network in Multus' own configuration, which is in Multus'
// namespace where it names none.
func (c *Config) reference(network string) object.Reference {
	namespace, name, found := strings.Cut(network, "/")
	switch {
	case network == "":
		return object.Reference{}
	case !found:
		return object.Reference{Namespace: c.Multus.DefaultNetworkNamespace, Name: network}
	default:
		return object.Reference{Namespace: namespace, Name: name}
	}
}

// isReference says whether a reference has both its parts, and no third one.
func isReference(r object.Reference) bool {
	return r.Namespace != "" && r.Name != "" && !strings.Contains(r.Name, "/")
}

// ClusterNetwork is the cluster's own network; the zero value when that is a plain CNI
// configuration, or when nothing is said of it.
func (c *Config) ClusterNetwork() object.Reference {
	if c.Multus.ClusterNetwork == nil {
		return object.Reference{}
	}
	return c.reference(*c.Multus.ClusterNetwork)
}

// DefaultNetworks are the networks that Multus gives the pods of a namespace before those
// that they name. One that is a file on the nodes is the zero value.
func (c *Config) DefaultNetworks(namespace string) []object.Reference {
	if len(c.Multus.DefaultNetworks) == 0 || slices.Contains(c.Multus.SystemNamespaces, namespace) {
		return nil
	}
	references := make([]object.Reference, len(c.Multus.DefaultNetworks))
	for i, n := range c.Multus.DefaultNetworks {
		if !path.IsAbs(n) {
			references[i] = c.reference(n)
		}
	}
	return references
}

// GivesNetworks says whether pods use networks that they do not name.
func (c *Config) GivesNetworks() bool {
	return c.ClusterNetwork() != (object.Reference{}) || len(c.Multus.DefaultNetworks) > 0
}

// CoordinatorMode is the mode of coordinators that name none, given that of the cluster,
// if any.
func (c *Config) CoordinatorMode(cluster cniconf.CoordinatorMode) cniconf.CoordinatorMode {
	return cmp.Or(cluster, c.Spiderpool.CoordinatorMode)
}

// Mode is how strictly the pods and workloads of a namespace with these labels are judged.
// The note says why a label that is there is not heeded; it is empty when it is. A label
// that is stricter than what the platform asks for needs nobody's leave.
func (c *Config) Mode(namespace string, of labels.Set) (mode verdict.Mode, note string) {
	usual := c.UsualMode(namespace)
	value, labelled := of[verdict.ModeLabel]
	if !labelled {
		return usual, ""
	}
	switch mode = verdict.Mode(value); {
	case !mode.Known():
		return usual, "namespace label " + verdict.ModeLabel + "=" + quote.Value(value) + " is ignored: use enforce, warn or off"
	case mode.RelaxedBeyond(usual) && (slices.Contains(c.AlwaysEnforce, namespace) || !c.relaxable.Matches(of)):
		return usual, "namespace label " + verdict.ModeLabel + " is ignored: the configuration does not let this namespace relax the rules"
	default:
		return mode, ""
	}
}

// UsualMode is the mode of a namespace that has no say in it: one without a label, and
// any one for its networks and subnets, which the pods of others may use.
func (c *Config) UsualMode(namespace string) verdict.Mode {
	if slices.Contains(c.AlwaysEnforce, namespace) {
		return verdict.ModeEnforce
	}
	return c.DefaultMode
}

// Off says whose word it is that nothing is judged in a namespace, given that its mode is
// [verdict.ModeOff].
func (c *Config) Off(namespace string) string {
	if c.UsualMode(namespace) == verdict.ModeOff {
		return "defaultMode off"
	}
	return "mode off of namespace " + namespace
}

// ExemptNamespace says why a namespace is spared, or nothing.
func (c *Config) ExemptNamespace(namespace string) string {
	if slices.Contains(c.Exempt.Namespaces, namespace) {
		return "namespace " + namespace
	}
	return ""
}

// ExemptUser says why a user is spared, or nothing.
func (c *Config) ExemptUser(user string) string {
	if user != "" && slices.Contains(c.Exempt.Users, user) {
		return "user " + user
	}
	return ""
}
