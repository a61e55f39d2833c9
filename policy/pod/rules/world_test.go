package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// cluster is what a cluster holds, as far as a verdict depends on it.
type cluster struct {
	networks   map[object.Reference]*cniconf.Network
	namespaces map[string]*pod.Namespace
	// pools are nil where it is not known which there are.
	pools *spiderpool.Index
	// own is what Spiderpool's settings name as the cluster's own network, and runtime what
	// the nodes say.
	own                    *pod.OwnNetwork
	runtime                string
	networkErr             error
	namespaceErr, poolsErr error
}

// facts answers questions as an inventory does.
func (c *cluster) facts(q pod.Questions) pod.Facts {
	f := pod.Facts{
		Networks:  make([]pod.Answer[cniconf.Network], len(q.Networks)),
		Namespace: pod.Answer[pod.Namespace]{Value: c.namespaces[q.Namespace], Err: c.namespaceErr},
		Pools:     pod.PoolFacts{Index: c.pools, Err: c.poolsErr},

		Spiderpool:       c.pools != nil,
		ContainerRuntime: func() string { return c.runtime },
	}
	if q.SpiderpoolNamespace != "" {
		f.OwnNetwork.Value = c.own
	}
	if c.namespaceErr != nil {
		f.Namespace.Value = nil
	}
	if c.poolsErr != nil {
		f.Pools.Index = nil
	}
	for n, ref := range q.Networks {
		if f.Networks[n].Err = c.networkErr; c.networkErr == nil {
			f.Networks[n].Value = c.networks[ref]
		}
	}
	return f
}

// judge is the verdict on a subject as it stands.
func (c *cluster) judge(s *pod.Subject, config *config.Config) verdict.Verdict {
	return Judge(c.view(s, config))
}

// view is what rules read of a subject.
func (c *cluster) view(s *pod.Subject, config *config.Config) *pod.View {
	pod := pod.Parse(s, config)
	return pod.With(c.facts(pod.Questions()))
}

// complete is what the mutating webhook makes of a subject.
func (c *cluster) complete(s *pod.Subject, config *config.Config) *pod.Subject {
	pod := pod.Parse(s, config)
	return pod.With(c.facts(pod.Questions())).Completed()
}

// setNetwork adds a network, or replaces it. IPAM is its "ipam" in JSON, mode that
// of the coordinator in its chain, defaults the value of its annotation, empty for
// none.
func (c *cluster) setNetwork(ref, mode, ipam, defaults string) {
	r := reference(ref)
	source := cniconf.Source{
		Namespace: r.Namespace, Name: r.Name,
		Config: fmt.Sprintf(`{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"bond0","ipam":%s},{"type":"coordinator","mode":%q}]}`, ipam, mode),
	}
	source.Annotations = map[string]string{cniconf.ResourceNameAnnotation: "example.com/" + r.Name}
	if defaults != "" {
		source.Annotations[nad.DefaultPoolsAnnotation] = defaults
	}
	c.networks[r] = nad.Compile(source)
}

// setPool adds a pool, or replaces it, given its spec in JSON without the brackets.
func (c *cluster) setPool(t testing.TB, name, spec string) {
	t.Helper()
	c.setPoolObject(t, fmt.Sprintf(`{"metadata":{"name":%q},"spec":{%s}}`, name, spec))
}

func (c *cluster) setPoolObject(t testing.TB, object string) {
	t.Helper()
	var source spiderpool.PoolSource
	if err := json.Unmarshal([]byte(object), &source); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	c.pools.Set(spiderpool.CompilePool(&source))
}

// setNamespace sets annotations of namespace team-a, and keeps its labels.
func (c *cluster) setNamespace(annotations map[string]string) {
	c.namespaces["team-a"] = pod.CompileNamespace(map[string]string{"kubernetes.io/metadata.name": "team-a", "team": "a"}, annotations)
}

func reference(ref string) object.Reference {
	for i := range ref {
		if ref[i] == '/' {
			return object.Reference{Namespace: ref[:i], Name: ref[i+1:]}
		}
	}
	panic(ref + " has no namespace")
}

const fromSpiderpool = `{"type":"spiderpool"}`

// newCluster has two VLANs beside the cluster's own network, lan and wan, each with
// pools of its own, standalone networks, and two default pools.
func newCluster(t testing.TB) *cluster {
	t.Helper()
	c := &cluster{networks: map[object.Reference]*cniconf.Network{}, namespaces: map[string]*pod.Namespace{}, pools: spiderpool.NewIndex()}
	c.setNamespace(nil)
	for _, n := range []struct{ ref, mode, ipam, defaults string }{
		{"kube-system/lan", "overlay", fromSpiderpool, ""},
		{"kube-system/wan", "overlay", fromSpiderpool, ""},
		{"kube-system/lan-default", "overlay", fromSpiderpool, `{"ipv4":["lan-v4"]}`},
		{"kube-system/wan-default", "overlay", fromSpiderpool, `{"ipv4":["wan-v4"],"ipv6":["wan-v6"]}`},
		{"kube-system/pattern-default", "overlay", fromSpiderpool, `{"ipv4":["lan-*"]}`},
		{"kube-system/broken-default", "overlay", fromSpiderpool, `{"ipv4":"lan-v4"}`},
		{"kube-system/no-default", "overlay", fromSpiderpool, `{}`},
		{"kube-system/own-pool", "overlay", `{"type":"spiderpool","default_ipv4_ippool":["lan-v4b"]}`, ""},
		{"kube-system/own-pattern", "overlay", `{"type":"spiderpool","default_ipv6_ippool":["wan-v?"]}`, ""},
		{"kube-system/host", "overlay", `{"type":"host-local","subnet":"10.0.0.0/24"}`, ""},
		{"kube-system/first", "underlay", fromSpiderpool, ""},
		{"kube-system/first-default", "underlay", fromSpiderpool, `{"ipv4":["any-v4b"]}`},
		{"kube-system/further", "underlay", fromSpiderpool, ""},
		{"team-a/lan", "overlay", fromSpiderpool, ""},
	} {
		c.setNetwork(n.ref, n.mode, n.ipam, n.defaults)
	}
	// The cluster's own network, whose configuration is a file on the nodes.
	c.networks[object.Reference{Namespace: "kube-system", Name: "calico"}] = cniconf.Compile(cniconf.Source{
		Namespace: "kube-system", Name: "calico", Annotations: map[string]string{cniconf.InstanceTypeAnnotation: "default"},
	})
	const lan = `,"multusName":["kube-system/lan","kube-system/lan-default","kube-system/pattern-default","kube-system/own-pool"]`
	const wan = `,"multusName":["kube-system/wan","kube-system/wan-default","kube-system/own-pattern"]`
	for name, spec := range map[string]string{
		"lan-v4":  `"ipVersion":4,"subnet":"10.1.0.0/24"` + lan,
		"lan-v4b": `"ipVersion":4,"subnet":"10.2.0.0/24"` + lan,
		"lan-v6":  `"ipVersion":6,"subnet":"fd01::/64"` + lan,
		"wan-v4":  `"ipVersion":4,"subnet":"10.3.0.0/24"` + wan,
		"wan-v6":  `"ipVersion":6,"subnet":"fd03::/64"` + wan,
		"any-v4":  `"ipVersion":4,"subnet":"10.4.0.0/24","default":true`,
		"any-v4b": `"ipVersion":4,"subnet":"10.5.0.0/24","default":true`,
		"any-v6":  `"ipVersion":6,"subnet":"fd04::/64"`,
	} {
		c.setPool(t, name, spec)
	}
	return c
}

// short are names for the annotations, so that a table of cases can be read.
var short = map[string]string{
	"first": multus.DefaultNetworkAnnotation, "networks": multus.NetworksAnnotation,
	"ippool": spiderpool.PoolAnnotation, "ippools": spiderpool.PoolsAnnotation,
	"subnet": spiderpool.SubnetAnnotation, "subnets": spiderpool.SubnetsAnnotation,
	"number": spiderpool.IPNumberAnnotation, "reclaim": spiderpool.ReclaimAnnotation,
	"routes": spiderpool.RoutesAnnotation, "nic": spiderpool.DefaultRouteNICAnnotation,
	"rdma": spiderpool.RDMAInjectAnnotation, "inject": spiderpool.NetworkInjectAnnotation,
	"ns4": spiderpool.NamespaceIPv4Annotation, "ns6": spiderpool.NamespaceIPv6Annotation,
}

// annotated writes annotations out, given their short names and values in turn.
func annotated(pairs ...string) map[string]string {
	annotations := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		key, known := short[pairs[i]]
		if !known {
			panic("no annotation is called " + pairs[i])
		}
		annotations[key] = pairs[i+1]
	}
	return annotations
}

// podOf is a pod in namespace team-a.
func podOf(pairs ...string) *pod.Subject {
	return &pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Name: "web", Annotations: annotated(pairs...)}
}

// configOf reads a PolicyConfig without its head.
func configOf(t testing.TB, text string) *config.Config {
	t.Helper()
	c, err := config.Parse([]byte("apiVersion: "+config.APIVersion+"\nkind: "+config.Kind+"\n"+text), anyRule)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

// withoutDefaults leaves no pool a default one.
func (c *cluster) withoutDefaults() {
	for _, family := range pod.Families {
		for _, name := range slices.Clone(c.pools.Defaults(family)) {
			pool := *c.pools.Pool(name)
			pool.Default = false
			c.pools.Set(&pool)
		}
	}
}

// newLargeCluster has n pools more, half of them for lan and half for wan.
func newLargeCluster(t testing.TB, n int) *cluster {
	t.Helper()
	c := newCluster(t)
	for i := range n {
		c.setPool(t, fmt.Sprintf("vlan%d", i), fmt.Sprintf(`"ipVersion":4,"subnet":"10.%d.%d.0/24","multusName":["kube-system/%s"]`,
			100+i/250, i%250, []string{"lan", "wan"}[i%2]))
	}
	return c
}

// anyRule stands for the list of all rules: those of networks and subnets are not known here.
func anyRule(string) bool { return true }

// reparsed is a configuration as it would be read from a file.
func reparsed(t testing.TB, c *config.Config) *config.Config {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out, err := config.Parse(text, anyRule)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
