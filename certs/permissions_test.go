package certs

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedrbacv1 "k8s.io/client-go/kubernetes/typed/rbac/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// TestPermissions runs a replica with no more rights than the package
// documentation asks for, on each path that needs one of them.
func TestPermissions(t *testing.T) {
	for name, prepare := range map[string]func(*cluster){
		"absent":      func(*cluster) {},
		"placeholder": func(c *cluster) { c.createSecret(corev1.SecretTypeOpaque, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			prepare(c)
			c.createConfigurations()
			s := c.replicaAs(c.restricted(watching))
			c.reconcile(s)
			c.reconcile(s)
			c.checkBundles(s.Bundle())
		})
	}
}

// restricted returns the credentials of a user who has the rights of older versions, and
// more of the same objects.
func (c *cluster) restricted(more []string) *rest.Config {
	c.t.Helper()
	user, err := controlPlane.AddUser(envtest.User{Name: c.namespace}, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	roles, err := typedrbacv1.NewForConfig(controlPlane.Config)
	if err != nil {
		c.t.Fatal(err)
	}
	meta := metav1.ObjectMeta{Name: c.namespace}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: c.namespace}}
	_, err = roles.Roles(c.namespace).Create(c.t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"ca"}, Verbs: append([]string{"get", "update"}, more...)},
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}},
	}}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = roles.RoleBindings(c.namespace).Create(c.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: c.namespace},
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = roles.ClusterRoles().Create(c.t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"admissionregistration.k8s.io"}, Resources: kinds, ResourceNames: []string{c.namespace}, Verbs: append([]string{"get", "patch"}, more...)},
	}}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = roles.ClusterRoleBindings().Create(c.t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: c.namespace},
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	return user.Config()
}
