package manifests

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/policy/links"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// nodeFacts is the component as it is used, and without what it is added to.
const (
	withNodeFacts    = "testdata/installer-node-facts"
	withoutNodeFacts = "testdata/installer-dhcp"
)

func daemonSet(t *testing.T, folder string) (set *appsv1.DaemonSet, others []string) {
	t.Helper()
	_, objects := rendered(t, folder)
	for _, object := range objects {
		if o, ok := object.(*appsv1.DaemonSet); ok {
			set = o
			continue
		}
		text, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, fmt.Sprintf("%s %s", object.GetObjectKind().GroupVersionKind().Kind, text["metadata"].(map[string]any)["name"]))
	}
	if set == nil {
		t.Fatalf("%s has no DaemonSet", folder)
	}
	return set, others
}

// The component adds what the installer's own container needs to publish, and
// nothing else. Without it nothing of that is there.
func TestNodeFactsAdds(t *testing.T) {
	want, before := daemonSet(t, withoutNodeFacts)
	got, after := daemonSet(t, withNodeFacts)
	added := slices.DeleteFunc(after, func(o string) bool { return slices.Contains(before, o) })
	slices.Sort(added)
	if diff := cmp.Diff([]string{
		"ClusterRole macvlan-installer-node-facts",
		"ClusterRoleBinding macvlan-installer-node-facts",
		"ValidatingAdmissionPolicy macvlan-installer-node-facts",
		"ValidatingAdmissionPolicyBinding macvlan-installer-node-facts",
	}, added); diff != "" {
		t.Errorf("objects that the component adds (-want +got):\n%s", diff)
	}

	const folder = "/var/run/secrets/kubernetes.io/serviceaccount"
	seconds := int64(3600)
	pod := &want.Spec.Template.Spec
	installer := &pod.Containers[0]
	installer.Args = append(installer.Args, "--publish-links")
	installer.Env = append(installer.Env, corev1.EnvVar{Name: "NODE_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}})
	installer.VolumeMounts = append(installer.VolumeMounts, corev1.VolumeMount{Name: "service-account", MountPath: folder, ReadOnly: true})
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: "service-account", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &seconds}},
		{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
			Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
		}},
	}}}})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the DaemonSet (-want +got):\n%s", diff)
	}
	if out, err := exec.Command(server.Binary("macvlan-installer"), append(installer.Args, "--help")...).CombinedOutput(); err != nil || !strings.Contains(string(out), folder) {
		t.Errorf("macvlan-installer %q (`make build` builds it): %v: it does not look for a token in %s:\n%s", installer.Args, err, folder, out)
	}
}

// account is the installer's ServiceAccount.
const account = "macvlan-installer"

// tokenOf returns a client with a token of an account in the installer's
// namespace, bound to a pod if there is one.
func tokenOf(t *testing.T, name string, pod *corev1.Pod) *kubernetes.Clientset {
	t.Helper()
	request := &authenticationv1.TokenRequest{}
	if pod != nil {
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}
	}
	token, err := client.CoreV1().ServiceAccounts(installerNamespace).CreateToken(t.Context(), name, request, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(cluster.Config())
	config.BearerToken = token.Status.Token
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// installerOn makes a Node, and returns a client with the token that the
// installer's pod has there.
func installerOn(t *testing.T, node string) *kubernetes.Clientset {
	t.Helper()
	_, err := client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: node, Labels: map[string]string{"example.com/rack": "5"}, Annotations: map[string]string{"example.com/owner": "somebody"},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod, err := client.CoreV1().Pods(installerNamespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: account + "-"},
		Spec: corev1.PodSpec{
			NodeName: node, ServiceAccountName: account, Containers: []corev1.Container{{Name: "installer", Image: "x"}},
			// Nothing says here that the node works.
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context has ended.
		ctx, now := context.Background(), int64(0)
		if err := client.CoreV1().Pods(installerNamespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
			t.Error(err)
		}
		if err := client.CoreV1().Nodes().Delete(ctx, node, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return tokenOf(t, account, pod)
}

func patchNode(t *testing.T, c *kubernetes.Clientset, node, patch string, subresources ...string) error {
	t.Helper()
	_, err := c.CoreV1().Nodes().Patch(t.Context(), node, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresources...)
	return err
}

func annotationPatch(t *testing.T, value string) string {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{links.Annotation: value}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(patch)
}

// refused tests that the policy, and not RBAC, says no, and why.
func refused(t *testing.T, what string, err error, message string) {
	t.Helper()
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'macvlan-installer-node-facts'") || !strings.Contains(err.Error(), message) {
		t.Errorf("%s: %v, want a refusal by the policy: %q", what, err, message)
	}
}

// applyNodeFacts applies the component and waits until it has effect.
func applyNodeFacts(t *testing.T) {
	t.Helper()
	apply(t, withNodeFacts)
	node, err := client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "node-facts-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Nodes().Delete(context.Background(), node.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	unbound := tokenOf(t, account, nil)
	wait.Until(t, "the policy has effect", func() bool {
		// RBAC refuses it before it knows the role, in other words.
		err := patchNode(t, unbound, node.Name, annotationPatch(t, "{}"))
		return err != nil && strings.Contains(err.Error(), "ValidatingAdmissionPolicy")
	})
}

// What RBAC permits: less would not do, and more is not needed.
func TestNodeFactsPermissions(t *testing.T) {
	applyNodeFacts(t)
	tests := []struct {
		verbs, resource, subresource string
		allowed                      bool
	}{
		{"get patch", "nodes", "", true},
		{"list watch create update delete deletecollection", "nodes", "", false},
		{"get patch update", "nodes", "status", false},
		{"get create", "nodes", "proxy", false},
		{"get list watch create patch", "pods", "", false},
		{"get list watch", "secrets", "", false},
		{"create", "serviceaccounts", "token", false},
	}
	for _, tt := range tests {
		for _, verb := range strings.Fields(tt.verbs) {
			review, err := client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{
				Spec: authorizationv1.SubjectAccessReviewSpec{
					User:               "system:serviceaccount:" + installerNamespace + ":" + account,
					ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Resource: tt.resource, Subresource: tt.subresource, Name: "node-a"},
				},
			}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if review.Status.Allowed != tt.allowed {
				t.Errorf("%s %s/%s: allowed = %t, want %t", verb, tt.resource, tt.subresource, review.Status.Allowed, tt.allowed)
			}
		}
	}
}

// A pod's token changes one annotation of its own Node, and nothing else of any,
// even where RBAC permits everything.
func TestNodeFactsPolicy(t *testing.T) {
	applyNodeFacts(t)
	const own, other = "node-a", "node-b"
	a, b := installerOn(t, own), installerOn(t, other)
	unbound := tokenOf(t, account, nil)
	value := links.Render([]links.Link{{Name: "eth0", Kind: links.Physical, MTU: 1500, Up: true}})

	// Both ways to write, and one that changes nothing.
	for _, v := range []string{"{}", value, value} {
		if err := patchNode(t, a, own, annotationPatch(t, v)); err != nil {
			t.Errorf("its own annotation: %v", err)
		}
	}
	if err := patchNode(t, b, other, annotationPatch(t, value)); err != nil {
		t.Errorf("the annotation on the other node, by the pod there: %v", err)
	}
	if err := patchNode(t, a, own, annotationPatch(t, strings.Repeat("x", links.MaxBytes))); err != nil {
		t.Errorf("the longest value: %v", err)
	}

	judge := func(t *testing.T) {
		const (
			elsewhere  = "no Node but the one that its pod is on"
			annotation = "no annotation but macvlan-webhook.io/links"
			rest       = "nothing of a Node but the annotation"
		)
		refused(t, "the annotation of another Node", patchNode(t, a, other, annotationPatch(t, "{}")), elsewhere)
		refused(t, "with a token of no pod", patchNode(t, unbound, own, annotationPatch(t, "{}")), elsewhere)
		refused(t, "a value that is too long", patchNode(t, a, own, annotationPatch(t, strings.Repeat("x", links.MaxBytes+1))), "more than 65536 characters")
		for patch, message := range map[string]string{
			`{"metadata":{"annotations":{"macvlan-webhook.io/links":null}}}`:                                                          annotation,
			`{"metadata":{"annotations":null}}`:                                                                                       annotation,
			`{"metadata":{"annotations":{"example.com/new":"x"}}}`:                                                                    annotation,
			`{"metadata":{"annotations":{"macvlan-webhook.io/links":"{}","example.com/new":"x"}}}`:                                    annotation,
			`{"metadata":{"annotations":{"example.com/owner":"me"}}}`:                                                                 annotation,
			`{"metadata":{"annotations":{"example.com/owner":null}}}`:                                                                 annotation,
			`{"metadata":{"labels":{"example.com/new":"x"}}}`:                                                                         rest,
			`{"metadata":{"labels":{"example.com/rack":"6"}}}`:                                                                        rest,
			`{"metadata":{"labels":{"example.com/rack":null}}}`:                                                                       rest,
			`{"metadata":{"labels":null}}`:                                                                                            rest,
			`{"metadata":{"finalizers":["example.com/x"]}}`:                                                                           rest,
			`{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"x","uid":"x"}]}}`:                               rest,
			`{"spec":{"taints":[{"key":"example.com/x","effect":"NoExecute"}]}}`:                                                      rest,
			`{"spec":{"unschedulable":true}}`:                                                                                         rest,
			`{"spec":{"podCIDR":"10.0.0.0/24","podCIDRs":["10.0.0.0/24"]}}`:                                                           rest,
			`{"metadata":{"annotations":{"macvlan-webhook.io/links":"{}"}},"spec":{"taints":[{"key":"x","effect":"NoSchedule"}]}}`:    rest,
			`{"metadata":{"annotations":{"macvlan-webhook.io/links":"{}"},"labels":{"node-role.kubernetes.io/control-plane":"yes"}}}`: rest,
		} {
			refused(t, patch, patchNode(t, a, own, patch), message)
		}
	}
	t.Run("with its role", judge)

	if err := patchNode(t, a, own, `{"status":{"nodeInfo":{"machineID":"mine"}}}`); err != nil {
		t.Errorf("the status by the Node's own address, which the API server passes over: %v", err)
	}
	node, err := client.CoreV1().Nodes().Get(t.Context(), own, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if node.Status.NodeInfo.MachineID != "" {
		t.Error("the installer has changed the status of its Node")
	}

	// Others are permitted what they were.
	_, err = client.CoreV1().ServiceAccounts(installerNamespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "other"}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	binding, err := client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "node-facts-test-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{
			{Kind: rbacv1.ServiceAccountKind, Namespace: installerNamespace, Name: account},
			{Kind: rbacv1.ServiceAccountKind, Namespace: installerNamespace, Name: "other"},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.RbacV1().ClusterRoleBindings().Delete(context.Background(), binding.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	neighbour := tokenOf(t, "other", nil)
	wait.Until(t, "the permissions have effect", func() bool {
		_, first := a.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		_, second := neighbour.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		return first == nil && second == nil
	})
	for who, c := range map[string]*kubernetes.Clientset{"the administrator": client, "another account": neighbour} {
		for _, patch := range []string{
			`{"metadata":{"labels":{"example.com/new":"x"},"annotations":{"macvlan-webhook.io/links":null},"finalizers":["example.com/x"]},"spec":{"unschedulable":true}}`,
			`{"metadata":{"labels":{"example.com/new":null},"annotations":{"macvlan-webhook.io/links":"{}"},"finalizers":null},"spec":{"unschedulable":null}}`,
		} {
			if err := patchNode(t, c, own, patch); err != nil {
				t.Errorf("%s: %v", who, err)
			}
		}
		if err := patchNode(t, c, own, `{"status":{"nodeInfo":{"machineID":""}}}`, "status"); err != nil {
			t.Errorf("%s: the status: %v", who, err)
		}
	}

	t.Run("with every permission", func(t *testing.T) {
		judge(t)
		const nothingElse = "and do nothing else with them"
		ctx, nodes := t.Context(), a.CoreV1().Nodes()
		refused(t, "the status", patchNode(t, a, own, `{"status":{"nodeInfo":{"machineID":"mine"}}}`, "status"), nothingElse)
		refused(t, "delete its Node", nodes.Delete(ctx, own, metav1.DeleteOptions{}), nothingElse)
		refused(t, "delete another Node", nodes.Delete(ctx, other, metav1.DeleteOptions{}), nothingElse)
		refused(t, "delete all", nodes.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "example.com/rack"}), nothingElse)
		_, err := nodes.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-c"}}, metav1.CreateOptions{})
		refused(t, "create a Node", err, nothingElse)
		// Of an answer to a proxied request the client reads no more than the status.
		// There is no kubelet, which is what others are told.
		for c, forbidden := range map[*kubernetes.Clientset]bool{a: true, neighbour: false} {
			_, err = c.CoreV1().RESTClient().Get().Resource("nodes").Name(own).SubResource("proxy").DoRaw(ctx)
			if err == nil || apierrors.IsForbidden(err) != forbidden {
				t.Errorf("what the kubelet serves: %v, forbidden should be %t", err, forbidden)
			}
		}
		node, err := nodes.Get(ctx, own, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		node.Spec.Unschedulable = true
		_, err = nodes.Update(ctx, node, metav1.UpdateOptions{})
		refused(t, "an update instead of a patch", err, "nothing of a Node but the annotation")
		if err := patchNode(t, a, own, annotationPatch(t, value)); err != nil {
			t.Errorf("its own annotation: %v", err)
		}
	})
}
