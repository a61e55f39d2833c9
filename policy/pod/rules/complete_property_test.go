package rules

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/ruledocs"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// randomNetwork is a network, and what the test knows of it beside what is compiled.
type randomNetwork struct {
	ref object.Reference
	// spiderpool says that its addresses come from there, broken that its default
	// pools cannot be read. Annotated says that it has the annotation.
	spiderpool, annotated, broken bool
	ipv4, ipv6                    []string
}

// randomNetworks are those that random pods ask for.
func randomNetworks(c *cluster) []randomNetwork {
	networks := []randomNetwork{
		{ref: object.Reference{Namespace: "kube-system", Name: "lan"}, spiderpool: true},
		{ref: object.Reference{Namespace: "kube-system", Name: "wan"}, spiderpool: true},
		{ref: object.Reference{Namespace: "team-a", Name: "lan"}, spiderpool: true},
		{ref: object.Reference{Namespace: "kube-system", Name: "own"}, spiderpool: true},
		{ref: object.Reference{Namespace: "kube-system", Name: "own-pattern"}, spiderpool: true},
		{ref: object.Reference{Namespace: "kube-system", Name: "host"}},
		{ref: object.Reference{Namespace: "kube-system", Name: "layer2"}},
		{ref: object.Reference{Namespace: "kube-system", Name: "default-a"}, spiderpool: true, annotated: true, ipv4: []string{"a4"}},
		{ref: object.Reference{Namespace: "kube-system", Name: "default-b"}, spiderpool: true, annotated: true, ipv4: []string{"b4"}, ipv6: []string{"b6", "c6"}},
		{ref: object.Reference{Namespace: "kube-system", Name: "default-c"}, spiderpool: true, annotated: true, ipv4: []string{"c*"}},
		{ref: object.Reference{Namespace: "kube-system", Name: "default-d"}, spiderpool: true, annotated: true, ipv6: []string{"d6"}},
		{ref: object.Reference{Namespace: "kube-system", Name: "excepted"}, spiderpool: true, annotated: true},
		{ref: object.Reference{Namespace: "kube-system", Name: "broken"}, spiderpool: true, annotated: true, broken: true},
		// A default that nothing comes of: the addresses are from elsewhere.
		{ref: object.Reference{Namespace: "kube-system", Name: "host-annotated"}, annotated: true, ipv4: []string{"a4"}},
	}
	for _, n := range networks {
		ipam := map[string]string{
			"own": `{"type":"spiderpool","default_ipv4_ippool":["a4","e4"]}`, "own-pattern": `{"type":"spiderpool","default_ipv6_ippool":["?6"]}`,
			"host": `{"type":"host-local","subnet":"10.0.0.0/24"}`, "host-annotated": `{"type":"host-local","subnet":"10.0.0.0/24"}`, "layer2": `{}`,
		}[n.ref.Name]
		if ipam == "" {
			ipam = fromSpiderpool
		}
		defaults := ""
		switch {
		case n.broken:
			defaults = `{"ipv4":"a4"}`
		case n.annotated:
			list := spiderpool.Render([]spiderpool.Selection{{IPv4: n.ipv4, IPv6: n.ipv6}})
			defaults = list[1 : len(list)-1]
		}
		c.setNetwork(n.ref.String(), "overlay", ipam, defaults)
	}
	c.networks[object.Reference{Namespace: "kube-system", Name: "calico"}] = cniconf.Compile(cniconf.Source{
		Namespace: "kube-system", Name: "calico", Annotations: map[string]string{cniconf.InstanceTypeAnnotation: "default"},
	})
	return networks
}

// world is a random cluster with a random pod in a random configuration.
type world struct {
	cluster *cluster
	config  *config.Config
	subject *pod.Subject
	// attached are the pod's interfaces, eth0 first, with the networks that they
	// are on; nil for one that is not known.
	names    []string
	attached []*randomNetwork
}

func randomWorld(t *testing.T, random *rand.Rand, base *cluster, networks []randomNetwork) *world {
	chance := func(percent int) bool { return random.IntN(100) < percent }
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	w := &world{cluster: &cluster{networks: base.networks, namespaces: map[string]*pod.Namespace{}}, config: config.Default()}

	// Pools, each of them bound to something in some worlds. In a quarter of the
	// worlds nothing is bound, so that everything fits.
	bound := chance(75)
	yes := true
	w.cluster.pools = spiderpool.NewIndex()
	for _, letter := range []string{"a", "b", "c", "d", "e"} {
		for _, family := range pod.Families {
			if bound && chance(5) {
				continue
			}
			v := int64(family)
			source := spiderpool.PoolSource{Spec: spiderpool.PoolSpec{IPVersion: &v}}
			source.Name = fmt.Sprintf("%s%d", letter, family)
			if chance(25) {
				source.Spec.Default = &yes
			}
			if bound && chance(15) {
				for _, n := range networks {
					if chance(40) {
						source.Spec.MultusName = append(source.Spec.MultusName, n.ref.String())
					}
				}
			}
			if bound && chance(8) {
				source.Spec.NamespaceName = []string{pick([]string{"team-a", "team-b"})}
			}
			if bound && chance(5) {
				source.Spec.Disable = &yes
			}
			w.cluster.pools.Set(spiderpool.CompilePool(&source))
		}
	}
	if chance(5) {
		w.cluster.pools = nil
	}

	annotations := map[string]string{}
	if chance(30) {
		annotations[spiderpool.NamespaceIPv4Annotation] = pick([]string{`["a4"]`, `["d4","e4"]`, `["*4"]`, `[]`, `a4`, `["a4","a4"]`, `[""]`})
	}
	if chance(15) {
		annotations[spiderpool.NamespaceIPv6Annotation] = pick([]string{`["a6"]`, `["?6"]`})
	}
	if chance(90) {
		w.cluster.namespaces["team-a"] = pod.CompileNamespace(map[string]string{"team": "a"}, annotations)
	}

	for range random.IntN(3) {
		entry := config.IPPoolDefault{Networks: []string{pick([]string{"kube-system/*", "*/lan", "kube-system/wan", "*/*", "team-b/*", "kube-system/default-?"})}}
		if chance(20) {
			entry.NamespaceSelector.MatchLabels = map[string]string{"team": pick([]string{"a", "b"})}
		}
		switch random.IntN(5) {
		case 0:
		case 1:
			entry.IPv4 = []string{"d*"}
		case 2:
			entry.IPv4, entry.IPv6 = []string{"d4", "e4"}, []string{"e6"}
		default:
			entry.IPv4 = []string{pick([]string{"a4", "b4", "c4", "d4", "e4"})}
		}
		w.config.IPPoolDefaults = append(w.config.IPPoolDefaults, entry)
	}
	switch random.IntN(4) {
	case 0:
		w.config.Multus.ClusterNetwork = new("kube-system/calico")
	case 1:
		w.config.Multus.ClusterNetwork = new(networks[random.IntN(len(networks))].ref.String())
	}
	w.config = reparsed(t, w.config)

	// The pod.
	w.subject = podOf()
	eth0 := (*randomNetwork)(nil)
	if i := slices.IndexFunc(networks, func(n randomNetwork) bool { return n.ref == w.config.ClusterNetwork() }); i >= 0 {
		eth0 = &networks[i]
	}
	if chance(40) {
		eth0 = &networks[random.IntN(len(networks))]
		w.subject.Annotations[multus.DefaultNetworkAnnotation] = eth0.ref.String()
	}
	w.names, w.attached = []string{multus.FirstInterface}, []*randomNetwork{eth0}
	var elements []string
	for i := range random.IntN(6) {
		n := &networks[random.IntN(len(networks))]
		name, element := fmt.Sprintf("net%d", i+1), n.ref.String()
		if chance(30) {
			name = fmt.Sprintf("vlan-%d", i)
			element += "@" + name
		}
		elements = append(elements, element)
		w.names, w.attached = append(w.names, name), append(w.attached, n)
	}
	if len(elements) > 0 {
		w.subject.Annotations[multus.NetworksAnnotation] = strings.Join(elements, ",")
	}
	if chance(5) {
		w.subject.Annotations[pick([]string{spiderpool.PoolAnnotation, spiderpool.PoolsAnnotation, spiderpool.SubnetAnnotation, spiderpool.SubnetsAnnotation})] = pick([]string{"", "{}", `[{"interface":"net1","ipv4":["a4"]}]`})
	}
	return w
}

// ownDefault is the default of ours for an interface, found in the plainest way.
func (w *world) ownDefault(n *randomNetwork) (ipv4, ipv6 []string, broken bool) {
	if n.annotated {
		return n.ipv4, n.ipv6, n.broken
	}
	for _, entry := range w.config.IPPoolDefaults {
		var own map[string]string
		if known := w.cluster.namespaces["team-a"]; known != nil {
			own = known.Labels
		}
		matched, _ := path.Match(entry.Networks[0], n.ref.String())
		for key, value := range entry.NamespaceSelector.MatchLabels {
			matched = matched && own[key] == value
		}
		if matched {
			return entry.IPv4, entry.IPv6, false
		}
	}
	return nil, nil, false
}

// fits says whether all that a list names or matches exists and can serve the
// interface.
func (w *world) fits(s *spiderpool.Selection, n *randomNetwork) bool {
	for _, family := range pod.Families {
		names := s.IPv4
		if family == spiderpool.IPv6 {
			names = s.IPv6
		}
		for _, name := range names {
			matching := []string{name}
			if spiderpool.IsPattern(name) {
				matching = slices.DeleteFunc(slices.Clone(w.cluster.pools.Names(family)), func(pool string) bool {
					matched, _ := path.Match(name, pool)
					return !matched
				})
			}
			if len(matching) == 0 {
				return false
			}
			for _, pool := range matching {
				misfit, _ := w.cluster.pools.Pool(pool).Misfit(&spiderpool.Request{
					Family: family, Network: spiderpool.MultusName(n.ref), Namespace: "team-a", SpiderpoolNamespace: "kube-system",
				})
				if misfit != spiderpool.MisfitNone {
					return false
				}
			}
		}
	}
	return true
}

// TestCompleteHolds: for random pods, clusters and configurations, what is filled in
// is filled in once, lists exactly the interfaces of Spiderpool's, and passes the
// rules about pools.
func TestCompleteHolds(t *testing.T) {
	const worlds = 5000
	base := &cluster{networks: map[object.Reference]*cniconf.Network{}}
	networks := randomNetworks(base)
	// never are findings that no pod has that was completed.
	never := []string{
		"ippools-interface-missing", "ippools-interface-unknown", "ippool-annotation-invalid", "ippool-unknown-field",
		"ippool-default-missing", "ippool-default-not-filled-in", "spiderpool-annotation-ignored",
	}
	met := map[string]int{}
	for seed := range uint64(worlds) {
		w := randomWorld(t, rand.New(rand.NewPCG(seed, 1)), base, networks)
		note := func(format string, args ...any) {
			t.Errorf("seed %d: annotations %v, ippoolDefaults %+v, cluster network %s: %s",
				seed, w.subject.Annotations, w.config.IPPoolDefaults, w.config.ClusterNetwork(), fmt.Sprintf(format, args...))
		}
		before := maps.Clone(w.subject.Annotations)
		completed := w.cluster.complete(w.subject, w.config)
		if !maps.Equal(before, w.subject.Annotations) {
			note("the pod's own annotations were changed")
		}
		met[fmt.Sprintf("%d networks", len(w.names)-1)]++
		if again := w.cluster.complete(completed, w.config); again.Annotations[spiderpool.PoolsAnnotation] != completed.Annotations[spiderpool.PoolsAnnotation] {
			note("completed again: %s", again.Annotations[spiderpool.PoolsAnnotation])
		}
		stored := &pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Name: "web", Annotations: completed.Annotations}
		if w.cluster.complete(stored, w.config) != stored {
			note("what is stored is completed once more")
		}
		v := w.cluster.judge(stored, w.config)
		if shown, judged := ids(w.cluster.judge(completed, w.config)), ids(v); shown != judged {
			note("judged when completed: %s, judged when stored: %s", shown, judged)
		}

		// What ought to be listed, and whether a default of ours applies.
		var expected []string
		applies, broken := false, false
		for i, n := range w.attached {
			if n == nil || !n.spiderpool {
				continue
			}
			expected = append(expected, w.names[i])
			ipv4, ipv6, unreadable := w.ownDefault(n)
			applies = applies || len(ipv4)+len(ipv6) > 0
			broken = broken || unreadable
		}
		_, asksFirst := before[multus.DefaultNetworkAnnotation]
		_, asksFurther := before[multus.NetworksAnnotation]
		applies = applies && (asksFirst || asksFurther)

		if completed == w.subject {
			met["nothing filled in"]++
			text := ids(v)
			if strings.Contains(text, "ippool-default-missing") {
				note("nothing was filled in, and that is refused: %s", text)
			}
			switch namesPools := slices.ContainsFunc([]string{spiderpool.PoolAnnotation, spiderpool.PoolsAnnotation, spiderpool.SubnetAnnotation, spiderpool.SubnetsAnnotation},
				func(key string) bool { _, there := before[key]; return there }); {
			case namesPools:
				met["names pools"]++
			case !applies && !broken:
				met["no default applies"]++
				if strings.Contains(text, "ippool-default-not-filled-in") {
					note("no default applies, and yet: %s", text)
				}
			case strings.Contains(text, "ippool-default-not-filled-in"):
				met["cannot be told"]++
			case strings.Contains(text, "ippool-shared"):
				met["one pool for two interfaces"]++
			case asksFirst || asksFurther:
				note("a default applies, nothing is filled in, and nobody says why: %q", text)
			}
			continue
		}

		met["filled in"]++
		value := completed.Annotations[spiderpool.PoolsAnnotation]
		if !applies || broken {
			note("no default applies, or one cannot be read, and %s was filled in", value)
		}
		if !strings.HasPrefix(value, `[{"`) || strings.ContainsAny(value, " \n\t") {
			note("%s is not compact", value)
		}
		expectedAnnotations := maps.Clone(before)
		expectedAnnotations[spiderpool.PoolsAnnotation] = value
		if diff := cmp.Diff(expectedAnnotations, completed.Annotations); diff != "" {
			note("other annotations are changed: %s", diff)
		}
		parsed, faults := spiderpool.Parse(completed.Annotations)
		if len(faults) > 0 || !parsed.Named {
			note("%s has faults: %v", value, faults)
			continue
		}
		var listed []string
		allFit := w.cluster.pools != nil
		for i := range parsed.Pools {
			s := &parsed.Pools[i]
			listed = append(listed, s.Interface)
			at := slices.Index(w.names, s.Interface)
			if at < 0 || w.attached[at] == nil {
				continue
			}
			n := w.attached[at]
			if len(s.IPv4)+len(s.IPv6) == 0 {
				note("%s names no pool for %s", value, s.Interface)
			}
			if ipv4, ipv6, _ := w.ownDefault(n); len(ipv4)+len(ipv6) > 0 {
				if !slices.Equal(s.IPv4, ipv4) || !slices.Equal(s.IPv6, ipv6) {
					note("interface %s has the default %q and %q, filled in is %s", s.Interface, ipv4, ipv6, value)
				}
				met["default of "+map[bool]string{true: "the network", false: "the configuration"}[n.annotated]]++
			} else {
				met["from Spiderpool's levels"]++
			}
			allFit = allFit && w.fits(s, n)
			if s.Interface == multus.FirstInterface {
				met["eth0"]++
			}
			if strings.HasPrefix(s.Interface, "vlan-") {
				met["names of their own"]++
			}
			if slices.ContainsFunc(append(slices.Clone(s.IPv4), s.IPv6...), spiderpool.IsPattern) {
				met["patterns"]++
			}
		}
		if !slices.Equal(listed, expected) {
			note("listed are %q, Spiderpool's are %q: %s", listed, expected, value)
		}
		if len(listed) > 1 {
			met["several interfaces"]++
		}
		if len(w.names) > len(listed)+1 {
			met["other plugins besides"]++
		}
		for _, f := range v.Findings {
			doc, err := ruledocs.Read(f.Rule)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case slices.Contains(never, f.Rule):
				note("%s was filled in: %s", value, v.Explanation(verdict.Warn))
			case f.Rule == "ippool-shared" && f.Action == verdict.Deny:
				note("%s was filled in, and one pool serves two interfaces: %s", value, f.Message)
			case doc.Group == "Spiderpool" && f.Action == verdict.Deny && allFit:
				note("%s was filled in, all of it fits, and is refused: %s", value, v.Explanation(verdict.Deny))
			case doc.Group == "Spiderpool" && f.Action == verdict.Deny:
				met["refused for a pool"]++
			}
		}
		if allFit {
			met["all pools fit"]++
		}
	}
	for what, atLeast := range map[string]int{
		"filled in": 500, "nothing filled in": 500, "several interfaces": 300, "other plugins besides": 100,
		"eth0": 100, "names of their own": 200, "patterns": 100, "default of the network": 300, "default of the configuration": 300,
		"from Spiderpool's levels": 100, "all pools fit": 200, "refused for a pool": 50, "names pools": 50, "no default applies": 200,
		"cannot be told": 100, "one pool for two interfaces": 100, "0 networks": 300, "5 networks": 300,
	} {
		if met[what] < atLeast {
			t.Errorf("%q was met %d times: fewer than %d tell nothing", what, met[what], atLeast)
		}
	}
	t.Logf("met: %v", met)
}
