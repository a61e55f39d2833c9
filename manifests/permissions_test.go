package manifests

import (
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The server's ServiceAccount may do what the server does, and nothing that
// would help somebody who has taken it over.
func TestPermissions(t *testing.T) {
	apply(t, "base")
	const (
		networks     = "network-attachment-definitions.k8s.cni.cncf.io"
		registration = "admissionregistration.k8s.io"
		validating   = "validatingwebhookconfigurations." + registration
		mutating     = "mutatingwebhookconfigurations." + registration
		ca           = "macvlan-webhook-ca"
	)
	tests := []struct {
		verbs                     string
		resource, namespace, name string
		allowed                   bool
	}{
		{"get list watch", networks, "", "", true},
		{"get list watch", networks, "team-a", "", true},
		{"create update patch delete", networks, "team-a", "", false},
		{"get list watch", "spidercoordinators.spiderpool.spidernet.io", "", "", true},
		{"create update patch delete", "spidercoordinators.spiderpool.spidernet.io", "", "", false},
		{"get list watch", "spiderippools.spiderpool.spidernet.io", "", "", true},
		{"create update patch delete deletecollection", "spiderippools.spiderpool.spidernet.io", "", "", false},
		{"get update patch", "spiderippools/status.spiderpool.spidernet.io", "", "", false},
		{"get list watch", "namespaces", "", "", true},
		{"get", "namespaces", "team-a", "team-a", true},
		{"create update patch delete deletecollection", "namespaces", "", "", false},
		{"get list watch patch", validating, "", name, true},
		{"get list watch patch", mutating, "", name, true},
		{"create update delete", validating, "", name, false},
		{"create update delete", mutating, "", name, false},
		{"get list watch patch", validating, "", "other", false},
		{"get list watch patch", mutating, "", "other", false},
		{"list watch", validating, "", "", false},
		{"get list watch update", "secrets", name, ca, true},
		{"create", "secrets", name, "", true},
		{"patch delete", "secrets", name, ca, false},
		{"get list watch update", "secrets", name, "other", false},
		{"list watch", "secrets", name, "", false},
		{"get list watch update", "secrets", "kube-system", ca, false},
		{"create", "secrets", "kube-system", "", false},
		{"get list watch", "deployments.apps", "team-a", "web", true},
		{"get list watch", "statefulsets.apps", "team-a", "db", true},
		{"get list watch", "daemonsets.apps", "team-a", "agent", true},
		{"get list watch", "replicasets.apps", "team-a", "web-1", true},
		{"get list watch", "replicationcontrollers", "team-a", "web", true},
		{"get list watch", "jobs.batch", "team-a", "once", true},
		{"get list watch", "cronjobs.batch", "team-a", "nightly", true},
		{"create update patch delete deletecollection", "deployments.apps", "team-a", "", false},
		{"create update patch delete deletecollection", "jobs.batch", "team-a", "", false},
		{"get list watch", "macvlansubnets.macvlan.cluster.cattle.io", "kube-system", "", true},
		{"get list watch", "macvlanips.macvlan.cluster.cattle.io", "", "", true},
		{"get list watch", "flatnetworksubnets.flatnetwork.pandaria.io", "cattle-flat-network", "", true},
		{"get list watch", "flatnetworkips.flatnetwork.pandaria.io", "", "", true},
		{"create update patch delete deletecollection", "macvlanips.macvlan.cluster.cattle.io", "team-a", "", false},
		{"create update patch delete deletecollection", "flatnetworksubnets.flatnetwork.pandaria.io", "cattle-flat-network", "", false},
		{"get list", "pods", "", "", true},
		{"watch create update patch delete deletecollection", "pods", "", "", false},
		{"get create", "pods/exec", "", "", false},
		{"get", "pods/log", "", "", false},
		{"get list watch create update patch delete", "nodes", "", "", false},
		{"get list watch", "configmaps", name, "", false},
		{"update", "namespaces/finalize", "", "", false},
		{"get create update patch", "clusterroles.rbac.authorization.k8s.io", "", name, false},
	}
	for _, tt := range tests {
		for _, verb := range strings.Fields(tt.verbs) {
			resource, group, _ := strings.Cut(tt.resource, ".")
			review, err := client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{
				Spec: authorizationv1.SubjectAccessReviewSpec{
					User: "system:serviceaccount:" + name + ":" + name,
					ResourceAttributes: &authorizationv1.ResourceAttributes{
						Verb: verb, Group: group, Resource: resource, Namespace: tt.namespace, Name: tt.name,
					},
				},
			}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if review.Status.Allowed != tt.allowed {
				t.Errorf("%s %s %s/%s: allowed = %t, want %t", verb, tt.resource, tt.namespace, tt.name, review.Status.Allowed, tt.allowed)
			}
		}
	}
}
