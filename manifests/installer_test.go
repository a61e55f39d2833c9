package manifests

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/document"
	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

const installerNamespace = "macvlan-installer"

// installerFolders are the folders of the installer's manifests that are applied,
// each with the node's folder of plugins.
var installerFolders = map[string]string{
	"installer/base":                         "/opt/cni/bin",
	"installer/uninstall":                    "/opt/cni/bin",
	"installer/overlays/gke":                 "/home/kubernetes/bin",
	"installer/overlays/gke/uninstall":       "/home/kubernetes/bin",
	"installer/overlays/k3s":                 "/var/lib/rancher/k3s/data/cni",
	"installer/overlays/k3s/uninstall":       "/var/lib/rancher/k3s/data/cni",
	"installer/overlays/microk8s":            "/var/snap/microk8s/current/opt/cni/bin",
	"installer/overlays/microk8s/uninstall":  "/var/snap/microk8s/current/opt/cni/bin",
	"installer/overlays/openshift":           "/var/lib/cni/bin",
	"installer/overlays/openshift/uninstall": "/var/lib/cni/bin",
	"installer/overlays/rke2":                "/opt/cni/bin",
	"installer/overlays/rke2/uninstall":      "/opt/cni/bin",
	"installer/overlays/talos":               "/opt/cni/bin",
	"installer/overlays/talos/uninstall":     "/opt/cni/bin",
	"testdata/installer-dhcp":                "/var/lib/rancher/k3s/data/cni",
	"testdata/installer-uninstall":           "/var/lib/rancher/k3s/data/cni",
}

// No overlay is left out of the tests.
func TestInstallerFolders(t *testing.T) {
	for _, pattern := range []string{"installer/overlays/*", "installer/overlays/*/uninstall"} {
		folders, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(folders) < 6 {
			t.Errorf("%s: %q, want an overlay for each of six distributions", pattern, folders)
		}
		for _, folder := range folders {
			if _, ok := installerFolders[folder]; !ok {
				t.Errorf("%s is not tested", folder)
			}
		}
	}
}

// rendered returns the text of a folder, and the objects in it.
func rendered(t *testing.T, folder string) (string, []runtime.Object) {
	t.Helper()
	result, err := cluster.Kubectl(t.Context(), "", "kustomize", folder)
	if err != nil {
		t.Fatal(err)
	}
	if result.ExitCode != 0 || result.Stderr != "" {
		t.Fatalf("kubectl kustomize %s: exit status %d: %s", folder, result.ExitCode, result.Stderr)
	}
	documents, err := document.Parse([]byte(result.Stdout))
	if err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	for _, d := range documents {
		object, _, err := decoder.Decode(d.JSON, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", folder, err)
		}
		objects = append(objects, object)
	}
	return result.Stdout, objects
}

// The API server takes every overlay as it is, without a warning.
func TestInstallerIsValid(t *testing.T) {
	apply(t, "installer/namespace")
	for folder := range installerFolders {
		apply(t, folder, "--dry-run=server")
	}
}

// What the installer may do on a node and in the cluster: no more than it needs.
func TestInstallerIsConfined(t *testing.T) {
	for folder, plugins := range installerFolders {
		t.Run(folder, func(t *testing.T) {
			text, objects := rendered(t, folder)
			var pods int
			for _, object := range objects {
				switch o := object.(type) {
				case *corev1.Namespace:
					if level := o.Labels["pod-security.kubernetes.io/enforce"]; o.Name != installerNamespace || level != "privileged" {
						t.Errorf("namespace %s with level %q, want %s with privileged", o.Name, level, installerNamespace)
					}
				case *corev1.ServiceAccount:
					if o.Namespace != installerNamespace || o.AutomountServiceAccountToken == nil || *o.AutomountServiceAccountToken {
						t.Errorf("ServiceAccount %s/%s with automountServiceAccountToken %v", o.Namespace, o.Name, o.AutomountServiceAccountToken)
					}
				case *corev1.ResourceQuota:
					if !strings.Contains(folder, "/gke") {
						t.Error("a quota outside of GKE")
					}
				case *rbacv1.RoleBinding:
					if !strings.Contains(folder, "/openshift") || o.RoleRef.Name != "system:openshift:scc:privileged" {
						t.Errorf("the installer is given the role %s", o.RoleRef.Name)
					}
				case *appsv1.DaemonSet:
					pods++
					checkDaemonSet(t, o, strings.Contains(folder, "uninstall"))
					checkPod(t, o.Spec.Template.Spec, plugins)
				default:
					t.Errorf("a %T has no place here", object)
				}
			}
			if pods != 1 {
				t.Errorf("%d objects make pods, want one", pods)
			}
			enforcing := strings.Contains(folder, "/openshift") || strings.Contains(folder, "/rke2")
			if got := strings.Contains(text, "type: spc_t"); got != enforcing {
				t.Errorf("the pod's SELinux type is spc_t: %t, want %t", got, enforcing)
			}
		})
	}
}

func checkDaemonSet(t *testing.T, set *appsv1.DaemonSet, uninstalls bool) {
	t.Helper()
	// Uninstalling, no node waits for another.
	unavailable := "10%"
	if uninstalls {
		unavailable = "100%"
	}
	if update := set.Spec.UpdateStrategy.RollingUpdate; update == nil || update.MaxUnavailable.String() != unavailable {
		t.Errorf("updateStrategy = %+v, want at most %s unavailable", set.Spec.UpdateStrategy, unavailable)
	}
	installer := set.Spec.Template.Spec.Containers[0]
	if installer.Name != "installer" || installer.Args[0] != "run" {
		t.Errorf("the first container is %s with %q", installer.Name, installer.Args)
	}
	if slices.Contains(installer.Args, "--uninstall") != uninstalls {
		t.Errorf("args = %q, want --uninstall: %t", installer.Args, uninstalls)
	}
	if len(installer.Ports) != 1 || !slices.Contains(installer.Args, "--listen=:9789") || installer.Ports[0].ContainerPort != 9789 {
		t.Errorf("ports = %v, and the installer listens as %q says", installer.Ports, installer.Args)
	}
	for path, probe := range map[string]*corev1.Probe{"/healthz": installer.LivenessProbe, "/readyz": installer.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Port.String() != installer.Ports[0].Name {
			t.Errorf("no probe asks %s", path)
		}
	}
}

func checkPod(t *testing.T, pod corev1.PodSpec, plugins string) {
	t.Helper()
	if pod.ServiceAccountName != "macvlan-installer" || pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Errorf("serviceAccountName %q with automountServiceAccountToken %v", pod.ServiceAccountName, pod.AutomountServiceAccountToken)
	}
	if !pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Errorf("hostNetwork %t, hostPID %t, hostIPC %t: want the node's network alone", pod.HostNetwork, pod.HostPID, pod.HostIPC)
	}
	if pod.PriorityClassName != "system-node-critical" {
		t.Errorf("priorityClassName = %q", pod.PriorityClassName)
	}
	if want := []corev1.Toleration{{Operator: corev1.TolerationOpExists}}; !reflect.DeepEqual(pod.Tolerations, want) {
		t.Errorf("tolerations = %v, want every taint's", pod.Tolerations)
	}
	security := pod.SecurityContext
	if security.RunAsUser == nil || *security.RunAsUser != 0 || security.SeccompProfile == nil || security.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("securityContext = %+v, want root with the runtime's seccomp profile", security)
	}
	// What each container has: test/cni shows that it is enough, and needed.
	capabilities := map[string][]corev1.Capability{
		"installer": nil,
		"dhcp":      {"SYS_ADMIN", "NET_ADMIN", "NET_RAW", "NET_BIND_SERVICE"},
	}
	if len(pod.InitContainers) > 0 {
		t.Error("there are init containers, which nobody looks at here")
	}
	for _, container := range pod.Containers {
		s := container.SecurityContext
		if s == nil || s.Privileged != nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
			s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.Capabilities == nil {
			t.Errorf("%s: securityContext = %+v", container.Name, s)
			continue
		}
		added, known := capabilities[container.Name]
		if !known || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || !slices.Equal(s.Capabilities.Add, added) {
			t.Errorf("%s: capabilities = %+v, want all dropped and %q added", container.Name, s.Capabilities, added)
		}
		memory := resource.MustParse("32Mi")
		if r := container.Resources; !r.Requests.Memory().Equal(memory) || !r.Limits.Memory().Equal(memory) {
			t.Errorf("%s: memory = %s up to %s, want 32Mi", container.Name, r.Requests.Memory(), r.Limits.Memory())
		}
		if container.Image != noImage || !slices.Equal(container.Command, []string{"/macvlan-installer"}) {
			t.Errorf("%s: runs %q of %s", container.Name, container.Command, container.Image)
		}
		// Flags are read before help is given: those that do not exist are refused.
		if out, err := exec.Command(server.Binary("macvlan-installer"), append(container.Args, "--help")...).CombinedOutput(); err != nil {
			t.Errorf("%s: macvlan-installer %q (`make build` builds it): %v: %s", container.Name, container.Args, err, out)
		}
	}

	folders := map[string]*corev1.HostPathVolumeSource{}
	for _, volume := range pod.Volumes {
		if volume.HostPath == nil {
			t.Errorf("volume %s is not a folder of the node", volume.Name)
			continue
		}
		folders[volume.Name] = volume.HostPath
	}
	first := pod.Containers[0]
	if want := "--bin-dir=" + plugins; first.Args[1] != want {
		t.Errorf("args = %q, want %s", first.Args, want)
	}
	// The path within is that on the node, and the mount has the folder of the
	// plugins in it.
	if len(first.VolumeMounts) != 1 {
		t.Fatalf("%s mounts %v, want the plugins alone", first.Name, first.VolumeMounts)
	}
	mount := first.VolumeMounts[0]
	folder := folders[mount.Name]
	if folder.Path != mount.MountPath || (plugins != mount.MountPath && filepath.Dir(plugins) != mount.MountPath) {
		t.Errorf("%s is mounted as %s, for plugins in %s", folder.Path, mount.MountPath, plugins)
	}
	if folder.Type == nil || *folder.Type != corev1.HostPathDirectory {
		t.Errorf("%s may be of type %v, want an existing folder", folder.Path, folder.Type)
	}
	delete(folders, mount.Name)
	for name := range folders {
		if !slices.ContainsFunc(pod.Containers, func(c corev1.Container) bool { return c.Name == "dhcp" }) {
			t.Errorf("nobody has use for the volume %s", name)
		}
	}
}

// The daemon sees the sockets and namespaces under the paths that plugins and
// runtimes name.
func TestInstallerDHCP(t *testing.T) {
	_, objects := rendered(t, "testdata/installer-dhcp")
	index := slices.IndexFunc(objects, func(o runtime.Object) bool { _, ok := o.(*appsv1.DaemonSet); return ok })
	pod := objects[index].(*appsv1.DaemonSet).Spec.Template.Spec
	if len(pod.Containers) != 2 || pod.Containers[1].Name != "dhcp" {
		t.Fatalf("%d containers, want installer and dhcp", len(pod.Containers))
	}
	got := map[string]string{}
	for _, mount := range pod.Containers[1].VolumeMounts {
		for _, volume := range pod.Volumes {
			if volume.Name == mount.Name {
				got[mount.MountPath] = volume.HostPath.Path
			}
		}
		if propagated := mount.MountPropagation != nil && *mount.MountPropagation == corev1.MountPropagationHostToContainer; propagated != (mount.MountPath == "/var/run/netns") {
			t.Errorf("%s: what is mounted later appears: %t", mount.MountPath, propagated)
		}
	}
	if want := map[string]string{"/run/cni": "/run/cni", "/var/run/netns": "/var/run/netns"}; !maps.Equal(got, want) {
		t.Errorf("mounts = %v, want %v", got, want)
	}
}

// scheduled is a control plane with a scheduler, and the nodes that it has. The
// other tests do without one: it would write to their pods.
type scheduled struct {
	*controlplane.ControlPlane
	client *kubernetes.Clientset
	nodes  []string
}

func newScheduled(t *testing.T) scheduled {
	t.Helper()
	c, err := controlplane.Start(t.Context(), controlplane.Options{ControllerManager: true, Scheduler: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := scheduled{ControlPlane: c}
	if s.client, err = kubernetes.NewForConfig(c.Config()); err != nil {
		t.Fatal(err)
	}
	// Each but the first keeps ordinary pods off, in another way.
	nodes := map[string]corev1.NodeSpec{
		"ordinary":      {},
		"control-plane": {Taints: []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}}},
		"cordoned":      {Unschedulable: true},
		"dedicated":     {Taints: []corev1.Taint{{Key: "example.com/gpu", Value: "yes", Effect: corev1.TaintEffectNoExecute}}},
	}
	s.nodes = slices.Sorted(maps.Keys(nodes))
	for name, spec := range nodes {
		node, err := s.client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux"}},
			Spec:       spec,
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		capacity, err := json.Marshal(corev1.Node{Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("1Gi"), corev1.ResourcePods: resource.MustParse("10"),
		}}})
		if err != nil {
			t.Fatal(err)
		}
		// A patch: controllers write to nodes as well.
		if _, err := s.client.CoreV1().Nodes().Patch(t.Context(), node.Name, types.MergePatchType, capacity, metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// kubectl runs it in the installer's namespace.
func (s scheduled) kubectl(t *testing.T, stdin string, args ...string) {
	t.Helper()
	if _, err := deploy.Kubectl(t.Context(), s.ControlPlane, stdin, append([]string{"--namespace=" + installerNamespace}, args...)...); err != nil {
		t.Fatal(err)
	}
}

// pods returns the installer's pods with an argument, or without it.
func (s scheduled) pods(t *testing.T, argument string, with bool) []corev1.Pod {
	t.Helper()
	list, err := s.client.CoreV1().Pods(installerNamespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=macvlan-installer"})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return slices.Contains(p.Spec.Containers[0].Args, argument) != with })
}

// everywhere says whether there is exactly one of the pods on each node.
func (s scheduled) everywhere(pods []corev1.Pod) bool {
	var hosts []string
	for _, pod := range pods {
		hosts = append(hosts, pod.Spec.NodeName)
	}
	slices.Sort(hosts)
	return slices.Equal(hosts, s.nodes)
}

// becomeReady does what the kubelets do once the pods work.
func (s scheduled) becomeReady(t *testing.T, pods []corev1.Pod) {
	t.Helper()
	for _, pod := range pods {
		s.kubectl(t, "", "patch", "pod", pod.Name, "--subresource=status", "--type=merge",
			`--patch={"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`)
	}
}

// The installer goes to every node. One command has it uninstall on all of them, whoever
// applied it and how, and the rollout says how many are done.
func TestInstallerOnEveryNode(t *testing.T) {
	s := newScheduled(t)
	for _, apply := range [][]string{
		{"apply", "-k"},
		{"apply", "--server-side", "--force-conflicts", "-k"},
	} {
		s.kubectl(t, "", append(apply, "installer/overlays/k3s")...)
		installers := func() []corev1.Pod { return s.pods(t, "--uninstall", false) }
		wait.Until(t, "an installer on each node", func() bool { return s.everywhere(installers()) })
		s.becomeReady(t, installers())
		s.kubectl(t, "", "rollout", "status", "daemonset/macvlan-installer", "--timeout="+wait.Patience.String())

		// As installer/uninstall/kustomization.yaml says.
		s.kubectl(t, "", append(apply, "installer/overlays/k3s/uninstall")...)
		// No kubelet is here to end the pods.
		wait.Until(t, "all installers are told to end, at once", func() bool {
			return !slices.ContainsFunc(installers(), func(p corev1.Pod) bool { return p.DeletionTimestamp == nil })
		})
		for _, pod := range installers() {
			s.kubectl(t, "", "delete", "pod", pod.Name, "--force")
		}
		uninstallers := func() []corev1.Pod { return s.pods(t, "--uninstall", true) }
		wait.Until(t, "an uninstaller on each node", func() bool { return s.everywhere(uninstallers()) })

		s.becomeReady(t, uninstallers()[1:])
		ready := fmt.Sprintf("%d of %d", len(s.nodes)-1, len(s.nodes))
		wait.Until(t, ready, func() bool {
			set, err := s.client.AppsV1().DaemonSets(installerNamespace).Get(t.Context(), "macvlan-installer", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%d of %d", set.Status.NumberReady, set.Status.DesiredNumberScheduled) == ready
		})
		result, err := s.Kubectl(t.Context(), "", "--namespace="+installerNamespace, "rollout", "status", "daemonset/macvlan-installer", "--watch=false")
		if want := fmt.Sprintf("%s updated pods are available", ready); err != nil || !strings.Contains(result.Stdout, want) {
			t.Errorf("rollout status says %q (%v), want %q", result.Stdout, err, want)
		}
		s.becomeReady(t, uninstallers()[:1])
		s.kubectl(t, "", "rollout", "status", "daemonset/macvlan-installer", "--timeout="+wait.Patience.String())

		s.kubectl(t, "", "delete", "daemonset", "macvlan-installer", "--cascade=orphan")
		for _, pod := range uninstallers() {
			s.kubectl(t, "", "delete", "pod", pod.Name, "--force")
		}
	}
}
