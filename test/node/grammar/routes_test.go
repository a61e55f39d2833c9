package grammar

import (
	"strings"
	"testing"

	"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/k8sclient"
	"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/types"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod/rules"
)

// Multus counts the default routes of a default-network only beside a list of further
// networks, though that may be empty.
func TestDefaultRoutesAgree(t *testing.T) {
	const (
		absent = "absent"
		two    = `[{"name":"a","default-route":["10.0.0.1","10.0.0.2"]}]`
		mixed  = `[{"name":"a","default-route":["10.0.0.1","fd00::1"]}]`
	)
	refused := 0
	for _, first := range []string{two, mixed, `[{"name":"a","default-route":["10.0.0.1"]}]`, `a`} {
		for _, networks := range []string{absent, "", "[]", " [ ] ", "b", `[{"name":"b"}]`, `[{"name":"b","default-route":["10.0.0.2"]}]`, `[{"name":"b","default-route":[]}]`} {
			annotations := map[string]string{multus.DefaultNetworkAnnotation: first}
			if networks != absent {
				annotations[multus.NetworksAnnotation] = networks
			}
			p := podWith("", "")
			p.Annotations = annotations
			client := &k8sclient.ClientInfo{NetClient: lookup{asked: &selected{}}}
			conf := &types.NetConf{MultusNamespace: multusNamespace, Delegates: []*types.DelegateNetConf{{}}}
			_, _, err := k8sclient.TryLoadPodDelegates(p, conf, client, nil)
			if err != nil && !strings.Contains(err.Error(), "ECMP") {
				t.Fatalf("%q beside %q: %v", networks, first, err)
			}
			if err != nil {
				refused++
			}
			subject := &pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: podNamespace, Name: "pod", Annotations: annotations}
			judged := rules.Judge(pod.Parse(subject, config.Default()).With(pod.Facts{}))
			ours := false
			for _, f := range judged.Findings {
				ours = ours || f.Rule == "default-route-conflict"
			}
			if ours != (err != nil) {
				t.Errorf("%q beside %q: refused by us: %t, by multus: %v", networks, first, ours, err)
			}
		}
	}
	if refused == 0 {
		t.Error("multus refuses none: the comparison proves nothing")
	}
}
