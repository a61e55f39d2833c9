package rules

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// FuzzJudge: whatever stands in the annotations, of the pod or of its namespace,
// there is a verdict, its findings can be shown, and it is the same when the pod is
// judged again. What is filled in is filled in once, and can be read.
func FuzzJudge(f *testing.F) {
	for _, values := range [][6]string{
		{}, {"router", "kube-system/veth"}, {"veth", "kube-system/router@net1,plain"},
		{`[{"name":"veth","default-route":["10.0.0.1"]}]`, `[{"name":"router","interface":"net2","mac":"zz","ips":["1"]},{"name":"plain"}]`},
		{"a,b", "a/b/c"}, {"[]", "[null]"}, {"lo@lo", "coordinator-auto@eth0"},
		{"", "kube-system/lan-default,kube-system/wan-default@b"},
		{"kube-system/first-default", "kube-system/further,kube-system/own-pattern"},
		{"", "kube-system/lan-default,kube-system/wan", "", "", "", `["wan-v4"]`},
		{"", "kube-system/lan-default,kube-system/wan", "", "", "", `wan-v4`},
		{"", "kube-system/lan,lan", `[{"interface":"net1","ipv4":["lan-v4","lan-*","gone"]},{"interface":"net2","ipv4pools":["x"]}]`},
		{"first", "kube-system/further", `[{"ipv4":["any-v4"]},{"ipv4":["any-v4","[z-a]"]}]`, `{"ipv4":"x"}`},
		{"first", "", "", `{"ipv4":["any-v4"],"interface":"eth0"}`, `[{"dst":"10.0.0.0/8","gw":"1.1.1.1"}]`, `["a","a"]`},
	} {
		f.Add(values[0], values[1], values[2], values[3], values[4], values[5])
	}
	config := config.Default()
	config.Multus.NamespaceIsolation = true
	base := newCluster(f)
	for name := range networksByRole {
		for _, namespace := range []string{"team-a", "kube-system"} {
			base.networks[object.Reference{Namespace: namespace, Name: name}] = facts([]object.Reference{{Namespace: namespace, Name: name}}).Networks[0].Value
		}
	}
	f.Fuzz(func(t *testing.T, first, networks, pools, pool, routes, namespace string) {
		subject := podOf("first", first, "networks", networks)
		// An empty value stands for no annotation, and a blank for an empty one.
		for key, value := range map[string]string{spiderpool.PoolsAnnotation: pools, spiderpool.PoolAnnotation: pool, spiderpool.RoutesAnnotation: routes} {
			if value != "" {
				subject.Annotations[key] = strings.TrimSpace(value)
			}
		}
		if first == "" {
			delete(subject.Annotations, multus.DefaultNetworkAnnotation)
		}
		c := *base
		if namespace != "" {
			c.namespaces = map[string]*pod.Namespace{"team-a": pod.CompileNamespace(nil, annotated("ns4", namespace))}
		}
		completed := c.complete(subject, config)
		if completed != subject {
			value := completed.Annotations[spiderpool.PoolsAnnotation]
			if parsed, faults := spiderpool.Parse(map[string]string{spiderpool.PoolsAnnotation: value}); !json.Valid([]byte(value)) || len(faults) > 0 || !parsed.Named {
				t.Errorf("filled in: %q, %v", value, faults)
			}
			if again := c.complete(completed, config); again.Annotations[spiderpool.PoolsAnnotation] != value {
				t.Errorf("filled in again: %q, first: %q", again.Annotations[spiderpool.PoolsAnnotation], value)
			}
		}
		pod := pod.Parse(completed, config)
		known := c.facts(pod.Questions())
		v := Judge(pod.With(known))
		if v.Undecided != nil {
			t.Fatal(v.Undecided)
		}
		for _, finding := range v.Findings {
			value := completed.Annotations[finding.Place.Annotation()]
			if finding.Place.Offset < 0 || finding.Place.Offset > len(value) {
				t.Errorf("%s points at byte %d of %q", finding.Rule, finding.Place.Offset, value)
			}
			if finding.Message == "" || finding.Path() == "" || strings.ContainsAny(finding.Message, "\n\x00\x1b") || strings.ContainsAny(finding.Remedy, "\x00\x1b") {
				t.Errorf("%s says %q of %q, to fix it %q", finding.Rule, finding.Message, finding.Path(), finding.Remedy)
			}
			if n := len([]rune(finding.Warning())); n > 256 {
				t.Errorf("a warning of %d characters", n)
			}
			if completed != subject && finding.Rule == "ippool-default-missing" {
				t.Errorf("filled in, and yet: %s", finding.Message)
			}
		}
		again := Judge(pod.With(known))
		if v.Explanation(verdict.Warn) != again.Explanation(verdict.Warn) {
			t.Errorf("judged again:\n%s\nfirst:\n%s", again.Explanation(verdict.Warn), v.Explanation(verdict.Warn))
		}
	})
}

// FuzzAddresses: whatever addresses are asked for, by annotations of either generation of
// the flat network, by a Multus network and by a label, the findings can be shown, and
// point into what was written.
func FuzzAddresses(f *testing.F) {
	for _, values := range [][5]string{
		{"10.30.0.21-10.30.0.22", mac1, "vlan300", "auto", `["10.30.0.21/24"]`},
		{"10.30.0.1,10.30.0.2", "02-00-5e-00-00-01", "kube-system/vlan300", "::", `["fd00::1","x",7]`},
		{"", "auto", "", "-", `[]`},
		{" 10.30.0.21 - 10.30.0.21", "ff:ff:ff:ff:ff:ff-" + mac1, strings.Repeat("a", 64), "10.30.0.21-10.30.0.30", `"10.30.0.21"`},
	} {
		f.Add(values[0], values[1], values[2], values[3], values[4])
	}
	c := &flatCluster{holders: []pod.HolderFact{
		held(identity("Deployment", "db", ""), flatAnnotations(v2, "vlan300", "10.30.0.21", mac1)),
		held(identity("Pod", "db", ""), flatAnnotations(v1, "vlan200", "10.30.0.22", mac1)),
	}}
	f.Fuzz(func(t *testing.T, ips, macs, subnet, other, element string) {
		annotations := flatAnnotations(v2, subnet, ips, macs)
		annotations[multus.NetworksAnnotation] = `[{"name":"rancher-flat-network"},{"name":"fixed","ips":` + element + `}]`
		if other != "" {
			annotations[v1.IPAnnotation()] = other
		}
		s := subjectOf(identity("Deployment", "web", ""), annotations)
		s.Labels = map[string]string{v1.MACAnnotation(): macs}
		for _, finding := range c.judge(t, s, config.Default()).Findings {
			value := annotations[finding.Place.Annotation()]
			if finding.Place.Offset < 0 || finding.Place.Offset > len(value) {
				t.Errorf("%s points at byte %d of %q", finding.Rule, finding.Place.Offset, value)
			}
			if finding.Message == "" || finding.Path() == "" || finding.Remedy == "" || strings.ContainsAny(finding.Message, "\n\x00\x1b") || strings.ContainsAny(finding.Remedy, "\x00\x1b") {
				t.Errorf("%s says %q of %q, to fix it %q", finding.Rule, finding.Message, finding.Path(), finding.Remedy)
			}
		}
	})
}
