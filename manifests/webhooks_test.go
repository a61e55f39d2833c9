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
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applyv1 "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
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
// else. Of pods that are there already TestWhichChangesOfPodsAreSent tells.
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

// Workloads are sent when somebody writes one that asks for networks. Neither the
// controllers of Kubernetes nor the end of an object wait for the server.
func TestWhichWorkloadsAreSentToTheServer(t *testing.T) {
	apply(t, "base")
	r := newRecorder(t)
	redirect(t, r)
	validate := []string{"/validate"}
	expect := func(t *testing.T, want []string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		// A patch that meets a controller's update in between is tried again.
		if got := slices.Compact(r.asked()); !slices.Equal(got, want) {
			t.Errorf("asked %q, want %q", got, want)
		}
	}
	labels := map[string]string{"app": "sent"}
	template := func(annotations map[string]string) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: annotations},
			Spec:       corev1.PodSpec{RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{Name: "main", Image: "main"}}},
		}
	}
	once := template(map[string]string{networks: "a"})
	once.Spec.RestartPolicy = corev1.RestartPolicyNever
	asking := map[string]string{networks: "a"}
	owner := func(apiVersion, kind string) []metav1.OwnerReference {
		yes := true
		return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: "owner", UID: "1", Controller: &yes}}
	}
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	replicaSet := func(annotations map[string]string, owners []metav1.OwnerReference) error {
		_, err := client.AppsV1().ReplicaSets("default").Create(t.Context(), &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Name: "sent", OwnerReferences: owners},
			Spec:       appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template(annotations)},
		}, dry)
		return err
	}
	t.Run("without networks", func(t *testing.T) { expect(t, nil, replicaSet(nil, nil)) })
	t.Run("with networks", func(t *testing.T) { expect(t, validate, replicaSet(asking, nil)) })
	t.Run("with pools", func(t *testing.T) { expect(t, validate, replicaSet(map[string]string{ippools: "[]"}, nil)) })
	t.Run("of a Deployment", func(t *testing.T) { expect(t, nil, replicaSet(asking, owner("apps/v1", "Deployment"))) })
	t.Run("of somebody else's Deployment", func(t *testing.T) { expect(t, validate, replicaSet(asking, owner("example.com/v1", "Deployment"))) })
	t.Run("of something else", func(t *testing.T) { expect(t, validate, replicaSet(asking, owner("example.com/v1", "Rollout"))) })
	t.Run("in a CronJob", func(t *testing.T) {
		_, err := client.BatchV1().CronJobs("default").Create(t.Context(), &batchv1.CronJob{
			ObjectMeta: metav1.ObjectMeta{Name: "sent"},
			Spec:       batchv1.CronJobSpec{Schedule: "@yearly", JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: once}}},
		}, dry)
		expect(t, validate, err)
	})
	t.Run("in a ReplicationController without a template", func(t *testing.T) {
		_, err := client.CoreV1().ReplicationControllers("default").Create(t.Context(), &corev1.ReplicationController{
			ObjectMeta: metav1.ObjectMeta{Name: "sent"}, Spec: corev1.ReplicationControllerSpec{Selector: labels},
		}, dry)
		// The API server refuses it by itself, after admission.
		if err == nil {
			t.Error("a ReplicationController without a template was accepted")
		}
		expect(t, nil, nil)
	})

	deployments := client.AppsV1().Deployments("default")
	_, err := deployments.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "sent", Finalizers: []string{"example.com/kept"}},
		// No pods: they would be sent too, whenever their controller gets to it.
		Spec: appsv1.DeploymentSpec{Replicas: new(int32), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template(asking)},
	}, metav1.CreateOptions{})
	expect(t, validate, err)
	label := func(c kubernetes.Interface, value string) error {
		_, err := c.AppsV1().Deployments("default").Patch(t.Context(), "sent", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"`+value+`"}}}`), metav1.PatchOptions{})
		return err
	}
	t.Run("an update", func(t *testing.T) { expect(t, validate, label(client, "1")) })
	t.Run("an update by a controller", func(t *testing.T) {
		controller := cluster.Config()
		controller.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:kube-system:deployment-controller",
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:masters"}}
		c, err := kubernetes.NewForConfig(controller)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, nil, label(c, "2"))
	})
	t.Run("its status", func(t *testing.T) {
		_, err := deployments.Patch(t.Context(), "sent", types.MergePatchType, []byte(`{"status":{"observedGeneration":1}}`), metav1.PatchOptions{}, "status")
		expect(t, nil, err)
	})
	t.Run("its scale", func(t *testing.T) {
		_, err := deployments.Patch(t.Context(), "sent", types.MergePatchType, []byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{}, "scale")
		expect(t, validate, err)
	})
	t.Run("its end", func(t *testing.T) {
		expect(t, nil, deployments.Delete(t.Context(), "sent", metav1.DeleteOptions{}))
		_, err := deployments.Patch(t.Context(), "sent", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		expect(t, nil, err)
	})
}
