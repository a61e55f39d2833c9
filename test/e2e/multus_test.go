package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// A server in a cluster without Multus, Spiderpool and flat network is ready, says so in two
// lines of its log, and follows what is installed later.
func TestClusterWithoutMultus(t *testing.T) {
	heavy(t)
	bare, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Stop()
	kubectl := func(stdin string, args ...string) string {
		t.Helper()
		out, err := deploy.Kubectl(t.Context(), bare, stdin, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	const crd = "network-attachment-definitions.k8s.cni.cncf.io"
	definition := kubectl("", "get", "crd", crd, "-o", "yaml")
	kubectl("", "delete", "crd", "--all", "--wait")

	client, flags, err := server.Certificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	webhook, err := server.Start(t.Context(), append(flags, "--kubeconfig="+bare.Kubeconfig(), "--drain=0s", "--decision-timeout=30s")...)
	if err != nil {
		t.Fatal(err)
	}
	defer webhook.Stop()
	if err := webhook.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask := func() *admissionv1.AdmissionResponse {
		t.Helper()
		response, err := client.Post("https://"+webhook.Address+"/validate?timeout=30s", "application/json", strings.NewReader(
			`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"group":"","version":"v1","kind":"Pod"},`+
				`"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"default","operation":"CREATE","userInfo":{"username":"jane"},`+
				`"object":{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":"lan"}}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var answer admissionv1.AdmissionReview
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer.Response
	}
	conditions := func() string {
		t.Helper()
		status, text, err := webhook.Probe(t.Context(), "/readyz?verbose")
		if err != nil || status != http.StatusOK {
			t.Fatalf("readyz: %d %v\n%s", status, err, text)
		}
		return text
	}

	if text := conditions(); !strings.Contains(text, "[-]multus: Multus is not installed here: the cluster has no NetworkAttachmentDefinitions ("+crd+")") {
		t.Errorf("readyz says\n%s", text)
	}
	if r := ask(); r.Allowed || r.Result.Code != http.StatusForbidden || !strings.Contains(r.Result.Message, "Multus is not installed here") {
		t.Errorf("without Multus: %+v", r)
	}
	wait.Until(t, "what is absent in the log", func() bool { return strings.Contains(webhook.Log(), "does not have some of the kinds") })
	absent, multus := 0, 0
	for line := range bytes.Lines([]byte(webhook.Log())) {
		switch {
		case bytes.Contains(line, []byte("does not have some of the kinds")):
			absent++
			for _, resource := range []string{crd, "spiderippools.spiderpool.spidernet.io", "macvlansubnets.macvlan.cluster.cattle.io"} {
				if !bytes.Contains(line, []byte(`"`+resource+`"`)) {
					t.Errorf("the line lacks %s: %s", resource, line)
				}
			}
		case bytes.Contains(line, []byte("Multus is not installed here: ")) && bytes.Contains(line, []byte(`"WARN"`)):
			multus++
		}
	}
	if absent != 1 || multus != 1 || strings.Count(webhook.Log(), `"WARN"`) != 1 {
		t.Errorf("%d lines of absent kinds, %d of Multus in\n%s", absent, multus, webhook.Log())
	}

	kubectl(definition, "create", "-f", "-")
	wait.Until(t, "Multus", func() bool { return strings.Contains(conditions(), "[+]multus ok") })
	if !strings.Contains(webhook.Log(), `"msg":"the resource exists now, and is followed","resource":"`+crd+`"`) {
		t.Errorf("the log does not say that Multus is there:\n%s", webhook.Log())
	}
	kubectl("apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: lan, namespace: default}\nspec: {config: '{\"cniVersion\":\"0.3.1\",\"type\":\"macvlan\",\"master\":\"eth0\"}'}\n", "create", "-f", "-")
	if r := ask(); !r.Allowed {
		t.Errorf("with Multus and the network: %+v", r.Result)
	}
}
