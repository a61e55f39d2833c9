package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// TestComplete compares what is filled in byte for byte, and what is said of the
// pod afterwards.
func TestComplete(t *testing.T) {
	const lanDefault = "kube-system/lan-default"
	type change = func(*testing.T, *situation)
	// ofLan are default pools of the configuration, for network lan.
	const ofLan = "ippoolDefaults: [{networks: [kube-system/lan], ipv4: [lan-v4], ipv6: [lan-v6]}]"
	tests := []struct {
		title string
		pod   []string
		change
		// want is the annotation, empty where nothing is filled in; then findings
		// are what is said of the pod, and says what a message must contain.
		want, findings, says string
	}{
		{title: "one network", pod: []string{"networks", lanDefault}, want: `[{"interface":"net1","ipv4":["lan-v4"]}]`},
		{title: "two networks with defaults of their own", pod: []string{"networks", lanDefault + ",kube-system/wan-default"},
			want: `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["wan-v4"],"ipv6":["wan-v6"]}]`},
		{title: "in the order of the interfaces", pod: []string{"networks", "kube-system/wan-default," + lanDefault},
			want: `[{"interface":"net1","ipv4":["wan-v4"],"ipv6":["wan-v6"]},{"interface":"net2","ipv4":["lan-v4"]}]`},
		{title: "the name after @", pod: []string{"networks", lanDefault + "@storage"}, want: `[{"interface":"storage","ipv4":["lan-v4"]}]`},
		{title: "the name in the JSON form", pod: []string{"networks", `[{"name":"lan-default","namespace":"kube-system","interface":"storage"},{"name":"wan-default","namespace":"kube-system"}]`},
			want: `[{"interface":"storage","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["wan-v4"],"ipv6":["wan-v6"]}]`},
		{title: "a name that needs escapes", pod: []string{"networks", `[{"name":"lan-default","namespace":"kube-system","interface":"a\"<é"}]`},
			want: `[{"interface":"a\"<é","ipv4":["lan-v4"]}]`},
		{title: "a pattern passes through", pod: []string{"networks", "kube-system/pattern-default"}, want: `[{"interface":"net1","ipv4":["lan-*"]}]`},
		{title: "other plugins are not listed", pod: []string{"networks", "kube-system/host," + lanDefault}, want: `[{"interface":"net2","ipv4":["lan-v4"]}]`},

		{title: "a standalone pod lists eth0", pod: []string{"first", "kube-system/first-default", "networks", "kube-system/further"},
			want: `[{"interface":"eth0","ipv4":["any-v4b"]},{"interface":"net1","ipv4":["any-v4","any-v4b"]}]`, findings: "warn ippool-shared", says: "when both take from it"},
		{title: "a standalone pod of one interface", pod: []string{"first", "kube-system/first-default"}, want: `[{"interface":"eth0","ipv4":["any-v4b"]}]`},
		{title: "eth0 on the cluster's own network is not listed, known or not", pod: []string{"networks", lanDefault},
			change: withConfig("multus: {clusterNetwork: calico}"), want: `[{"interface":"net1","ipv4":["lan-v4"]}]`},
		{title: "eth0 on that network by name", pod: []string{"first", "kube-system/calico", "networks", lanDefault},
			change: withConfig("multus: {clusterNetwork: calico}"), want: `[{"interface":"net1","ipv4":["lan-v4"]}]`},
		{title: "eth0 where that network takes addresses from Spiderpool", pod: []string{"networks", "kube-system/further"},
			change: withConfig("multus: {clusterNetwork: first}\nippoolDefaults: [{networks: [kube-system/further], ipv4: [any-v4]}]"),
			want:   `[{"interface":"eth0","ipv4":["any-v4","any-v4b"]},{"interface":"net1","ipv4":["any-v4"]}]`, findings: "warn ippool-shared"},
		{title: "only eth0 of that network has a default", pod: []string{"networks", "kube-system/further"},
			change: withConfig("multus: {clusterNetwork: first-default}"),
			want:   `[{"interface":"eth0","ipv4":["any-v4b"]},{"interface":"net1","ipv4":["any-v4","any-v4b"]}]`, findings: "warn ippool-shared"},

		{title: "the cluster's own network is Spiderpool's and nobody says so", pod: []string{"networks", lanDefault}, change: withOwn("kube-system/first"),
			findings: "warn ippool-default-not-filled-in", says: "multus.clusterNetwork: kube-system/first"},
		{title: "that network is not known", pod: []string{"networks", lanDefault}, change: withOwn("kube-system/gone"), findings: "warn ippool-default-not-filled-in"},
		{title: "it is said", pod: []string{"networks", lanDefault}, change: both(withOwn("kube-system/first"), withConfig("multus: {clusterNetwork: first}")),
			want: `[{"interface":"eth0","ipv4":["any-v4","any-v4b"]},{"interface":"net1","ipv4":["lan-v4"]}]`, findings: "deny standalone-mixed-with-overlay"},
		{title: "it is said to be a file", pod: []string{"networks", lanDefault}, change: both(withOwn("kube-system/first"), withConfig("multus: {clusterNetwork: ''}")),
			want: `[{"interface":"net1","ipv4":["lan-v4"]}]`},
		{title: "it is Calico's", pod: []string{"networks", lanDefault}, change: withOwn("kube-system/calico"), want: `[{"interface":"net1","ipv4":["lan-v4"]}]`},
		{title: "it has other addresses", pod: []string{"networks", lanDefault}, change: withOwn("kube-system/host"), want: `[{"interface":"net1","ipv4":["lan-v4"]}]`},
		{title: "the pod has a first network of its own", pod: []string{"first", "kube-system/first-default"}, change: withOwn("kube-system/first"), want: `[{"interface":"eth0","ipv4":["any-v4b"]}]`},
		{title: "without a default nothing is missing", pod: []string{"networks", "kube-system/lan"}, change: withOwn("kube-system/first")},

		{title: "a network of every pod comes first", pod: []string{"networks", "kube-system/own-pool"}, change: withConfig("multus: {defaultNetworks: [pattern-default]}"),
			want: `[{"interface":"net1","ipv4":["lan-*"]},{"interface":"net2","ipv4":["lan-v4b"]}]`, findings: "deny ippool-network-mismatch", says: "write the name of every interface"},
		{title: "one of another plugin shifts the others", pod: []string{"networks", "kube-system/p"},
			change: both(withConfig("multus: {defaultNetworks: [host]}"), func(_ *testing.T, s *situation) {
				s.cluster.setNetwork("kube-system/p", "overlay", fromSpiderpool, `{"ipv4":["any-v4"]}`)
			}),
			want: `[{"interface":"net2","ipv4":["any-v4"]}]`},
		{title: "one that is not there may be anything", pod: []string{"networks", lanDefault}, change: withConfig("multus: {defaultNetworks: [gone]}"),
			findings: "warn ippool-default-not-filled-in", says: `whether interface "net1", which Multus gives every pod`},
		{title: "system namespaces get none", pod: []string{"networks", lanDefault}, change: withConfig("multus: {defaultNetworks: [gone], systemNamespaces: [team-a]}"),
			want: `[{"interface":"net1","ipv4":["lan-v4"]}]`},

		{title: "from the configuration", pod: []string{"networks", "kube-system/lan"}, change: withConfig(ofLan), want: `[{"interface":"net1","ipv4":["lan-v4"],"ipv6":["lan-v6"]}]`},
		{title: "the first entry that matches", pod: []string{"networks", "kube-system/lan"},
			change: withConfig("ippoolDefaults: [{networks: ['kube-system/w*'], ipv4: [wan-v4]}, {networks: [a/b, 'kube-system/l?n'], ipv4: [lan-v4b]}, {networks: ['*/*'], ipv4: [lan-v4]}]"),
			want:   `[{"interface":"net1","ipv4":["lan-v4b"]}]`},
		{title: "a star does not match a slash", pod: []string{"networks", "kube-system/lan"}, change: withConfig("ippoolDefaults: [{networks: ['*lan'], ipv4: [lan-v4]}]")},
		{title: "an entry for the namespaces of a team", pod: []string{"networks", "kube-system/lan"},
			change: withConfig("ippoolDefaults: [{networks: ['*/*'], namespaceSelector: {matchLabels: {team: b}}, ipv4: [wan-v4]}, {networks: ['*/*'], namespaceSelector: {matchExpressions: [{key: team, operator: In, values: [a]}]}, ipv4: [lan-v4]}]"),
			want:   `[{"interface":"net1","ipv4":["lan-v4"]}]`},
		{title: "an entry for other namespaces", pod: []string{"networks", "kube-system/lan"},
			change: withConfig("ippoolDefaults: [{networks: ['*/*'], namespaceSelector: {matchLabels: {team: b}}, ipv4: [lan-v4]}]")},
		{title: "an entry for a namespace by its name", pod: []string{"networks", "kube-system/lan"},
			change: withConfig("ippoolDefaults: [{networks: ['*/*'], namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: team-a}}, ipv4: [lan-v4]}]"),
			want:   `[{"interface":"net1","ipv4":["lan-v4"]}]`},
		{title: "the same where nothing more is known of the namespace", pod: []string{"networks", "kube-system/lan"},
			change: both(withConfig("ippoolDefaults: [{networks: ['*/*'], namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: team-a}}, ipv4: [lan-v4]}]"), func(_ *testing.T, s *situation) { s.cluster.namespaces = nil }),
			want:   `[{"interface":"net1","ipv4":["lan-v4"]}]`},
		{title: "an entry without pools is an exception", pod: []string{"networks", "kube-system/lan"},
			change: withConfig("ippoolDefaults: [{networks: [kube-system/lan]}, {networks: ['*/*'], ipv4: [lan-v4]}]")},
		{title: "the network's annotation counts before the configuration", pod: []string{"networks", lanDefault},
			change: withConfig("ippoolDefaults: [{networks: ['*/*'], ipv4: [lan-v4b]}]"), want: `[{"interface":"net1","ipv4":["lan-v4"]}]`},
		{title: "also when it names none", pod: []string{"networks", "kube-system/no-default"}, change: withConfig("ippoolDefaults: [{networks: ['*/*'], ipv4: [lan-v4b]}]")},
		{title: "no default applies", pod: []string{"networks", "kube-system/lan"}},
		{title: "a default for a network of another plugin", pod: []string{"networks", "kube-system/host"}, change: withConfig("ippoolDefaults: [{networks: ['*/*'], ipv4: [lan-v4]}]")},

		{title: "another interface gets the pools of the namespace", pod: []string{"networks", lanDefault + ",kube-system/wan"}, change: withNamespace("ns4", `["wan-v4"]`, "ns6", `["wan-v6"]`),
			want: `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["wan-v4"],"ipv6":["wan-v6"]}]`},
		{title: "those that cannot serve it are left out", pod: []string{"networks", lanDefault + ",kube-system/wan"}, change: withNamespace("ns4", `["lan-v4b","wan-v4"]`),
			want: `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["wan-v4"]}]`},
		{title: "but not one that does not exist, for which the pod would be refused", pod: []string{"networks", lanDefault + ",kube-system/wan"}, change: withNamespace("ns4", `["gone","wan-v4"]`),
			want: `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["gone","wan-v4"]}]`, findings: notFound},
		{title: "a pattern of the namespace stays one", pod: []string{"networks", lanDefault + ",kube-system/wan"}, change: withNamespace("ns4", `["*-v4"]`),
			want: `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["*-v4"]}]`},
		{title: "another interface gets the pools of its network", pod: []string{"networks", "kube-system/own-pool,kube-system/wan-default"},
			want: `[{"interface":"net1","ipv4":["lan-v4b"]},{"interface":"net2","ipv4":["wan-v4"],"ipv6":["wan-v6"]}]`},
		{title: "another interface gets the default pools", pod: []string{"networks", "kube-system/lan," + lanDefault},
			want: `[{"interface":"net1","ipv4":["any-v4","any-v4b"]},{"interface":"net2","ipv4":["lan-v4"]}]`},
		{title: "those of them that can serve it", pod: []string{"networks", "kube-system/lan," + lanDefault},
			change: func(t *testing.T, s *situation) {
				s.cluster.setPool(t, "d-disabled", `"ipVersion":4,"default":true,"disable":true`)
				s.cluster.setPool(t, "d-elsewhere", `"ipVersion":4,"default":true,"namespaceName":["team-b"]`)
				s.cluster.setPool(t, "d-wan", `"ipVersion":6,"default":true,"multusName":["kube-system/wan"]`)
				s.cluster.setPool(t, "d-six", `"ipVersion":6,"default":true`)
			},
			want: `[{"interface":"net1","ipv4":["any-v4","any-v4b"],"ipv6":["d-six"]},{"interface":"net2","ipv4":["lan-v4"]}]`},
		{title: "a default that does not exist is filled in, and the pod refused", pod: []string{"networks", "kube-system/p"},
			change: func(_ *testing.T, s *situation) {
				s.cluster.setNetwork("kube-system/p", "overlay", fromSpiderpool, `{"ipv4":["gone"]}`)
			},
			want:     `[{"interface":"net1","ipv4":["gone"]}]`,
			findings: notFound},
		{title: "a default that cannot serve likewise", pod: []string{"networks", "kube-system/p"},
			change: func(_ *testing.T, s *situation) {
				s.cluster.setNetwork("kube-system/p", "overlay", fromSpiderpool, `{"ipv4":["wan-v4"]}`)
			},
			want:     `[{"interface":"net1","ipv4":["wan-v4"]}]`,
			findings: "deny ippool-network-mismatch"},
		{title: "pools that are not known are not needed", pod: []string{"networks", lanDefault + ",kube-system/own-pool"}, change: func(_ *testing.T, s *situation) { s.cluster.pools = nil },
			want: `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["lan-v4b"]}]`},

		{title: "on the host's network", pod: []string{"networks", lanDefault}, change: func(_ *testing.T, s *situation) { s.subject.HostNetwork = true }, findings: "warn host-network"},
		{title: "a mirror pod", pod: []string{"networks", lanDefault}, change: func(_ *testing.T, s *situation) { s.subject.Annotations[pod.MirrorAnnotation] = "x" }},
		{title: "an exempt namespace", pod: []string{"networks", lanDefault}, change: withConfig("exempt: {namespaces: [team-a]}")},
		{title: "a template", pod: []string{"networks", lanDefault}, change: onTemplate},
		{title: "no networks", pod: nil, change: withConfig("multus: {clusterNetwork: first-default}")},
		{title: "networks that cannot be read", pod: []string{"networks", lanDefault + ",a/b/c"}, findings: "deny network-annotation-invalid"},
		{title: "two interfaces of one name", pod: []string{"networks", lanDefault + "@a,kube-system/wan-default@a"}, findings: "deny interface-name-conflict"},

		{title: "Spiderpool is still to write the networks", pod: []string{"inject", "group-a"}},
		{title: "and will replace what stands there", pod: []string{"networks", `[{"name":"lan-default","namespace":"kube-system"}]`, "inject", "group-a"}, findings: "warn resource-inject-overrides-networks"},
		{title: "names of its own are not from Spiderpool", pod: []string{"networks", lanDefault + "@a", "rdma", "group-a"}, findings: "warn resource-inject-overrides-networks"},
		{title: "nor is a network without its namespace", pod: []string{"networks", "lan", "inject", "group-a"}, change: withConfig("ippoolDefaults: [{networks: ['*/*'], ipv4: [any-v4]}]"), findings: "warn resource-inject-overrides-networks"},
		{title: "Spiderpool has written the networks", pod: []string{"networks", lanDefault + ",kube-system/wan-default", "inject", "group-a"},
			change: withResources("cpu", "example.com/lan-default", "example.com/wan-default"),
			want:   `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["wan-v4"],"ipv6":["wan-v6"]}]`},
		{title: "somebody has written the same networks", pod: []string{"networks", lanDefault + ",kube-system/wan-default", "inject", "group-a"},
			change: withResources("cpu", "example.com/lan-default"), findings: "warn resource-inject-overrides-networks"},
		{title: "the namespace lets Spiderpool write them", pod: []string{"networks", lanDefault}, change: withNamespace("inject", "group-a"), findings: "warn resource-inject-overrides-networks"},

		{title: "the pod has ippools", pod: []string{"networks", lanDefault, "ippools", net1(`"lan-v4b"`)}},
		{title: "the pod has empty ippools", pod: []string{"networks", lanDefault, "ippools", ""}, findings: invalid},
		{title: "the pod has ippool", pod: []string{"networks", lanDefault, "ippool", ""}, findings: invalid},
		{title: "the pod has subnet", pod: []string{"networks", lanDefault, "subnet", ""}, findings: "deny spiderpool-annotation-invalid, deny subnet-annotation-unsupported"},
		{title: "the pod has subnets", pod: []string{"networks", lanDefault, "subnets", ""}, findings: "deny spiderpool-annotation-invalid, deny subnet-annotation-unsupported"},
		{title: "the pod has a subnet that nobody reads", pod: []string{"networks", lanDefault, "subnet", ""}, change: withConfig("spiderpool: {subnets: false}"), findings: ignoredKey},
		{title: "routes name no pools", pod: []string{"networks", lanDefault, "routes", "[]", "nic", "net1"}, want: `[{"interface":"net1","ipv4":["lan-v4"]}]`},

		{title: "one pool for two interfaces", pod: []string{"networks", lanDefault + "," + lanDefault}, findings: "warn ippool-shared", says: "the default pools are not filled in"},
		{title: "one pool for one with a default and one without", pod: []string{"networks", "kube-system/own-pool,kube-system/lan"},
			change: withConfig("ippoolDefaults: [{networks: [kube-system/lan], ipv4: [lan-v4b]}]"), findings: "warn ippool-shared"},
		{title: "one pool for two, written as a pattern", pod: []string{"networks", "kube-system/p,kube-system/p"},
			change: func(_ *testing.T, s *situation) {
				s.cluster.setNetwork("kube-system/p", "overlay", fromSpiderpool, `{"ipv4":["any-v4?"]}`)
			},
			findings: "warn ippool-shared"},
		{title: "two pools for two interfaces", pod: []string{"networks", "kube-system/pattern-default,kube-system/pattern-default"},
			want: `[{"interface":"net1","ipv4":["lan-*"]},{"interface":"net2","ipv4":["lan-*"]}]`, findings: "warn ippool-shared"},
		{title: "which pools another interface gets is not known", pod: []string{"networks", lanDefault + ",kube-system/wan"}, change: func(_ *testing.T, s *situation) { s.cluster.pools = nil },
			findings: "warn ippool-default-not-filled-in", says: "it is not known which ones the cluster has"},
		{title: "another interface gets none", pod: []string{"networks", lanDefault + ",kube-system/wan"}, change: withoutDefaultPools,
			findings: notFound + ", " + notFound + ", warn ippool-default-not-filled-in", says: "neither of its network nor in the cluster"},
		{title: "no pool can serve another interface", pod: []string{"networks", lanDefault + ",kube-system/wan"},
			change: func(t *testing.T, s *situation) {
				s.cluster.withoutDefaults()
				s.cluster.setPool(t, "d", `"ipVersion":4,"default":true,"disable":true`)
			},
			findings: "deny ippool-disabled, deny ippool-disabled, warn ippool-default-not-filled-in", says: "none of the pools that Spiderpool would choose"},
		{title: "the namespace of another interface cannot be read", pod: []string{"networks", lanDefault + ",kube-system/wan"}, change: withNamespace("ns4", `wan-v4`),
			findings: invalid + ", " + invalid + ", warn ippool-default-not-filled-in", says: `it is not known which pools interface "net2" gets`},
		{title: "the namespace of another interface names a pool twice", pod: []string{"networks", lanDefault + ",kube-system/wan"}, change: withNamespace("ns4", `["wan-v4","wan-v4"]`),
			findings: invalid + ", " + invalid + ", deny ippool-network-mismatch, warn ippool-default-not-filled-in", says: `"wan-v4" is named twice`},
		{title: "the namespace of another interface names an empty pool", pod: []string{"networks", lanDefault + ",kube-system/wan"}, change: withNamespace("ns4", `[""]`),
			findings: notFound + ", " + notFound + ", warn ippool-default-not-filled-in", says: `"" is an empty name`},
		{title: "what another network is is not known", pod: []string{"networks", lanDefault + ",kube-system/gone"},
			findings: "deny network-not-found, warn ippool-default-not-filled-in", says: `it is not known whether network "kube-system/gone"`},
		{title: "the default of the network cannot be read", pod: []string{"networks", "kube-system/broken-default"},
			findings: "warn ippool-default-not-filled-in", says: `the default pools of network "kube-system/broken-default" cannot be read`},
		{title: "that of another network cannot be read", pod: []string{"networks", lanDefault + ",kube-system/broken-default"},
			findings: "warn ippool-default-not-filled-in", says: `cannot be read: ipv4 "lan-v4" does not fit`},
		{title: "nor does the configuration take its place", pod: []string{"networks", "kube-system/broken-default"}, change: withConfig("ippoolDefaults: [{networks: ['*/*'], ipv4: [lan-v4]}]"),
			findings: "warn ippool-default-not-filled-in"},
		{title: "the list would be too long", pod: []string{"networks", "kube-system/long"},
			change: func(_ *testing.T, s *situation) {
				names := make([]string, 600)
				for i := range names {
					names[i] = fmt.Sprintf("%q", fmt.Sprintf("%d%s", i, strings.Repeat("x", 120)))
				}
				s.cluster.pools = nil
				s.cluster.setNetwork("kube-system/long", "overlay", fromSpiderpool, `{"ipv4":[`+strings.Join(names, ",")+`]}`)
			},
			findings: "warn ippool-default-not-filled-in", says: "and at most 65536 are accepted"},
	}
	for _, test := range tests {
		t.Run(test.title, func(t *testing.T) {
			s := situation{cluster: newCluster(t), subject: podOf(test.pod...)}
			if test.change != nil {
				test.change(t, &s)
			}
			c := configOf(t, s.config)
			before := maps.Clone(s.subject.Annotations)
			completed := s.cluster.complete(s.subject, c)
			if diff := cmp.Diff(before, s.subject.Annotations); diff != "" {
				t.Errorf("the pod's own annotations are changed:\n%s", diff)
			}
			if test.want == "" {
				if completed != s.subject || completed.Patch() != nil {
					t.Errorf("something is filled in: %v, patch %v", completed.Annotations, completed.Patch())
				}
			} else {
				expected := maps.Clone(before)
				expected[spiderpool.PoolsAnnotation] = test.want
				if diff := cmp.Diff(expected, completed.Annotations); diff != "" {
					t.Errorf("annotations (-want +got):\n%s", diff)
				}
				patch := []pod.PatchOperation{{Op: "add", Path: "/metadata/annotations/ipam.spidernet.io~1ippools", Value: test.want}}
				if diff := cmp.Diff(patch, completed.Patch()); diff != "" {
					t.Errorf("patch (-want +got):\n%s", diff)
				}
				if v := s.cluster.judge(s.subject, c); !strings.Contains(ids(v), "deny ippool-default-missing") && !strings.Contains(ids(v), "deny ippool-shared") {
					t.Errorf("the pod is not refused without it: %q", ids(v))
				}
			}
			// As the webhooks see it: what is stored has forgotten who filled it in.
			stored := *completed
			stored.FilledIn = nil
			if again := s.cluster.complete(&stored, c); again != &stored {
				t.Errorf("completed again: %v", again.Annotations)
			}
			for _, subject := range []*pod.Subject{completed, &stored} {
				v := s.cluster.judge(subject, c)
				if got := ids(v); got != test.findings {
					t.Errorf("findings %q, want %q\n%s", got, test.findings, v.Explanation(verdict.Warn))
				}
				if text := v.Explanation(verdict.Warn); !strings.Contains(text, test.says) {
					t.Errorf("the findings do not say %q:\n%s", test.says, text)
				}
			}
		})
	}
}

// The other fields of a subject are those that it had.
// withOwn lets Spiderpool's settings name the cluster's own network.
func withOwn(network string) func(*testing.T, *situation) {
	return func(_ *testing.T, s *situation) {
		s.cluster.own = &pod.OwnNetwork{Reference: reference(network), Network: s.cluster.networks[reference(network)]}
	}
}

func TestCompleteKeepsTheSubject(t *testing.T) {
	s := podOf("networks", "kube-system/lan-default")
	s.Labels, s.Controller = map[string]string{"app": "web"}, object.Controller{APIVersion: "apps/v1", Kind: "ReplicaSet"}
	got := newCluster(t).complete(s, config.Default())
	want := *s
	want.Annotations, want.FilledIn = got.Annotations, got.FilledIn
	if diff := cmp.Diff(&want, got, cmp.AllowUnexported(pod.Subject{})); diff != "" || len(got.Annotations) != 2 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Nothing is filled in on a guess.
func TestCompleteWithoutFacts(t *testing.T) {
	down := errors.New("connection refused")
	alone, subject := podOf("networks", "kube-system/lan-default"), podOf("networks", "kube-system/lan-default,kube-system/wan")
	for _, test := range []struct {
		title  string
		pod    *pod.Subject
		change func(*cluster)
	}{
		{"the networks cannot be looked up", alone, func(c *cluster) { c.networkErr = down }},
		{"the namespace, which may let Spiderpool write the networks, cannot be looked up", alone, func(c *cluster) { c.namespaceErr = down }},
		{"the namespace, which may name pools, cannot be looked up", subject, func(c *cluster) { c.namespaceErr = down }},
		{"the pools cannot be looked up", subject, func(c *cluster) { c.poolsErr = down }},
	} {
		c := newCluster(t)
		test.change(c)
		if got := c.complete(test.pod, config.Default()); got != test.pod {
			t.Errorf("%s: %v", test.title, got.Annotations)
		}
	}
	p := pod.Parse(subject, config.Default())
	if got := p.With(pod.Facts{}).Completed(); got != subject {
		t.Errorf("facts of another pod: %v", got.Annotations)
	}
	byName := pod.Facts{NamesOnly: true, Networks: []pod.Answer[cniconf.Network]{{Value: cniconf.FromName("kube-system", "lan-default")}, {Value: cniconf.FromName("kube-system", "wan")}}}
	if got := p.With(byName).Completed(); got != subject {
		t.Errorf("networks of which only the names are known: %v", got.Annotations)
	}
}

// A pod that is judged after it was completed in the same breath is judged as one
// that was completed long ago.
func TestCompleteThenJudgeTheSamePod(t *testing.T) {
	c := newCluster(t)
	pod := pod.Parse(podOf("networks", "kube-system/lan-default"), config.Default())
	facts := c.facts(pod.Questions())
	completed := pod.With(facts).Completed()
	if got := ids(Judge(pod.With(facts))); got != "deny ippool-default-missing" {
		t.Errorf("the pod itself: %q", got)
	}
	again := pod.With(facts).Completed()
	if again.Annotations[spiderpool.PoolsAnnotation] != completed.Annotations[spiderpool.PoolsAnnotation] {
		t.Errorf("completed after a verdict: %v", again.Annotations)
	}
}

// The patch is what the API server takes: RFC 6902, in which the slash of the key
// is written ~1.
func TestPatchIsJSON(t *testing.T) {
	completed := newCluster(t).complete(podOf("networks", "kube-system/lan-default"), config.Default())
	text, err := json.Marshal(completed.Patch())
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"op":"add","path":"/metadata/annotations/ipam.spidernet.io~1ippools","value":"[{\"interface\":\"net1\",\"ipv4\":[\"lan-v4\"]}]"}]`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
