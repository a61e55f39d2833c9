package manifests

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applyv1 "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
)

const (
	networks = "k8s.v1.cni.cncf.io/networks"
	ippools  = "ipam.spidernet.io/ippools"
)

// recorder stands in for the server: it lets everything pass and remembers what
// it was asked.
type recorder struct {
	*httptest.Server
	mutex  sync.Mutex
	paths  []string
	broken bool
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.paths = append(r.paths, request.URL.Path)
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(request.Body).Decode(&review); err != nil || review.Request == nil || r.broken {
			http.Error(w, "broken", http.StatusInternalServerError)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) bundle() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
}

// asked returns the paths since it was last called, in the order of the calls.
func (r *recorder) asked() []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	paths := r.paths
	r.paths = nil
	return paths
}

func (r *recorder) setBroken(broken bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.broken = broken
}

// redirect makes the API server call the recorder where the configurations of
// the base name the Service, which leads nowhere without nodes.
func redirect(t *testing.T, r *recorder) {
	t.Helper()
	to := func(config *registrationv1.WebhookClientConfig) {
		url := r.URL + *config.Service.Path
		*config = registrationv1.WebhookClientConfig{URL: &url, CABundle: r.bundle()}
	}
	api := client.AdmissionregistrationV1()
	// Applying the base would otherwise name both a Service and an address.
	t.Cleanup(func() { deleteConfigurations(t) })
	validating, err := api.ValidatingWebhookConfigurations().Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range validating.Webhooks {
		to(&validating.Webhooks[i].ClientConfig)
	}
	if _, err := api.ValidatingWebhookConfigurations().Update(t.Context(), validating, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	mutating, err := api.MutatingWebhookConfigurations().Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range mutating.Webhooks {
		to(&mutating.Webhooks[i].ClientConfig)
	}
	if _, err := api.MutatingWebhookConfigurations().Update(t.Context(), mutating, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	// The API server learns of the change a little later, and of each
	// configuration apart.
	eventually(t, "the API server calls the recorder", func() bool {
		_, err := create(t, "default", map[string]string{networks: "a"}, true)
		return err == nil && slices.Equal(r.asked(), []string{"/mutate", "/validate"})
	})
}

func deleteConfigurations(t *testing.T) {
	api := client.AdmissionregistrationV1()
	// The test's own context has ended when it cleans up.
	ctx := context.Background()
	if err := api.ValidatingWebhookConfigurations().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
	if err := api.MutatingWebhookConfigurations().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// create makes a pod that the strictest namespace admits.
func create(t *testing.T, namespace string, annotations map[string]string, dryRun bool) (*corev1.Pod, error) {
	t.Helper()
	yes, no := true, false
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "pod-", Annotations: annotations},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   &yes,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "main", Image: "main",
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no,
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
	var options metav1.CreateOptions
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	return client.CoreV1().Pods(namespace).Create(t.Context(), pod, options)
}

// The rest of the cluster does not depend on the server: it is asked about pods
// that ask for networks or name pools, when they are created, and about nothing
// else.
func TestWhoIsSentToTheServer(t *testing.T) {
	apply(t, "base")
	r := newRecorder(t)
	redirect(t, r)

	both, validate := []string{"/mutate", "/validate"}, []string{"/validate"}
	tests := []struct {
		name        string
		namespace   string
		annotations map[string]string
		want        []string
	}{
		{"no annotations", "default", nil, nil},
		{"other annotations", "default", map[string]string{"example.com/networks": "a"}, nil},
		{"pools alone", "default", map[string]string{ippools: "[]"}, validate},
		{"routes alone", "default", map[string]string{"ipam.spidernet.io/routes": "[]"}, validate},
		{"networks that Spiderpool will write", "default", map[string]string{"cni.spidernet.io/rdma-resource-inject": "a"}, []string{"/mutate"}},
		{"networks that Spiderpool will write, by the other key", "default", map[string]string{"cni.spidernet.io/network-resource-inject": "a"}, []string{"/mutate"}},
		{"networks", "default", map[string]string{networks: "a"}, both},
		{"no networks in the annotation", "default", map[string]string{networks: ""}, both},
		{"default network", "default", map[string]string{"v1.multus-cni.io/default-network": "a"}, both},
		{"networks and pool", "default", map[string]string{networks: "a", "ipam.spidernet.io/ippool": "{}"}, validate},
		{"networks and pools", "default", map[string]string{networks: "a", ippools: "[]"}, validate},
		{"networks and subnet", "default", map[string]string{networks: "a", "ipam.spidernet.io/subnet": "{}"}, validate},
		{"networks and subnets", "default", map[string]string{networks: "a", "ipam.spidernet.io/subnets": "[]"}, validate},
		{"networks and routes", "default", map[string]string{networks: "a", "ipam.spidernet.io/routes": "[]"}, both},
		{"networks in kube-system", "kube-system", map[string]string{networks: "a"}, nil},
		{"networks in the server's namespace", name, map[string]string{networks: "a"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := create(t, tt.namespace, tt.annotations, true); err != nil {
				t.Fatal(err)
			}
			if got := r.asked(); !slices.Equal(got, tt.want) {
				t.Errorf("asked %q, want %q", got, tt.want)
			}
		})
	}

	t.Run("changes", func(t *testing.T) {
		pod, err := create(t, "default", nil, false)
		if err != nil {
			t.Fatal(err)
		}
		pods := client.CoreV1().Pods("default")
		pod.Annotations = map[string]string{networks: "a"}
		if pod, err = pods.Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		pod.Status.Phase = corev1.PodRunning
		if _, err := pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		now := int64(0)
		if err := pods.Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
			t.Fatal(err)
		}
		if got := r.asked(); got != nil {
			t.Errorf("asked %q, want nothing", got)
		}
	})

	t.Run("the server is broken", func(t *testing.T) {
		r.setBroken(true)
		if _, err := create(t, "default", nil, true); err != nil {
			t.Errorf("a pod without networks: %v", err)
		}
		for annotation, webhook := range map[string]string{"example.com/a": "default-pools.macvlan-webhook.io", ippools: "pods.macvlan-webhook.io"} {
			_, err := create(t, "default", map[string]string{networks: "a", annotation: "[]"}, true)
			if err == nil || !strings.Contains(err.Error(), `failed calling webhook "`+webhook+`"`) {
				t.Errorf("a pod with networks: error %v, want that %s failed", err, webhook)
			}
		}
	})
}

// What the server wrote survives a second apply of either kind. Otherwise each
// apply would keep pods from being created until the server notices.
func TestApplyKeepsCABundle(t *testing.T) {
	apply(t, "base")
	bundle := newRecorder(t).bundle()
	_, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Apply(t.Context(),
		applyv1.ValidatingWebhookConfiguration(name).WithWebhooks(applyv1.ValidatingWebhook().WithName("pods.macvlan-webhook.io").
			WithClientConfig(applyv1.WebhookClientConfig().WithCABundle(bundle...))),
		metav1.ApplyOptions{FieldManager: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"--server-side", "--force-conflicts"}} {
		apply(t, "base", flags...)
		got, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Webhooks[0].ClientConfig.CABundle, bundle) {
			t.Errorf("kubectl apply %s: caBundle = %q, want %q", strings.Join(flags, " "), got.Webhooks[0].ClientConfig.CABundle, bundle)
		}
	}
}
