package rules

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Where the cluster does not have the kind of networks, a pod is refused for its network as
// for any other that is not there, and told why; a template is warned.
func TestNetworksWithoutMultus(t *testing.T) {
	for kind, want := range map[string]string{"Pod": "deny network-not-found", "Deployment": "warn network-not-found"} {
		subject := &pod.Subject{Kind: kind, Namespace: "home", Annotations: map[string]string{multus.NetworksAnnotation: "lan"}}
		if kind != "Pod" {
			subject.PodPath = "spec.template"
		}
		request := pod.Parse(subject, config.Default())
		v := Judge(request.With(pod.Facts{NoMultus: true, Networks: make([]pod.Answer[cniconf.Network], len(request.Questions().Networks))}))
		if got := ids(v); got != want {
			t.Fatalf("%s: %q, want %q", kind, got, want)
		}
		if got := v.Explanation(verdict.Warn); !strings.Contains(got, "does not exist: Multus is not installed here (the cluster has no NetworkAttachmentDefinitions)\nTo fix it: install Multus") {
			t.Errorf("%s: %s", kind, got)
		}
	}
}
