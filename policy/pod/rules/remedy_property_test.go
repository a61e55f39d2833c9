package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// rolesCluster has networks of each role, with and without Spiderpool's addresses, and
// pools that serve any of them.
func rolesCluster(t testing.TB) (c *cluster, networks []string) {
	t.Helper()
	c = newCluster(t)
	for name, plugins := range map[string]string{
		"veth": `,{"type":"veth"}`, "router": `,{"type":"router"}`, "plain": ``,
		"underlay": `,{"type":"coordinator","mode":"underlay"}`, "overlay": `,{"type":"coordinator","mode":"overlay"}`,
		"auto": `,{"type":"coordinator","mode":"auto"}`, "bond0.100": `,{"type":"coordinator","mode":"underlay"}`,
		"bond0.200": `,{"type":"router"}`, "macvlan-standalone-by-name": ``, "macvlan-overlay-by-name": ``,
	} {
		for suffix, ipam := range map[string]string{"": fromSpiderpool, "-host": `{"type":"host-local","subnet":"10.0.0.0/24"}`} {
			ref := object.Reference{Namespace: "kube-system", Name: name + suffix}
			c.networks[ref] = cniconf.Compile(cniconf.Source{Namespace: ref.Namespace, Name: ref.Name,
				Config: `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"bond0","capabilities":{"mac":true},"ipam":` + ipam + `}` + plugins + `]}`})
			networks = append(networks, ref.Name)
		}
	}
	for i := range 10 {
		c.setPool(t, fmt.Sprintf("p%d", i), fmt.Sprintf(`"ipVersion":4,"subnet":"10.1%d.0.0/24"`, i))
	}
	slices.Sort(networks)
	return c, networks
}

// randomElement asks for a network in one of the forms that Multus reads; in JSON, or else as
// a member of a comma list.
func randomElement(random *rand.Rand, inJSON bool, network string, n int) string {
	chance := func(percent int) bool { return random.IntN(100) < percent }
	iface := ""
	switch {
	case n == 0 && chance(20):
		iface = "eth0"
	case chance(15):
		iface = fmt.Sprint("lan", n)
	case chance(10):
		iface = []string{"eth0", "net1", "net2", "net3", "net4"}[random.IntN(5)]
	}
	if !inJSON {
		if iface != "" {
			return "kube-system/" + network + "@" + iface
		}
		return "kube-system/" + network
	}
	fields := map[string]any{"name": network, "namespace": "kube-system"}
	if iface != "" {
		fields[[]string{"interface", "Interface", "interfaceRequest"}[random.IntN(3)]] = iface
	}
	if chance(20) {
		fields["mac"] = fmt.Sprintf("02:00:00:00:00:%02x", n)
	}
	if chance(10) {
		fields["cni-args"] = map[string]any{"what": "it's <a> test & more"}
	}
	return encoded(fields)
}

// randomPod is a pod that may break any rule about where networks stand, most of them with
// pools for the interfaces that it is to have.
func randomPod(random *rand.Rand, c *cluster, networks []string) *pod.Subject {
	chance := func(percent int) bool { return random.IntN(100) < percent }
	annotations := map[string]string{}
	s := &pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Name: "web", Annotations: annotations}
	if chance(30) {
		s.APIVersion, s.Kind, s.PodPath = "apps/v1", "Deployment", "spec.template"
		s.Controller = object.Controller{APIVersion: "apps/v1", Kind: "Deployment"}
	}
	pick := func(inJSON bool) string {
		for {
			if name := networks[random.IntN(len(networks))]; inJSON || !strings.Contains(name, ".") {
				return name
			}
		}
	}
	if chance(55) {
		inJSON := chance(40)
		value := randomElement(random, inJSON, pick(inJSON), 0)
		if inJSON {
			value = "[" + value + "]"
		}
		annotations[multus.DefaultNetworkAnnotation] = value
	}
	if n := random.IntN(6); n > 0 {
		inJSON := chance(40)
		var elements []string
		for i := range n {
			elements = append(elements, randomElement(random, inJSON, pick(inJSON), i+1))
		}
		value := strings.Join(elements, ",")
		if inJSON {
			value = "[" + value + "]"
		}
		annotations[multus.NetworksAnnotation] = value
	}
	view := c.view(s, config.Default())
	if chance(60) {
		annotations[short["ippools"]] = randomPools(random, view, !chance(25))
	}
	if chance(10) {
		annotations[short["ippool"]] = `{"ipv4":["p0","p1","p2"]}`
	}
	if chance(10) {
		annotations[short["nic"]] = view.Interfaces()[random.IntN(len(view.Interfaces()))].Name
	}
	if chance(10) {
		annotations[short["subnets"]] = `[{"interface":"` + view.Interfaces()[random.IntN(len(view.Interfaces()))].Name + `","ipv4":["s1"]}]`
	}
	return s
}

// randomPools lists pools for the interfaces of a pod, or nearly so.
func randomPools(random *rand.Rand, view *pod.View, named bool) string {
	chance := func(percent int) bool { return random.IntN(100) < percent }
	var list []map[string]any
	for n := range view.Interfaces() {
		i := &view.Interfaces()[n]
		supplied, _ := view.FromSpiderpool(i)
		if named && !supplied && chance(97) || chance(2) {
			continue
		}
		element := map[string]any{"ipv4": []string{fmt.Sprintf("p%d", n)}}
		if named {
			element["interface"] = i.Name
		}
		if chance(10) {
			element["cleangateway"] = true
		}
		list = append(list, element)
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // names and numbers
	}
	return string(text)
}

var (
	pastedLine = regexp.MustCompile(`(?m)^  ([a-z0-9.-]+/[a-z-]+): (.+)$`)
	removedKey = regexp.MustCompile(`remove ([a-z0-9.-]+/[a-z-]+)`)
)

// pasted changes annotations as a remedy says; ok is false where it says anything in words.
func pasted(t *testing.T, annotations map[string]string, remedy string) (after map[string]string, ok bool) {
	t.Helper()
	if strings.Contains(remedy, " names ") {
		return nil, false
	}
	after = maps.Clone(annotations)
	for _, key := range removedKey.FindAllStringSubmatch(remedy, -1) {
		delete(after, key[1])
		ok = true
	}
	for _, line := range pastedLine.FindAllStringSubmatch(remedy, -1) {
		var value string
		if err := yaml.Unmarshal([]byte(line[2]), &value); err != nil {
			t.Fatalf("%s: %v", line[0], err)
		}
		after[line[1]], ok = value, true
	}
	return after, ok
}

// denied are the rules that refuse a pod.
func denied(v *verdict.Verdict) map[string]bool {
	rules := map[string]bool{}
	for _, f := range v.Findings {
		if f.Action == verdict.Deny {
			rules[f.Rule] = true
		}
	}
	return rules
}

// What a remedy shows is right as it stands: pasted, it mends what it is for and breaks
// nothing else, keeps every network that fits, and leaves each its pools.
func TestRemediesOfRandomPods(t *testing.T) {
	c, networks := rolesCluster(t)
	random := rand.New(rand.NewPCG(12, 9))
	shown, words := map[string]int{}, map[string]int{}
	for range 2500 {
		s := randomPod(random, c, networks)
		before := c.judge(s, config.Default())
		was := denied(&before)
		tried := map[string]bool{}
		for _, f := range before.Findings {
			if tried[f.Rule+f.Remedy] {
				continue
			}
			tried[f.Rule+f.Remedy] = true
			annotations, ok := pasted(t, s.Annotations, f.Remedy)
			if !ok {
				if strings.Contains(f.Remedy, " names ") {
					words[f.Rule]++
				}
				continue
			}
			shown[f.Rule]++
			changed := *s
			changed.Annotations = annotations
			after := c.judge(&changed, config.Default())
			for rule := range denied(&after) {
				if rule == f.Rule || !was[rule] {
					t.Errorf("%v\n%s: %s\n%v is refused by %s:\n%s", s.Annotations, f.Rule, f.Remedy, annotations, rule, after.Explanation(verdict.Deny))
				}
			}
			if slices.ContainsFunc(after.Findings, func(left verdict.Finding) bool { return left.Rule == f.Rule && placement(f.Rule) }) {
				t.Errorf("%v\n%s: %s\n%v: is still said", s.Annotations, f.Rule, f.Remedy, annotations)
			}
			if placement(f.Rule) {
				compareInterfaces(t, c.view(s, config.Default()), c.view(&changed, config.Default()))
			}
		}
	}
	for _, rule := range []string{"overlay-as-default-network", "standalone-mixed-with-overlay", "standalone-on-overlay-pod"} {
		if shown[rule] < 100 || words[rule] > shown[rule]/3 {
			t.Errorf("%s: %d remedies are shown, %d in words", rule, shown[rule], words[rule])
		}
	}
}

func placement(rule string) bool {
	return slices.Contains([]string{"overlay-as-default-network", "standalone-mixed-with-overlay", "standalone-on-overlay-pod"}, rule)
}

// compareInterfaces demands that the networks which are gone are of one kind, and that those
// which are left ask for what they did.
func compareInterfaces(t *testing.T, before, after *pod.View) {
	t.Helper()
	// describe leaves out what an interface is called, which is what changes.
	describe := func(i *pod.Interface) string {
		text := i.Reference.String()
		if i.Element != nil {
			text += " " + i.Element.MAC
		}
		// Where a subnet annotation counted, something else may count without it.
		if i.Pools() != nil && i.Pools().Source == "pod" && len(i.Pools().IPv4) > 0 && !before.PoolAnnotations().HasSubnets {
			text += fmt.Sprint(" ", i.Pools().IPv4, i.Pools().IPv6)
		}
		return text
	}
	left := map[string]int{}
	for n := range after.Interfaces() {
		left[describe(&after.Interfaces()[n])]++
	}
	gone := map[cniconf.Role]bool{}
	for n := range before.Interfaces() {
		i := &before.Interfaces()[n]
		if left[describe(i)]--; left[describe(i)] < 0 {
			gone[i.Role()] = true
		}
	}
	delete(gone, cniconf.RoleDefault)
	if len(gone) > 1 || gone[cniconf.RoleNeutral] || gone[cniconf.RoleAuto] || gone[cniconf.RoleUnknown] {
		t.Errorf("%v\nbecomes\n%v\nand networks of roles %v are gone or have other pools", before.Subject.Annotations, after.Subject.Annotations, gone)
	}
}
