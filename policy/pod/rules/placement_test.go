package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// networks by role, with the plugins that make them so.
var networksByRole = map[string]string{
	"veth":                 `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"ens192"},{"type":"veth"}]}`,
	"router":               `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"ens192"},{"type":"router"}]}`,
	"coordinator-underlay": `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"ens192"},{"type":"coordinator","mode":"underlay"}]}`,
	"coordinator-overlay":  `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"ens192"},{"type":"coordinator","mode":"overlay"}]}`,
	"coordinator-auto":     `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"ens192"},{"type":"coordinator","mode":"auto"}]}`,
	"coordinator-disable":  `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"ens192"},{"type":"coordinator","mode":"disable"}]}`,
	"spiderpool":           `{"cniVersion":"0.3.1","type":"macvlan","master":"ens192","ipam":{"type":"spiderpool"}}`,
	"plain":                `{"cniVersion":"0.3.1","type":"macvlan","master":"ens192"}`,
}

// facts answers from networksByRole.
func facts(references []object.Reference) pod.Facts {
	f := pod.Facts{Spiderpool: true, Networks: make([]pod.Answer[cniconf.Network], len(references))}
	for i, r := range references {
		if config, ok := networksByRole[r.Name]; ok {
			f.Networks[i].Value = cniconf.Compile(cniconf.Source{Namespace: r.Namespace, Name: r.Name, Config: config})
		}
	}
	return f
}

// view is what rules read of a pod with some annotations.
func view(c *config.Config, annotations map[string]string) *pod.View {
	pod := pod.Parse(&pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Name: "web", Annotations: annotations}, c)
	return pod.With(facts(pod.Questions().Networks))
}

func judge(t *testing.T, c *config.Config, annotations map[string]string) verdict.Verdict {
	t.Helper()
	v := Judge(view(c, annotations))
	if v.Undecided != nil {
		t.Fatal(v.Undecided)
	}
	return v
}

func ids(v verdict.Verdict) string {
	var found []string
	for _, f := range v.Findings {
		found = append(found, string(f.Action)+" "+f.Rule)
	}
	return strings.Join(found, ", ")
}

// TestPlacement is the table of what fits beside what: a row for each first
// interface, a column for each extra network.
func TestPlacement(t *testing.T) {
	const (
		ok       = ""
		warn     = "warn network-not-coordinated"
		mixed    = "deny standalone-mixed-with-overlay"
		onlay    = "deny standalone-on-overlay-pod"
		first    = "deny overlay-as-default-network"
		firstMix = first + ", " + mixed
	)
	columns := []string{"veth", "coordinator-underlay", "router", "coordinator-overlay", "coordinator-auto", "coordinator-disable", "plain"}
	rows := []struct {
		first string
		want  []string
	}{
		{"", []string{onlay, onlay, ok, ok, ok, warn, warn}},
		{"veth", []string{ok, ok, mixed, mixed, ok, warn, warn}},
		{"coordinator-underlay", []string{ok, ok, mixed, mixed, ok, warn, warn}},
		{"router", []string{firstMix, firstMix, first, first, first, first, first}},
		{"coordinator-overlay", []string{firstMix, firstMix, first, first, first, first, first}},
		{"coordinator-auto", []string{ok, ok, mixed, mixed, ok, ok, ok}},
	}
	for _, row := range rows {
		for n, extra := range columns {
			name := row.first
			if name == "" {
				name = "cluster network"
			}
			t.Run(name+" with "+extra, func(t *testing.T) {
				annotations := map[string]string{multus.NetworksAnnotation: "kube-system/" + extra}
				if row.first != "" {
					annotations[multus.DefaultNetworkAnnotation] = row.first
				}
				if got := ids(judge(t, config.Default(), annotations)); got != row.want[n] {
					t.Errorf("got %q, want %q", got, row.want[n])
				}
			})
		}
	}
}

// Where nobody could coordinate a plain network, it is as right as it can be.
func TestNotCoordinated(t *testing.T) {
	const warn = "warn network-not-coordinated"
	for _, tt := range []struct {
		name, first, networks string
		spiderpool            bool
		want                  string
	}{
		{"without Spiderpool", "", "kube-system/plain", false, ""},
		{"two of them", "", "kube-system/plain,kube-system/plain@lan", false, ""},
		{"with Spiderpool", "", "kube-system/plain", true, warn},
		{"beside a router", "", "kube-system/router,kube-system/plain", false, warn},
		{"beside a standalone network", "kube-system/veth", "kube-system/plain", false, warn},
		{"beside a coordinator", "", "kube-system/plain,kube-system/coordinator-auto", false, warn},
		{"with a coordinator that is off", "", "kube-system/coordinator-disable", false, warn},
		{"addresses of Spiderpool", "", "kube-system/spiderpool", false, warn},
	} {
		annotations := map[string]string{multus.NetworksAnnotation: tt.networks}
		if tt.first != "" {
			annotations[multus.DefaultNetworkAnnotation] = tt.first
		}
		p := pod.Parse(&pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Name: "web", Annotations: annotations}, config.Default())
		f := facts(p.Questions().Networks)
		f.Spiderpool = tt.spiderpool
		if got := ids(Judge(p.With(f))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestClusterNetworkFromConfiguration(t *testing.T) {
	c := config.Default()
	c.Multus.ClusterNetwork = new("kube-system/plain")
	// The cluster's own network counts as such although its plugin says nothing.
	if got := ids(judge(t, c, map[string]string{multus.NetworksAnnotation: "kube-system/veth"})); got != "deny standalone-on-overlay-pod" {
		t.Errorf("standalone beside it: %q", got)
	}
	beside := map[string]string{multus.NetworksAnnotation: "kube-system/router"}
	if got := ids(judge(t, c, beside)); got != "" {
		t.Errorf("overlay beside it: %q", got)
	}
	if got := view(c, beside).First(); got.Name != "eth0" || got.Reference.String() != "kube-system/plain" || got.Role() != cniconf.RoleDefault {
		t.Errorf("first interface %+v", got)
	}
	// A cluster whose own network is a standalone one.
	c.Multus.ClusterNetwork = new("kube-system/veth")
	if got := ids(judge(t, c, map[string]string{multus.NetworksAnnotation: "kube-system/router"})); got != "deny standalone-mixed-with-overlay" {
		t.Errorf("overlay beside a standalone cluster network: %q", got)
	}
}

func TestActionsFromConfiguration(t *testing.T) {
	annotations := map[string]string{multus.DefaultNetworkAnnotation: "router"}
	for action, want := range map[verdict.Action]string{verdict.Deny: "deny overlay-as-default-network", verdict.Warn: "warn overlay-as-default-network", verdict.Off: ""} {
		c := config.Default()
		c.Rules = map[string]verdict.Action{"overlay-as-default-network": action}
		if got := ids(judge(t, c, annotations)); got != want {
			t.Errorf("%s: got %q, want %q", action, got, want)
		}
	}
	c := config.Default()
	c.Exempt.Namespaces = []string{"team-a"}
	if v := judge(t, c, annotations); v.Exempt != "namespace team-a" || len(v.Findings) > 0 {
		t.Errorf("exempt %q, findings %q", v.Exempt, ids(v))
	}
}

func TestMirrorPodIsLeftAlone(t *testing.T) {
	annotations := map[string]string{"kubernetes.io/config.mirror": "8d2e", multus.DefaultNetworkAnnotation: "router"}
	v, interfaces := judge(t, config.Default(), annotations), view(config.Default(), annotations).KnownInterfaces()
	if v.Decision() != verdict.Allow || len(interfaces) > 0 {
		t.Errorf("decision %s, interfaces %v", v.Decision(), interfaces)
	}
}

func TestInterfaces(t *testing.T) {
	for _, test := range []struct {
		name        string
		annotations map[string]string
		want        []string
	}{
		{"no annotation", nil, []string{"eth0  default none"}},
		{"extra only", map[string]string{multus.NetworksAnnotation: "kube-system/router"},
			[]string{"eth0  default none", "net1 kube-system/router overlay plugin"}},
		{"named", map[string]string{multus.DefaultNetworkAnnotation: "veth", multus.NetworksAnnotation: "kube-system/veth@net7,kube-system/plain"},
			[]string{"eth0 kube-system/veth standalone plugin", "net7 kube-system/veth standalone plugin", "net2 kube-system/plain neutral none"}},
		{"missing", map[string]string{multus.NetworksAnnotation: "nowhere"},
			[]string{"eth0  default none", "net1 team-a/nowhere unknown none"}},
		{"unreadable", map[string]string{multus.DefaultNetworkAnnotation: "veth", multus.NetworksAnnotation: "a/b/c"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, i := range view(config.Default(), test.annotations).KnownInterfaces() {
				reference := ""
				if i.Reference != (object.Reference{}) {
					reference = i.Reference.String()
				}
				got = append(got, strings.Join([]string{i.Name, reference, string(i.Role()), string(i.Evidence())}, " "))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Where Spiderpool's settings name the cluster's own network and nobody says so in the
// configuration, nothing is refused because that network is none of Spiderpool's.
func TestOwnNetworkThatNobodySays(t *testing.T) {
	annotations := func() *pod.Subject {
		return podOf("networks", "kube-system/further", "ippools", `[{"interface":"eth0","ipv4":["any-v4"]},{"interface":"net1","ipv4":["any-v4b"]}]`)
	}
	for _, row := range []struct {
		config, own, want string
	}{
		{"", "", "deny standalone-on-overlay-pod, deny ippools-interface-unknown"},
		{"", "kube-system/first", "warn standalone-on-overlay-pod"},
		{"multus: {clusterNetwork: ''}", "kube-system/first", "deny standalone-on-overlay-pod, deny ippools-interface-unknown"},
		{"", "kube-system/calico", "deny standalone-on-overlay-pod, deny ippools-interface-unknown"},
		{"multus: {clusterNetwork: first}", "kube-system/first", ""},
	} {
		c := newCluster(t)
		if row.own != "" {
			c.own = &pod.OwnNetwork{Reference: reference(row.own), Network: c.networks[reference(row.own)]}
		}
		if v := c.judge(annotations(), configOf(t, row.config)); ids(v) != row.want {
			t.Errorf("%q and own %q: %q, want %q\n%s", row.config, row.own, ids(v), row.want, v.Explanation(verdict.Warn))
		}
	}
}

// What every node runs decides whether a first interface without an address is refused; the
// configuration counts before the nodes.
func TestContainerRuntimeOfTheNodes(t *testing.T) {
	for _, row := range []struct{ config, nodes, want string }{
		{"", "", "warn default-network-unusable"},
		{"", "containerd", "deny default-network-unusable"},
		{"", "cri-o", "warn default-network-unusable"},
		{"containerRuntime: cri-o", "containerd", "warn default-network-unusable"},
		{"containerRuntime: containerd", "", "deny default-network-unusable"},
	} {
		c := newCluster(t)
		c.runtime = row.nodes
		c.networks[reference("kube-system/bare")] = nad.Compile(cniconf.Source{Namespace: "kube-system", Name: "bare", Config: `{"cniVersion":"0.3.1","type":"macvlan"}`})
		if got := ids(c.judge(podOf("first", "kube-system/bare"), configOf(t, row.config))); got != row.want {
			t.Errorf("%q on %q: %q, want %q", row.config, row.nodes, got, row.want)
		}
	}
}

// As long as something may still add a request, nothing is said of devices, and never of
// templates.
func TestDevicesOfWhatIsStored(t *testing.T) {
	c := newCluster(t)
	c.networks[reference("kube-system/vf")] = nad.Compile(cniconf.Source{
		Namespace: "kube-system", Name: "vf", Config: `{"cniVersion":"0.3.1","plugins":[{"type":"sriov"},{"type":"coordinator","mode":"overlay"}]}`,
		Annotations: map[string]string{cniconf.ResourceNameAnnotation: "example.com/vf"},
	})
	for _, row := range []struct {
		final, template bool
		want            string
	}{
		{false, false, ""},
		{true, false, "warn resource-not-requested"},
		{true, true, ""},
	} {
		s := situation{subject: podOf("networks", "kube-system/vf")}
		if row.template {
			onTemplate(t, &s)
		}
		s.subject.Final = row.final
		if got := ids(c.judge(s.subject, config.Default())); got != row.want {
			t.Errorf("%+v: %q", row, got)
		}
	}
}

// What helps against a link that is made too late is another order, not an address.
func TestRemedyOfALinkMadeLater(t *testing.T) {
	for _, row := range []struct {
		pod  []string
		want string
	}{
		{[]string{"networks", "kube-system/inner,kube-system/lan"}, `name network "kube-system/lan" before this one, and write the names of both interfaces: "net2" for that one, and another for this`},
		{[]string{"networks", "kube-system/inner@own,kube-system/lan@net2"}, `name network "kube-system/lan" before this one`},
		{[]string{"networks", "kube-system/lan,kube-system/inner"}, "name before it the network that makes that link, and give this interface another name"},
		{[]string{"first", "kube-system/inner", "networks", "kube-system/lan@net2"}, "use another network here: a pod's first interface is made before all others"},
	} {
		c := newCluster(t)
		c.networks[reference("kube-system/inner")] = nad.Compile(cniconf.Source{Namespace: "kube-system", Name: "inner",
			Config: `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"net2","linkInContainer":true},{"type":"coordinator","mode":"overlay"}]}`})
		v := c.judge(podOf(row.pod...), config.Default())
		if got := remedyOf(t, &v, "network-config-unusable"); got != row.want {
			t.Errorf("%q:\n%s, want\n%s", row.pod, got, row.want)
		}
	}
}
