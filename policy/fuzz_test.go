package policy

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
)

// FuzzJudge: whatever stands in the annotations, there is a verdict, its findings
// can be shown, and it is the same when the pod is judged again.
func FuzzJudge(f *testing.F) {
	for _, values := range [][2]string{
		{"", ""}, {"router", "kube-system/veth"}, {"veth", "kube-system/router@net1,plain"},
		{`[{"name":"veth","default-route":["10.0.0.1"]}]`, `[{"name":"router","interface":"net2","mac":"zz","ips":["1"]},{"name":"plain"}]`},
		{"a,b", "a/b/c"}, {"[]", "[null]"}, {"lo@lo", "coordinator-auto@eth0"},
	} {
		f.Add(values[0], values[1])
	}
	config := DefaultConfig()
	config.Multus.NamespaceIsolation = true
	f.Fuzz(func(t *testing.T, first, networks string) {
		subject := &Subject{APIVersion: "v1", Kind: "Pod", Namespace: "kube-system-2", Annotations: map[string]string{
			multus.DefaultNetworkAnnotation: first, multus.NetworksAnnotation: networks,
		}}
		pod := Parse(subject, config)
		known := facts(pod.References())
		verdict := pod.Judge(known)
		if verdict.Undecided != nil {
			t.Fatal(verdict.Undecided)
		}
		for _, finding := range verdict.Findings {
			value := subject.Annotations[finding.Annotation]
			if finding.Offset < 0 || finding.Offset > len(value) {
				t.Errorf("%s points at byte %d of %q", finding.Rule, finding.Offset, value)
			}
			if finding.Message == "" || finding.Path == "" || strings.ContainsAny(finding.Message, "\n\x00\x1b") {
				t.Errorf("%s says %q of %q", finding.Rule, finding.Message, finding.Path)
			}
			if n := len([]rune(finding.Warning())); n > 120 {
				t.Errorf("a warning of %d characters", n)
			}
		}
		again := pod.Judge(known)
		if verdict.Explanation(Warn) != again.Explanation(Warn) {
			t.Errorf("judged again:\n%s\nfirst:\n%s", again.Explanation(Warn), verdict.Explanation(Warn))
		}
	})
}
