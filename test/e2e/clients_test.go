package e2e

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// What docs/operating.md says to give an API server so that it shows a client certificate:
// the file of --admission-control-config-file, and the kubeconfig that it names.
const (
	admissionConfiguration = `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: MutatingAdmissionWebhook
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: WebhookAdmissionConfiguration
    kubeConfigFile: %[1]q
- name: ValidatingAdmissionWebhook
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: WebhookAdmissionConfiguration
    kubeConfigFile: %[1]q
`
	webhookKubeconfig = `apiVersion: v1
kind: Config
users:
- name: %q
  user:
    client-certificate: %q
    client-key: %q
`
)

// An API server that has a client certificate is let in, others are not, and the server
// goes on seeing for itself that it is well.
func TestClientCertificates(t *testing.T) {
	heavy(t)
	folder := t.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	ours, err := server.NewClientAuthority()
	if err != nil {
		t.Fatal(err)
	}
	others, err := server.NewClientAuthority()
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := ours.Sign("kube-apiserver-webhooks", "", "")
	if err != nil {
		t.Fatal(err)
	}
	address, err := deploy.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	write(t, file("ca.pem"), ours.Bundle())
	write(t, file("client.crt"), certificate)
	write(t, file("client.key"), key)
	// With the Service, the name is macvlan-webhook.macvlan-webhook.svc.
	write(t, file("kubeconfig"), fmt.Appendf(nil, webhookKubeconfig, address, file("client.crt"), file("client.key")))
	write(t, file("admission.yaml"), fmt.Appendf(nil, admissionConfiguration, file("kubeconfig")))
	write(t, file("policy.yaml"), nil)

	c, err := controlplane.Start(t.Context(), controlplane.Options{APIServerArgs: map[string][]string{"admission-control-config-file": {file("admission.yaml")}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := deploy.Base(t.Context(), c, address); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := c.KubeconfigForServiceAccount(t.Context(), deploy.Namespace, deploy.ServiceAccount)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(t.Context(), append(deploy.ServerFlags(kubeconfig, address, file("policy.yaml")), "--client-ca-file="+file("ca.pem"), "--client-name=kube-apiserver-webhooks")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	if err := s.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	create := func() string {
		t.Helper()
		result, err := c.Kubectl(t.Context(), `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","annotations":{"k8s.v1.cni.cncf.io/networks":"a@lo"}},"spec":{"containers":[{"name":"c","image":"i"}]}}`,
			"create", "--dry-run=server", "-f", "-")
		if err != nil {
			t.Fatal(err)
		}
		return result.Stderr
	}
	if answer := create(); !strings.Contains(answer, "interface-name-conflict") {
		t.Errorf("the API server is answered with %s", answer)
	}

	// Whoever reaches the port.
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	if status, text, err := post(stranger, "https://"+address+"/validate", "application/json", strings.NewReader(podReview("u", ""))); err == nil {
		t.Errorf("a client without a certificate is answered with %d %s", status, text)
	}

	// The file is followed: from the next connection on, the API server has the wrong
	// certificate. Garbage changes nothing.
	write(t, file("ca.pem"), []byte("garbage"))
	wait.Until(t, "the garbage is seen", func() bool {
		_, report, err := s.Probe(t.Context(), "/readyz?verbose")
		return err == nil && strings.Contains(report, "[-]client-ca: no PEM certificate found; the last valid client CA bundle is still in use")
	})
	if status, report, err := s.Probe(t.Context(), "/readyz"); err != nil || status != http.StatusOK {
		t.Errorf("readiness: %d %s %v", status, report, err)
	}
	if answer := create(); !strings.Contains(answer, "interface-name-conflict") {
		t.Errorf("after garbage, the API server is answered with %s", answer)
	}
	write(t, file("ca.pem"), others.Bundle())
	wait.Until(t, "the change is in use", func() bool { return strings.Contains(s.Log(), "client CA bundle reloaded") })
	certificate, key, err = others.Sign("somebody", "", "")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	stranger.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{pair}
	if status, text, err := post(stranger, "https://"+address+"/validate", "application/json", strings.NewReader(podReview("u", ""))); err != nil || status != http.StatusForbidden {
		t.Errorf("a client with another name is answered with %d %s %v", status, text, err)
	}
	if status, text, err := s.Probe(t.Context(), "/metrics"); err != nil || status != http.StatusOK || !strings.Contains(text, "\nmacvlan_webhook_refused_clients_total 1\n") {
		t.Errorf("metrics: %d %v", status, err)
	}
	if status, report, err := s.Probe(t.Context(), "/readyz"); err != nil || status != http.StatusOK {
		t.Errorf("readiness: %d %s %v", status, report, err)
	}
}
