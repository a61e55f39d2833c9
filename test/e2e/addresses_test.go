package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// rack is a subnet of the flat network's second generation with its network, apart from
// those of the fixtures.
const rack = `apiVersion: v1
kind: Namespace
metadata: {name: cattle-flat-network}
---
apiVersion: flatnetwork.pandaria.io/v1
kind: FlatNetworkSubnet
metadata: {name: rack, namespace: cattle-flat-network}
spec: {flatMode: macvlan, master: bond7, vlan: 700, cidr: 10.70.0.0/24, mode: bridge, gateway: 10.70.0.1}
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: rancher-flat-network, namespace: default}
spec:
  config: '{"cniVersion": "0.3.1", "type": "rancher-flat-network-cni", "master": "", "ipam": {"type": "static-ipam"}}'
`

var rackMade = sync.OnceValue(func() error {
	_, err := deploy.Kubectl(context.Background(), cluster.ControlPlane, rack, "apply", "-f", "-")
	return err
})

// makeRack makes it, once for all tests.
func makeRack(t *testing.T) {
	t.Helper()
	if err := rackMade(); err != nil {
		t.Fatal(err)
	}
}

const attached = `k8s.v1.cni.cncf.io/networks: '[{"name":"rancher-flat-network","interface":"eth1"}]'`

// fixed is a Deployment whose pods get addresses of the rack.
func fixed(name string, replicas int, strategy, ips string) string {
	return racked("apps/v1", "Deployment", name, ips, fmt.Sprintf("replicas: %d", replicas),
		"strategy: {type: "+strategy+"}", "selector: {matchLabels: {app: "+name+"}}")
}

// racked is a workload whose pods get addresses of the rack, with the lines of its spec
// apart from the template.
func racked(apiVersion, kind, name, ips string, spec ...string) string {
	restart := "Always"
	if kind == "Job" {
		restart = "Never"
	}
	return fmt.Sprintf(`apiVersion: %[1]s
kind: %[2]s
metadata: {name: %[3]s, namespace: default}
spec:
  %[4]s
  template:
    metadata:
      labels: {app: %[3]s}
      annotations:
        %[5]s
        flatnetwork.pandaria.io/subnet: rack
        flatnetwork.pandaria.io/ip: %[6]s
    spec:
      restartPolicy: %[7]s
      terminationGracePeriodSeconds: 0
      containers:
      - {name: app, image: app:1}
`, apiVersion, kind, name, strings.Join(spec, "\n  "), attached, ips, restart)
}

// accepted runs a kubectl that must succeed without a warning.
func accepted(t *testing.T, stdin string, args ...string) {
	t.Helper()
	if result := kubectl(t, stdin, args...); result.ExitCode != 0 || strings.Contains(result.Stderr, "Warning") {
		t.Errorf("kubectl %s: exit status %d\n%s", strings.Join(args, " "), result.ExitCode, result.Stderr)
	}
}

// refused runs a kubectl that must be refused with all of the texts.
func refused(t *testing.T, stdin string, args []string, texts ...string) {
	t.Helper()
	result := kubectl(t, stdin, args...)
	for _, text := range texts {
		if result.ExitCode == 0 || !strings.Contains(result.Stderr, text) {
			t.Errorf("kubectl %s: exit status %d, expected to be refused with %q\n%s", strings.Join(args, " "), result.ExitCode, text, result.Stderr)
		}
	}
}

// podsOf are the names and UIDs of a Deployment's pods, one line each.
func podsOf(t *testing.T, name string) []string {
	t.Helper()
	return strings.Fields(mustKubectl(t, "", "get", "pods", "-l", "app="+name, "-o", `jsonpath={range .items[*]}{.metadata.name}={.metadata.uid}{"\n"}{end}`))
}

// record gives a pod an address, as the flat network's controller does.
func record(t *testing.T, pod, ip string) {
	t.Helper()
	name, uid, _ := strings.Cut(pod, "=")
	mustKubectl(t, fmt.Sprintf(`apiVersion: flatnetwork.pandaria.io/v1
kind: FlatNetworkIP
metadata:
  name: %[1]s
  namespace: default
  ownerReferences: [{apiVersion: v1, kind: Pod, name: %[1]s, uid: %[2]s}]
spec: {subnet: rack, addrs: [%[3]s], podId: %[2]s}
`, name, uid, ip), "apply", "-f", "-")
	mustKubectl(t, "", "patch", "flatnetworkip", name, "--subresource=status", "--type=merge", "--patch", `{"status":{"phase":"Active","addr":"`+ip+`"}}`)
}

// autoscale scales a Deployment as an autoscaler does, in its name.
func autoscale(t *testing.T, name string, replicas int32) error {
	t.Helper()
	config := rest.CopyConfig(cluster.Config())
	config.Impersonate.UserName = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.AppsV1().Deployments("default").UpdateScale(t.Context(), name, &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec:       autoscalingv1.ScaleSpec{Replicas: replicas},
	}, metav1.UpdateOptions{})
	return err
}

// A Deployment with fixed addresses lives: it is applied again, gets another image, is
// scaled, and gives its addresses to another one. Its controllers make its pods
// meanwhile, which have been given the addresses.
func TestDeploymentWithFixedAddresses(t *testing.T) {
	beside(t)
	makeRack(t)
	const ips = "10.70.0.11-10.70.0.12-10.70.0.13"
	manifest := fixed("racked", 3, "Recreate", ips)
	given := func(count int) {
		t.Helper()
		wait.Until(t, fmt.Sprintf("%d pods", count), func() bool { return len(podsOf(t, "racked")) == count })
		for n, pod := range podsOf(t, "racked") {
			record(t, pod, fmt.Sprintf("10.70.0.%d", 11+n))
		}
	}
	accepted(t, manifest, "apply", "-f", "-")
	given(3)
	accepted(t, manifest, "apply", "-f", "-")
	accepted(t, manifest, "replace", "-f", "-")

	before := podsOf(t, "racked")
	accepted(t, "", "set", "image", "deployment/racked", "app=app:2")
	wait.Until(t, "pods with the new image", func() bool {
		after := podsOf(t, "racked")
		return len(after) == 3 && !strings.Contains(strings.Join(after, " "), before[0])
	})
	given(3)

	accepted(t, "", "scale", "deployment", "racked", "--replicas=2")
	const tooFew = "[too-few-addresses] spec.template.metadata.annotations[flatnetwork.pandaria.io/ip]: flatnetwork.pandaria.io/ip has 3 addresses, and the Deployment has 4 pods at once"
	refused(t, "", []string{"scale", "deployment", "racked", "--replicas=4"}, tooFew)
	if err := autoscale(t, "racked", 4); err == nil || !strings.Contains(err.Error(), tooFew) {
		t.Errorf("an autoscaler: %v", err)
	}
	refused(t, fixed("racked", 4, "Recreate", ips), []string{"apply", "-f", "-"}, tooFew)
	if replicas := mustKubectl(t, "", "get", "deployment", "racked", "-o", "jsonpath={.spec.replicas}"); replicas != "2" {
		t.Errorf("%s replicas, expected 2", replicas)
	}

	other := fixed("moved", 2, "Recreate", "10.70.0.12-10.70.0.13")
	refused(t, other, []string{"apply", "-f", "-"}, `[address-in-use]`, `address 1 "10.70.0.12" is fixed by Deployment "default/racked"`)
	accepted(t, "", "scale", "deployment", "racked", "--replicas=0")
	refused(t, other, []string{"apply", "-f", "-"}, `address 2 "10.70.0.13" is fixed by Deployment "default/racked"`)
	accepted(t, "", "scale", "deployment", "racked", "--replicas=3")
	given(3)

	// Its pods are still being deleted when the other one comes.
	mustKubectl(t, "", "delete", "deployment", "racked")
	mustKubectl(t, other, "apply", "-f", "-")
	wait.Until(t, "pods of the Deployment that has the addresses now", func() bool { return len(podsOf(t, "moved")) == 2 })
	mustKubectl(t, "", "delete", "deployment", "moved")
}

// Of two Deployments that fix one address, because one of them was changed while no replica
// answered, the age tells nothing: the pod that has the address keeps it from the other's, and
// those of its own Deployment are not refused.
func TestAddressFixedWithoutServer(t *testing.T) {
	alone(t)
	makeRack(t)
	const ip = "10.70.0.81"
	accepted(t, fixed("older", 0, "Recreate", "10.70.0.82"), "apply", "-f", "-")
	accepted(t, fixed("holder", 1, "Recreate", ip), "apply", "-f", "-")
	wait.Until(t, "a pod of the one that has the address", func() bool { return len(podsOf(t, "holder")) == 1 })
	before := podsOf(t, "holder")
	record(t, before[0], ip)
	if err := cluster.webhook.Stop(); err != nil {
		t.Fatal(err)
	}
	mustKubectl(t, fixed("older", 0, "Recreate", ip), "apply", "-f", "-")
	if err := cluster.startWebhook(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Of a ReplicaSet that cannot make its pods the status keeps the first reason, so it makes
	// none before.
	mustKubectl(t, "", "scale", "deployment", "older", "--replicas=1")
	wait.Until(t, "the other one's pod is refused", func() bool {
		return strings.Contains(mustKubectl(t, "", "get", "deployment", "older", "-o", `jsonpath={.status.conditions[?(@.type=="ReplicaFailure")].message}`),
			`[address-in-use] metadata.annotations[flatnetwork.pandaria.io/ip]: address "`+ip+`" is in use by Pod "default/`)
	})
	if pods := podsOf(t, "older"); len(pods) != 0 {
		t.Errorf("the other one has the pods %q", pods)
	}
	mustKubectl(t, "", "delete", "--force", "--grace-period=0", "pod", "-l", "app=holder")
	wait.Until(t, "another pod of the one that had the address", func() bool {
		now := podsOf(t, "holder")
		return len(now) == 1 && now[0] != before[0]
	})
	mustKubectl(t, "", "delete", "deployment", "older", "holder")
}

// Each kind with a scale is scaled as a Deployment is.
func TestScaleWithFixedAddresses(t *testing.T) {
	beside(t)
	makeRack(t)
	for _, tt := range []struct {
		apiVersion, kind, ips string
		spec                  []string
	}{
		{"apps/v1", "StatefulSet", "10.70.0.41-10.70.0.42-10.70.0.43", []string{"serviceName: scaled", "selector: {matchLabels: {app: scaled}}"}},
		{"apps/v1", "ReplicaSet", "10.70.0.44-10.70.0.45-10.70.0.46", []string{"selector: {matchLabels: {app: scaled}}"}},
		{"v1", "ReplicationController", "10.70.0.47-10.70.0.48-10.70.0.49", []string{"selector: {app: scaled}"}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			accepted(t, racked(tt.apiVersion, tt.kind, "scaled", tt.ips, append(tt.spec, "replicas: 3")...), "create", "-f", "-")
			accepted(t, "", "scale", tt.kind, "scaled", "--replicas=2")
			refused(t, "", []string{"scale", tt.kind, "scaled", "--replicas=4"},
				"[too-few-addresses] spec.template.metadata.annotations[flatnetwork.pandaria.io/ip]: flatnetwork.pandaria.io/ip has 3 addresses, and the "+tt.kind+" has 4 pods at once")
			if replicas := mustKubectl(t, "", "get", tt.kind, "scaled", "-o", "jsonpath={.spec.replicas}"); replicas != "2" {
				t.Errorf("%s replicas, expected 2", replicas)
			}
			mustKubectl(t, "", "delete", tt.kind, "scaled")
		})
	}
}

// What an owner of a kind that nobody here knows makes to replace its own has the same
// addresses, and what another owner makes may not. The garbage collector leaves alone
// what has an owner of such a kind.
func TestSuccessorOfUnknownOwner(t *testing.T) {
	beside(t)
	makeRack(t)
	ofRollout := func(name, rollout, uid string) string {
		manifest := racked("apps/v1", "ReplicaSet", name, "10.70.0.51", "replicas: 1", "selector: {matchLabels: {app: "+name+"}}")
		owner := fmt.Sprintf("{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: %s, uid: %s, controller: true}", rollout, uid)
		return strings.Replace(manifest, "metadata: {", "metadata: {ownerReferences: ["+owner+"], ", 1)
	}
	const uid, otherUID = "6a4a6b1e-0000-4000-8000-000000000001", "6a4a6b1e-0000-4000-8000-000000000002"
	accepted(t, ofRollout("shop-1", "shop", uid), "create", "-f", "-")
	stranger := ofRollout("stall-1", "stall", otherUID)
	wait.Until(t, "the ReplicaSet is known", func() bool {
		return kubectl(t, stranger, "create", "--dry-run=server", "-f", "-").ExitCode != 0
	})
	refused(t, stranger, []string{"create", "-f", "-"}, `[address-in-use]`, `address "10.70.0.51" is fixed by ReplicaSet "default/shop-1"`)
	// Of the same name, but made anew.
	refused(t, ofRollout("shop-2", "shop", otherUID), []string{"create", "-f", "-"}, "[address-in-use]")
	accepted(t, ofRollout("shop-2", "shop", uid), "create", "-f", "-")
	wait.Until(t, "a pod of the successor", func() bool { return len(podsOf(t, "shop-2")) == 1 })
	mustKubectl(t, "", "delete", "replicaset", "shop-1", "shop-2")
}

// A Job keeps its address until it has ended, and no longer, though it is still there.
func TestAddressOfEndedJob(t *testing.T) {
	beside(t)
	makeRack(t)
	accepted(t, racked("batch/v1", "Job", "once", "10.70.0.61", "completions: 1"), "create", "-f", "-")
	next := fixed("next", 1, "Recreate", "10.70.0.61")
	wait.Until(t, "the Job is known", func() bool {
		return kubectl(t, next, "create", "--dry-run=server", "-f", "-").ExitCode != 0
	})
	refused(t, next, []string{"create", "-f", "-"}, `[address-in-use]`, `address "10.70.0.61" is fixed by Job "default/once"`)

	// As the node does, whose word the Job's controller takes.
	wait.Until(t, "a pod of the Job", func() bool { return len(podsOf(t, "once")) == 1 })
	name, _, _ := strings.Cut(podsOf(t, "once")[0], "=")
	mustKubectl(t, "", "patch", "pod", name, "--subresource=status", "--type=merge", "--patch", `{"status":{"phase":"Succeeded"}}`)
	wait.Until(t, "the Job is complete", func() bool {
		return mustKubectl(t, "", "get", "job", "once", "-o", `jsonpath={.status.conditions[?(@.type=="Complete")].status}`) == "True"
	})
	accepted(t, next, "create", "-f", "-")
	mustKubectl(t, "", "delete", "deployment/next", "job/once")
}

// What does not fit only during an update is said, and let through.
func TestUpdateWithFixedAddresses(t *testing.T) {
	beside(t)
	makeRack(t)
	manifest := fixed("rolling", 2, "RollingUpdate", "10.70.0.21-10.70.0.22")
	result := kubectl(t, manifest, "apply", "-f", "-")
	if result.ExitCode != 0 || !strings.Contains(result.Stderr, "Warning: too-few-addresses: flatnetwork.pandaria.io/ip has 2 addresses, enough for the replicas of the Deployment (2)") {
		t.Errorf("exit status %d\n%s", result.ExitCode, result.Stderr)
	}
	mustKubectl(t, "", "delete", "deployment", "rolling")
}

// An address that a running pod was given is taken, until the pod is gone.
func TestAddressOfRunningPod(t *testing.T) {
	alone(t)
	makeRack(t)
	mustKubectl(t, podYAML("auto", attached, "flatnetwork.pandaria.io/subnet: rack", "flatnetwork.pandaria.io/ip: auto"), "create", "-f", "-")
	record(t, "auto="+mustKubectl(t, "", "get", "pod", "auto", "-o", "jsonpath={.metadata.uid}"), "10.70.0.31")
	want := podYAML("wanting", attached, "flatnetwork.pandaria.io/subnet: rack", "flatnetwork.pandaria.io/ip: 10.70.0.31")
	wait.Until(t, "the record is known", func() bool {
		return strings.Contains(kubectl(t, want, "create", "--dry-run=server", "-f", "-").Stderr, `is in use by Pod "default/auto" (FlatNetworkIP)`)
	})
	begun := time.Now()
	refused(t, want, []string{"create", "-f", "-"}, "[address-in-use]")
	refused(t, fixed("wanting", 1, "Recreate", "10.70.0.31"), []string{"create", "-f", "-"}, "[address-in-use]")
	for _, e := range serverRequests(t) {
		if e.Verb == "list" && e.RequestReceivedTimestamp.After(begun) {
			t.Errorf("a list for a request: %s", e.RequestURI)
		}
	}
	mustKubectl(t, "", "delete", "--now", "pod", "auto")
	mustKubectl(t, want, "create", "-f", "-")
	mustKubectl(t, "", "delete", "--now", "pod", "wanting")
}

// The API server's own words would not say what to do instead.
func TestLongLabelIsRefusedInOurWords(t *testing.T) {
	beside(t)
	const long = "10.70.0.101-10.70.0.102-10.70.0.103-10.70.0.104-10.70.0.105-10.70.0.106"
	labelled := strings.Replace(podYAML("labelled", attached), "metadata:\n", "metadata:\n  labels: {addresses: "+long+"}\n", 1)
	workload := strings.Replace(deployment("labelled", attached), "labels: {app: labelled}", "labels: {app: labelled, addresses: "+long+"}", 1)
	for what, manifest := range map[string]string{
		"metadata.labels[addresses]":               labelled,
		"spec.template.metadata.labels[addresses]": workload,
	} {
		refused(t, manifest, []string{"create", "-f", "-"}, "[label-value-too-long] "+what, "an annotation")
	}
	// Where nothing asks for networks the API server says it by itself.
	plain := strings.Replace(labelled, "  annotations:\n    "+attached+"\n", "", 1)
	refused(t, plain, []string{"create", "-f", "-"}, "must be no more than 63")
}

// A subnet is judged when it is written, and its controller's own updates are not.
func TestSubnetsOfFlatNetwork(t *testing.T) {
	beside(t)
	makeRack(t)
	other := strings.Replace(strings.Split(rack, "---\n")[1], "name: rack", "name: rack-b", 1)
	refused(t, other, []string{"create", "-f", "-"}, "[flat-network-subnet-overlap] spec.cidr")
	refused(t, strings.Replace(other, "vlan: 700", "vlan: 4095", 1), []string{"create", "-f", "-"}, "[flat-network-subnet-invalid] spec.vlan")
	accepted(t, strings.Replace(other, "vlan: 700", "vlan: 701", 1), "create", "-f", "-")
	accepted(t, "", "patch", "flatnetworksubnet", "rack-b", "-n", "cattle-flat-network", "--type=merge", "--patch", `{"spec":{"ranges":[{"from":"10.70.0.10","to":"10.70.0.20"}]}}`)
	refused(t, "", []string{"patch", "flatnetworksubnet", "rack-b", "-n", "cattle-flat-network", "--type=merge", "--patch", `{"spec":{"vlan":700}}`}, "[flat-network-subnet-overlap]")
	mustKubectl(t, "", "delete", "flatnetworksubnet", "rack-b", "-n", "cattle-flat-network")
}
