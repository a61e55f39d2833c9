package cni

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/vishvananda/netlink"

	"github.com/macvlan-webhook/macvlan-webhook/policy/links"
	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// registered is the node as an API server knows it, with the installer's
// manifests applied and what the installer's pod gets there.
type registered struct {
	*kubernetes.Clientset
	pod *corev1.Pod
	// host and port are the API server's, account the folder of the pod's
	// credentials.
	host, port, account string
}

const nodeName = "this-node"

func register(t *testing.T) *registered {
	t.Helper()
	needNode(t)
	cluster, err := controlplane.Start(t.Context(), controlplane.Options{
		// It would look for the interface of the default route, and there is none.
		APIServerArgs: map[string][]string{"advertise-address": {"192.0.2.1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	r := &registered{account: t.TempDir()}
	config := cluster.Config()
	if r.Clientset, err = kubernetes.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	// As an address or as a URL.
	if r.host, r.port, err = net.SplitHostPort(strings.Trim(strings.TrimPrefix(config.Host, "https:"), "/")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.account, "ca.crt"), config.CAData, 0o600); err != nil {
		t.Fatal(err)
	}

	folder := filepath.Join(server.Root(), "manifests", "testdata", "installer-node-facts")
	if _, err := deploy.Kubectl(t.Context(), cluster, "", "apply", "-k", folder); err != nil {
		t.Fatal(err)
	}
	if _, err := r.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.pod, err = r.CoreV1().Pods("macvlan-installer").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "macvlan-installer-"},
		Spec: corev1.PodSpec{
			NodeName: nodeName, ServiceAccountName: "macvlan-installer", Containers: []corev1.Container{{Name: "installer", Image: "x"}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.renewToken(t)
	return r
}

// renewToken does what the kubelet does now and then.
func (r *registered) renewToken(t *testing.T) {
	t.Helper()
	token, err := r.CoreV1().ServiceAccounts("macvlan-installer").CreateToken(t.Context(), "macvlan-installer", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: r.pod.Name, UID: r.pod.UID}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.setToken(t, token.Status.Token)
}

func (r *registered) setToken(t *testing.T, token string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.account, "token"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
}

// annotation is what the Node says; "" when it says nothing.
func (r *registered) annotation(t *testing.T) string {
	t.Helper()
	node, err := r.CoreV1().Nodes().Get(t.Context(), nodeName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return node.Annotations[links.Annotation]
}

// says waits until the Node says that there are these links.
func (r *registered) says(t *testing.T, what string, want ...links.Link) {
	t.Helper()
	var got string
	defer func() {
		if t.Failed() {
			t.Logf("%s: the Node says %s, want %s", what, got, links.Render(want))
		}
	}()
	wait.Until(t, what, func() bool {
		got = r.annotation(t)
		return got == links.Render(want)
	})
}

// publish runs the installer as its pod does, without any capability, until the
// test ends. It returns the address of its probes and what ends it.
func (r *registered) publish(t *testing.T, interval string) (address string, stop func()) {
	t.Helper()
	address, err := deploy.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	command := exec.Command(installer(), "run", "--bin-dir="+folder, "--listen="+address, "--interval="+interval, "--publish-links", "--service-account="+r.account)
	command.Env = []string{"NODE_NAME=" + nodeName, "KUBERNETES_SERVICE_HOST=" + r.host, "KUBERNETES_SERVICE_PORT=" + r.port, "GOMEMLIMIT=24MiB"}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = log
	if err := confined(nil, command.Start); err != nil {
		t.Fatalf("macvlan-installer run (`make build` builds it): %v", err)
	}
	ended := make(chan struct{})
	go func() {
		// How it ended is of no interest: it was killed.
		_ = command.Wait()
		close(ended)
	}()
	stop = func() {
		_ = command.Process.Kill()
		<-ended
	}
	t.Cleanup(func() {
		stop()
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("the installer logged:\n%s", text)
		}
	})
	wait.Until(t, "the plugins are installed, whatever becomes of the links", func() bool {
		response, err := http.Get("http://" + address + "/readyz")
		if err == nil {
			response.Body.Close()
		}
		return err == nil && response.StatusCode == http.StatusOK
	})
	return address, stop
}

// counted is a line of the metrics; the count is 0 where there is none.
func counted(t *testing.T, address, result string) (count int) {
	t.Helper()
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), fmt.Sprintf("\nmacvlan_installer_links_published_total{result=%q} ", result))
	_, _ = fmt.Sscan(rest, &count)
	return count
}

func (r *registered) patch(t *testing.T, value any) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{links.Annotation: value}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.CoreV1().Nodes().Patch(context.Background(), nodeName, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// A node with links of the kinds that can be made here says so on its Node, under
// the policy, and says anew what changes. Bonds, VLANs and cards cannot be made
// here: how they are described is tested beside the program's own code.
func TestNodeSaysItsLinks(t *testing.T) {
	r := register(t)
	// A network card of a node that is a container, a pod's veth, and a bridge with
	// a port.
	cable(t, "eth7")
	cable(t, "veth1234abcd")
	bridgedLAN(t, "br0")
	bridge, err := netlink.LinkByName("br0")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkAddAltName(bridge, "bridge-of-the-lan-in-room-5"); err != nil {
		t.Fatal(err)
	}
	lan := links.Link{Name: "br0", AltNames: []string{"bridge-of-the-lan-in-room-5"}, Kind: links.Bridge, MTU: 1500, Up: true}
	card := links.Link{Name: "eth7", Kind: links.Other, MTU: 1500}

	// The kernel's events alone: nothing is looked at for an hour.
	address, stop := r.publish(t, "1h")
	r.says(t, "the links", lan, card)
	if err := up("eth7"); err != nil {
		t.Fatal(err)
	}
	card.Up = true
	r.says(t, "a link is up", lan, card)
	link, err := netlink.LinkByName("eth7")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetMaster(link, bridge); err != nil {
		t.Fatal(err)
	}
	card.MemberOf = "br0"
	r.says(t, "a link is a port", lan, card)
	if got := counted(t, address, "published"); got < 3 {
		t.Errorf("published %d times by its own count, want at least 3", got)
	}
	stop()

	// What was published by the one before is as it should be.
	address, _ = r.publish(t, "1s")
	r.patch(t, nil)
	r.says(t, "the annotation was removed", lan, card)
	r.patch(t, "nonsense")
	r.says(t, "the annotation was overwritten", lan, card)

	// A token that ends is replaced in the file. Meanwhile the plugins are looked after.
	r.setToken(t, "nonsense")
	r.patch(t, nil)
	wait.Until(t, "failures are counted", func() bool { return counted(t, address, "failed") > 1 })
	if got := r.annotation(t); got != "" {
		t.Errorf("without a token the Node says %s", got)
	}
	r.renewToken(t)
	r.says(t, "there is a new token", lan, card)
}
