package manifests

import (
	"context"
	"encoding/json"
	"os/exec"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/document"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// serverArgs are the arguments of the server in a folder. Kinds of others, such as
// cert-manager's, need not be known for that.
func serverArgs(t *testing.T, folder string) []string {
	t.Helper()
	result, err := cluster.Kubectl(t.Context(), "", "kustomize", folder)
	if err != nil || result.ExitCode != 0 {
		t.Fatalf("kubectl kustomize %s: %v: %s", folder, err, result.Stderr)
	}
	documents, err := document.Parse([]byte(result.Stdout))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents {
		var deployment appsv1.Deployment
		if err := json.Unmarshal(d.JSON, &deployment.TypeMeta); err != nil {
			t.Fatal(err)
		}
		if deployment.Kind != "Deployment" {
			continue
		}
		if err := json.Unmarshal(d.JSON, &deployment); err != nil {
			t.Fatal(err)
		}
		return deployment.Spec.Template.Spec.Containers[0].Args
	}
	t.Fatalf("%s has no Deployment", folder)
	return nil
}

// mayOnNodes says whether the server's ServiceAccount may do something with Nodes.
func mayOnNodes(ctx context.Context, t *testing.T, verb, subresource string) bool {
	t.Helper()
	review, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               "system:serviceaccount:" + name + ":" + name,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Resource: "nodes", Subresource: subresource},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

// With the component the server is told to follow Nodes, and may; nothing else changes.
func TestNodeFactsOfTheServer(t *testing.T) {
	for with, without := range map[string]string{"testdata/node-facts": "base", "testdata/node-facts-cert-manager": "overlays/cert-manager"} {
		want, got := serverArgs(t, without), serverArgs(t, with)
		if diff := cmp.Diff(append(want, "--node-facts"), got); diff != "" {
			t.Errorf("%s: arguments (-want +got):\n%s", with, diff)
		}
		if out, err := exec.Command(server.Binary("macvlan-webhook"), append(got, "--help")...).CombinedOutput(); err != nil {
			t.Errorf("macvlan-webhook %q (`make build` builds it): %v:\n%s", got, err, out)
		}
	}

	apply(t, "testdata/node-facts")
	t.Cleanup(func() {
		ctx := context.Background() // the test's own has ended
		result, err := cluster.Kubectl(ctx, "", "delete", "clusterrole,clusterrolebinding", "macvlan-webhook-node-facts")
		if err != nil || result.ExitCode != 0 {
			t.Errorf("delete the role: %v: %s", err, result.Stderr)
		}
		// Another test relies on it.
		wait.Until(t, "the permission is gone", func() bool { return !mayOnNodes(ctx, t, "list", "") })
	})
	wait.Until(t, "the permission is there", func() bool { return mayOnNodes(t.Context(), t, "list", "") && mayOnNodes(t.Context(), t, "watch", "") })
	for _, verb := range []string{"get", "create", "update", "patch", "delete", "deletecollection"} {
		if mayOnNodes(t.Context(), t, verb, "") {
			t.Errorf("the server may %s Nodes", verb)
		}
	}
	for _, subresource := range []string{"status", "proxy"} {
		for _, verb := range []string{"get", "update", "patch"} {
			if mayOnNodes(t.Context(), t, verb, subresource) {
				t.Errorf("the server may %s nodes/%s", verb, subresource)
			}
		}
	}
}
