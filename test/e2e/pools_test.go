package e2e

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

const poolsAnnotation = "ipam.spidernet.io/ippools"

// spiderpoolNetwork is a network in namespace default whose addresses come from
// Spiderpool. Without default pools of ours its CNI configuration names one.
func spiderpoolNetwork(name, role, defaultPools string) string {
	ipam := `{"type":"spiderpool"}`
	if defaultPools == "" {
		ipam = `{"type":"spiderpool","default_ipv4_ippool":["` + name + `-v4"]}`
	}
	plugin := map[string]string{"overlay": "router", "standalone": "veth"}[role]
	annotation := fmt.Sprintf("\n  annotations:\n    k8s.v1.cni.cncf.io/resourceName: example.com/%s", name)
	if defaultPools != "" {
		annotation += fmt.Sprintf("\n    macvlan-webhook.io/default-ippools: '%s'", defaultPools)
	}
	return fmt.Sprintf("apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata:\n  name: %s\n  namespace: default%s\nspec:\n  config: '%s'\n---\n", name, annotation,
		`{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"bond0","ipam":`+ipam+`},{"type":"`+plugin+`"}]}`)
}

func spiderPool(name, spec string) string {
	return fmt.Sprintf("apiVersion: spiderpool.spidernet.io/v2beta1\nkind: SpiderIPPool\nmetadata: {name: %s}\nspec: {ipVersion: 4, subnet: 10.99.0.0/16, ips: [10.99.0.10-10.99.0.99]%s}\n---\n", name, spec)
}

var vlansMade = sync.OnceValue(func() error {
	manifests := spiderpoolNetwork("bond0-100", "overlay", `{"ipv4":["bond0-100-v4"]}`) + spiderpoolNetwork("bond0-200", "overlay", `{"ipv4":["bond0-200-v4"]}`) +
		spiderpoolNetwork("first", "standalone", "") + spiderpoolNetwork("further", "standalone", `{"ipv4":["further-v4"]}`) +
		spiderPool("bond0-100-v4", ", multusName: [default/bond0-100]") + spiderPool("bond0-200-v4", ", multusName: [default/bond0-200]") +
		spiderPool("first-v4", "") + spiderPool("further-v4", ", multusName: [default/further]")
	_, err := deploy.Kubectl(context.Background(), cluster.ControlPlane, manifests, "apply", "-f", "-")
	return err
})

// twoVLANs makes two networks with a default pool each, and two more for pods that have
// one of them as their default-network, once for all tests.
func twoVLANs(t *testing.T) {
	t.Helper()
	if err := vlansMade(); err != nil {
		t.Fatal(err)
	}
}

const (
	twoNetworks = "k8s.v1.cni.cncf.io/networks: bond0-100,bond0-200"
	twoPools    = `[{"interface":"net1","ipv4":["bond0-100-v4"]},{"interface":"net2","ipv4":["bond0-200-v4"]}]`
)

// stored is a pod as the API server keeps it, without what it gives every object.
func stored(t *testing.T, name string) map[string]any {
	t.Helper()
	var pod map[string]any
	unmarshal(t, mustKubectl(t, "", "get", "pod", name, "-o", "json"), &pod)
	metadata := pod["metadata"].(map[string]any)
	for _, key := range []string{"uid", "resourceVersion", "creationTimestamp", "name", "managedFields"} {
		delete(metadata, key)
	}
	return pod
}

// A pod that asks for networks and names no pools carries theirs when it is
// stored, and differs in nothing else from one that nobody has mutated.
func TestDefaultPoolsOfPod(t *testing.T) {
	configured(t, "exempt: {users: [untouched]}")
	twoVLANs(t)
	if result := kubectl(t, podYAML("with-defaults", twoNetworks), "create", "-f", "-"); result.ExitCode != 0 || result.Stderr != "" {
		t.Fatal(result.Stderr)
	}
	mustKubectl(t, podYAML("untouched", twoNetworks), "create", "--as=untouched", "--as-group=system:masters", "-f", "-")
	got, want := stored(t, "with-defaults"), stored(t, "untouched")
	annotations := func(pod map[string]any) map[string]any {
		return pod["metadata"].(map[string]any)["annotations"].(map[string]any)
	}
	if annotations(want)[poolsAnnotation] != nil {
		t.Fatalf("the exempt user's pod was mutated: %v", annotations(want))
	}
	annotations(want)[poolsAnnotation] = twoPools
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	mustKubectl(t, "", "delete", "--now", "pod", "with-defaults", "untouched")
}

func TestDefaultPoolsOfDeployment(t *testing.T) {
	beside(t)
	twoVLANs(t)
	mustKubectl(t, deployment("pooled", twoNetworks), "apply", "-f", "-")
	wait.Until(t, "the Deployment's pod with the pools of its networks", func() bool {
		return mustKubectl(t, "", "get", "pods", "-l", "app=pooled", "-o", `jsonpath={.items[*].metadata.annotations.ipam\.spidernet\.io/ippools}`) == twoPools
	})
	if template := mustKubectl(t, "", "get", "deployment", "pooled", "-o", "jsonpath={.spec.template.metadata.annotations}"); strings.Contains(template, "ippools") {
		t.Errorf("the template was changed: %s", template)
	}
	mustKubectl(t, "", "delete", "deployment", "pooled")
}

// Without the mutating webhook the pod is refused, not let through with other
// pools.
func TestBypassedMutation(t *testing.T) {
	alone(t)
	all, err := fixtures.Load()
	if err != nil {
		t.Fatal(err)
	}
	defer useConfig(t, nil)
	twoVLANs(t)
	without(t, "mutatingwebhookconfiguration", func() bool {
		return kubectl(t, podYAML("bypassed", twoNetworks), "create", "--dry-run=server", "-f", "-").ExitCode == 0
	}, func() {
		result := kubectl(t, podYAML("bypassed", twoNetworks), "create", "-f", "-")
		if result.ExitCode == 0 || !strings.Contains(result.Stderr, "[ippool-default-missing] metadata.annotations[k8s.v1.cni.cncf.io/networks]") {
			t.Errorf("a pod without its default pools:\n%s", result.Stderr)
		}
		for _, f := range all {
			if f.Bypassed {
				t.Run(f.Path, func(t *testing.T) {
					useConfig(t, f.PolicyConfig())
					result := kubectl(t, string(f.Text), "create", "-f", "-")
					expectAnswer(t, &f, &result)
					if result.ExitCode == 0 {
						mustKubectl(t, string(f.Text), "delete", "--now", "-f", "-")
					}
				})
			}
		}
		useConfig(t, nil)
	})
}

// adder is a mutating webhook like Spiderpool's: it writes the networks of pods
// that carry a label, and the resources of their first container, after ours has
// looked at them.
func adder(t *testing.T, networks string, resources ...string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	certificate, bundle, err := server.Loopback()
	if err != nil {
		t.Fatal(err)
	}
	amounts := map[string]string{}
	for _, r := range resources {
		amounts[r] = "1"
	}
	limits, err := json.Marshal(amounts)
	if err != nil {
		t.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		kind := admissionv1.PatchTypeJSONPatch
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true, PatchType: &kind,
			Patch: fmt.Appendf(nil, `[{"op":"add","path":"/metadata/annotations/k8s.v1.cni.cncf.io~1networks","value":%q},`+
				`{"op":"add","path":"/spec/containers/0/resources/limits","value":%s}]`, networks, limits)}
		review.Request = nil
		_ = json.NewEncoder(w).Encode(review)
	})
	s := &http.Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{*certificate}}}
	go func() { _ = s.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { _ = s.Close() })
	// The API server calls webhooks in the order of their configurations' names.
	mustKubectl(t, fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: zz-later}
webhooks:
- name: networks.example.com
  admissionReviewVersions: [v1]
  clientConfig: {url: "https://%s/", caBundle: %s}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  objectSelector: {matchLabels: {networks: added-later}}
  sideEffects: None
  timeoutSeconds: 30
`, listener.Addr(), base64.StdEncoding.EncodeToString(bundle)), "create", "-f", "-")
	t.Cleanup(func() {
		if _, err := deploy.Kubectl(context.Background(), cluster.ControlPlane, "", "delete", "mutatingwebhookconfiguration", "zz-later"); err != nil {
			t.Error(err)
		}
	})
}

// Networks that another webhook adds after ours has looked get their pools too: the
// API server asks again.
func TestNetworksAddedLater(t *testing.T) {
	beside(t)
	twoVLANs(t)
	labelled := func(name, annotation string) string {
		return strings.Replace(podYAML(name, annotation), "metadata:\n", "metadata:\n  labels: {networks: added-later}\n", 1)
	}
	pools := func(name string) string {
		return mustKubectl(t, "", "get", "pod", name, "-o", `jsonpath={.metadata.annotations.ipam\.spidernet\.io/ippools}`)
	}
	t.Run("as Spiderpool injects them", func(t *testing.T) {
		adder(t, "default/bond0-100,default/bond0-200", "example.com/bond0-100", "example.com/bond0-200")
		wait.Until(t, "the other webhook is called", func() bool {
			result := kubectl(t, labelled("probe", "a: b"), "create", "--dry-run=server", "-o", "json", "-f", "-")
			return strings.Contains(result.Stdout+result.Stderr, "bond0-100")
		})
		mustKubectl(t, labelled("injected", "cni.spidernet.io/network-resource-inject: group-a"), "create", "-f", "-")
		if got := pools("injected"); got != twoPools {
			t.Errorf("pools %s", got)
		}
		mustKubectl(t, "", "delete", "--now", "pod", "injected")
	})
	t.Run("beside a default-network", func(t *testing.T) {
		adder(t, "default/further")
		wait.Until(t, "the other webhook is called", func() bool {
			result := kubectl(t, labelled("probe", "a: b"), "create", "--dry-run=server", "-o", "json", "-f", "-")
			return strings.Contains(result.Stdout+result.Stderr, "default/further")
		})
		mustKubectl(t, labelled("extended", "v1.multus-cni.io/default-network: default/first"), "create", "-f", "-")
		if got := pools("extended"); got != `[{"interface":"eth0","ipv4":["first-v4"]},{"interface":"net1","ipv4":["further-v4"]}]` {
			t.Errorf("pools %s", got)
		}
		mustKubectl(t, "", "delete", "--now", "pod", "extended")
	})
}

// A pool that was missing or disabled a moment ago is judged as it is now.
func TestRepairedPool(t *testing.T) {
	beside(t)
	twoVLANs(t)
	annotations := []string{"k8s.v1.cni.cncf.io/networks: bond0-100", ""}
	for i := range 20 {
		name := fmt.Sprintf("repaired-pool-%d", i)
		annotations[1] = `ipam.spidernet.io/ippool: '{"ipv4":["` + name + `"]}'`
		if result := kubectl(t, podYAML(name, annotations...), "create", "-f", "-"); !strings.Contains(result.Stderr, "[ippool-not-found]") {
			t.Fatalf("missing pool: %s", result.Stderr)
		}
		mustKubectl(t, spiderPool(name, ", disable: true"), "apply", "-f", "-")
		if result := kubectl(t, podYAML(name, annotations...), "create", "-f", "-"); !strings.Contains(result.Stderr, "[ippool-disabled]") {
			t.Fatalf("disabled pool: %s", result.Stderr)
		}
		mustKubectl(t, spiderPool(name, ", disable: false")+podYAML(name, annotations...), "apply", "-f", "-")
		mustKubectl(t, "", "delete", "--now", "pod/"+name, "spiderippool/"+name)
	}
}

// The webhook of a cluster without Spiderpool says nothing about pools, and follows
// them when Spiderpool is installed beside it.
func TestSpiderpoolInstalledLater(t *testing.T) {
	heavy(t)
	folder := t.TempDir()
	plain, err := controlplane.Start(t.Context(), controlplane.Options{Dir: folder})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Stop()
	if _, err := deploy.Kubectl(t.Context(), plain, "", "delete", "crd", "spiderippools.spiderpool.spidernet.io", "spidercoordinators.spiderpool.spidernet.io"); err != nil {
		t.Fatal(err)
	}
	address, err := deploy.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	if err := deploy.Base(t.Context(), plain, address); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := plain.KubeconfigForServiceAccount(t.Context(), deploy.Namespace, deploy.ServiceAccount)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(folder, "policy.yaml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	webhook, err := server.Start(t.Context(), deploy.ServerFlags(kubeconfig, address, config)...)
	if err != nil {
		t.Fatal(err)
	}
	defer webhook.Stop()
	if err := webhook.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	create := func() controlplane.Result {
		result, err := plain.Kubectl(t.Context(), podYAML("later", "k8s.v1.cni.cncf.io/networks: vlan", `ipam.spidernet.io/ippool: '{"ipv4":["vlan-v4"]}'`), "create", "--dry-run=server", "-f", "-")
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	if _, err := deploy.Kubectl(t.Context(), plain, spiderpoolNetwork("vlan", "overlay", ""), "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	if result := create(); result.ExitCode != 0 {
		t.Fatalf("without Spiderpool:\n%s", result.Stderr)
	}
	crds := filepath.Join(server.Root(), "test", "controlplane", "crds")
	if _, err := deploy.Kubectl(t.Context(), plain, "", "apply", "-f", filepath.Join(crds, "spider-ippool.yaml"), "-f", filepath.Join(crds, "spider-coordinator.yaml")); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the pool is missed", func() bool { return strings.Contains(create().Stderr, "[ippool-not-found]") })
	if _, err := deploy.Kubectl(t.Context(), plain, spiderPool("vlan-v4", ""), "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the pool is known", func() bool { return create().ExitCode == 0 })
	if log := webhook.Log(); strings.Contains(log, `"level":"ERROR"`) || strings.Count(log, `"level":"WARN"`) > 3 {
		t.Errorf("log:\n%s", log)
	}
}
