package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

func TestEmptyConfigIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing but a comment\n", "apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\n"} {
		got, err := ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(config.Default(), got, cmpopts.IgnoreUnexported(config.Config{})); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestConfig(t *testing.T) {
	got, err := ParseConfig([]byte(`
apiVersion: macvlan-webhook.io/v1alpha1
kind: PolicyConfig
multus:
  defaultNetworkNamespace: multus
  clusterNetwork: calico
  namespaceIsolation: true
  globalNamespaces: [default, shared]
spiderpool:
  namespace: spiderpool
  subnets: false
  coordinatorMode: underlay
limits:
  addressPairs: 20
rules:
  interface-name-unsupported: deny
  host-network: off
  network-not-coordinated: "off"
ippoolDefaults:
- networks: ["kube-system/macvlan-standalone-*"]
  namespaceSelector: {matchLabels: {team: a}}
  ipv4: [vlan100-v4]
  ipv6: [vlan100-v6]
exempt:
  namespaces: [kube-system, storage]
  users: [system:admin]
`))
	if err != nil {
		t.Fatal(err)
	}
	if got.ClusterNetwork() != (object.Reference{Namespace: "multus", Name: "calico"}) {
		t.Errorf("cluster network %v", got.ClusterNetwork())
	}
	if got.Limits.AddressPairs != 20 || got.Spiderpool.Subnets || got.Rules["interface-name-unsupported"] != verdict.Deny ||
		got.Rules["host-network"] != verdict.Off || got.Rules["network-not-coordinated"] != verdict.Off ||
		got.IPPoolDefaults[0].NamespaceSelector.MatchLabels["team"] != "a" || got.ExemptUser("system:admin") != "user system:admin" {
		t.Errorf("got %+v", got)
	}
}

// What is not written is told apart from what is written to be nothing, and networks that
// Multus gives every pod are read as its own configuration writes them.
func TestNetworksOfEveryPod(t *testing.T) {
	head := "apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\n"
	parsed := func(text string) *config.Config {
		t.Helper()
		c, err := ParseConfig([]byte(head + text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for text, written := range map[string]bool{"multus: {}\n": false, "multus: {clusterNetwork: null}\n": false, "multus: {clusterNetwork: ''}\n": true} {
		c := parsed(text)
		if got := c.Multus.ClusterNetwork != nil; got != written || c.ClusterNetwork() != (object.Reference{}) || c.GivesNetworks() {
			t.Errorf("%q: written %v, cluster network %v", text, got, c.ClusterNetwork())
		}
	}
	c := parsed("multus: {defaultNetworks: [a, infra/b, /etc/cni/c.conf], defaultNetworkNamespace: multus, systemNamespaces: [infra]}\n")
	want := []object.Reference{{Namespace: "multus", Name: "a"}, {Namespace: "infra", Name: "b"}, {}}
	if got := c.DefaultNetworks("kube-system"); !slices.Equal(got, want) || !c.GivesNetworks() {
		t.Errorf("default networks %v, want %v", got, want)
	}
	if got := c.DefaultNetworks("infra"); got != nil {
		t.Errorf("a system namespace gets %v", got)
	}
}

func TestConfigErrors(t *testing.T) {
	head := "apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\n"
	for _, test := range []struct{ name, text, want string }{
		{"no YAML", "a: [", "line 1"},
		{"unknown field", head + "multus:\n  namespace: x\n", "line 4, column 3"},
		{"unknown field of the wrong case", head + "Multus: {}\n", "line 3, column 1"},
		{"field twice", head + "limits: {}\nlimits: {}\n", "line 4"},
		{"wrong type", head + "limits:\n  addressPairs: many\n", "line 4"},
		{"other kind", "apiVersion: v1\nkind: ConfigMap\n", `line 2, column 7: kind "ConfigMap" must be PolicyConfig`},
		{"other version", "apiVersion: macvlan-webhook.io/v9\nkind: PolicyConfig\n", `line 1, column 13: apiVersion "macvlan-webhook.io/v9"`},
		{"two documents", head + "---\n" + head, "line 4: another document begins here, and the file must hold one PolicyConfig"},
		{"unknown rule", head + "rules: {no-rule: off}\n", `no rule is called "no-rule"`},
		{"unknown action", head + "rules: {host-network: audit}\n", `"audit" must be deny, warn or off`},
		{"limit", head + "limits: {addressPairs: 0}\n", "limits.addressPairs 0 must be above 0"},
		{"mode", head + "spiderpool: {coordinatorMode: sometimes}\n", "auto, underlay, overlay or disable"},
		{"empty namespace", head + "multus: {defaultNetworkNamespace: ''}\n", "defaultNetworkNamespace is empty"},
		{"cluster network", head + "multus: {clusterNetwork: a/b/c}\n", "must be namespace/name"},
		{"default network", head + "multus: {defaultNetworks: [a, b/c/d]}\n", `line 3, column 31: multus.defaultNetworks[1] "b/c/d" must be a name, namespace/name or an absolute path`},
		{"default networks", head + "multus: {defaultNetworks: [" + strings.Repeat("a,", 17) + "]}\n", "defaultNetworks has 17 networks, and at most 16 are accepted"},
		{"system namespace", head + "multus: {systemNamespaces: ['kube-*']}\n", `multus.systemNamespaces[0] "kube-*" is not a valid namespace name`},
		{"runtime", head + "containerRuntime: containerd://2.1\n", `containerRuntime "containerd://2.1" must be the name of a container runtime`},
		{"selector", head + "ippoolDefaults: [{networks: [a], namespaceSelector: {matchExpressions: [{key: a, operator: Near}]}}]\n", "namespaceSelector"},
		{"no networks", head + "ippoolDefaults: [{ipv4: [a]}]\n", "name at least one network"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := ParseConfig([]byte(test.text))
			if err == nil {
				t.Fatalf("accepted: %+v", c)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
		})
	}
}
