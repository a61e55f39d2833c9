package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Kubeconfig returns the path of the administrator's kubeconfig file.
func (c *ControlPlane) Kubeconfig() string { return c.kubeconfig }

// KubeconfigFor writes a kubeconfig file for a user in these groups, who proves
// who they are with a client certificate, and returns its path. RBAC allows a
// new user nothing but discovery.
func (c *ControlPlane) KubeconfigFor(user string, groups ...string) (string, error) {
	c.users.Lock()
	defer c.users.Unlock()
	added, err := c.env.AddUser(envtest.User{Name: user, Groups: groups}, nil)
	if err != nil {
		return "", fmt.Errorf("add user %q: %w", user, err)
	}
	content, err := added.KubeConfig()
	if err != nil {
		return "", fmt.Errorf("make the kubeconfig of user %q: %w", user, err)
	}
	return c.writeKubeconfig(user, content)
}

// KubeconfigForServiceAccount writes a kubeconfig file with a token of the
// ServiceAccount, which must exist, and returns its path. The token is what a
// pod of the account would get; it is valid for a day.
func (c *ControlPlane) KubeconfigForServiceAccount(ctx context.Context, namespace, name string) (string, error) {
	const cluster = "test"
	token, err := c.client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(24 * 60 * 60))},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("request a token of service account %s/%s: %w", namespace, name, err)
	}
	content, err := clientcmd.Write(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{cluster: {
			Server: c.env.Config.Host, CertificateAuthorityData: c.env.Config.CAData,
		}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: {Token: token.Status.Token}},
		Contexts:       map[string]*clientcmdapi.Context{cluster: {Cluster: cluster, AuthInfo: name, Namespace: namespace}},
		CurrentContext: cluster,
	})
	if err != nil {
		return "", fmt.Errorf("make the kubeconfig of service account %s/%s: %w", namespace, name, err)
	}
	return c.writeKubeconfig(namespace+"-"+name, content)
}

// writeKubeconfig gives every file a name of its own, so that no caller changes
// what another one uses.
func (c *ControlPlane) writeKubeconfig(owner string, content []byte) (path string, err error) {
	owner = strings.NewReplacer(":", "-", string(filepath.Separator), "-", "*", "-").Replace(owner)
	file, err := os.CreateTemp(c.dir, owner+"-*.kubeconfig")
	if err != nil {
		return "", fmt.Errorf("make a kubeconfig file: %w", err)
	}
	defer func() {
		if closed := file.Close(); err == nil && closed != nil {
			err = fmt.Errorf("write kubeconfig %q: %w", file.Name(), closed)
		}
	}()
	if _, err := file.Write(content); err != nil {
		return "", fmt.Errorf("write kubeconfig %q: %w", file.Name(), err)
	}
	return file.Name(), nil
}
