package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	nadclient "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/clientset/versioned"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

var cacheMetric = regexp.MustCompile(`(?m)^macvlan_webhook_(networks|pools|namespaces|address_holders) (\S+)$`)

// load is how much there is of what the server follows.
type load struct{ networks, pools, namespaces, workloads int }

// BenchmarkResidentMemory reports the memory of a server that follows a small
// cluster, then a very large one: resident, at its peak while the caches were
// filled, and at its peak with the pools listed live besides. And it reports the
// time from a request to its answer, without such a list and with it.
func BenchmarkResidentMemory(b *testing.B) {
	config := cluster.Config()
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	networks, err := nadclient.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []load{{pools: 1}, {networks: 10_000, pools: 5_000, namespaces: 1_000, workloads: 2_000}} {
		b.Run(fmt.Sprintf("networks=%d/pools=%d/namespaces=%d/workloads=%d", size.networks, size.pools, size.namespaces, size.workloads), func(b *testing.B) {
			defer createNetworks(b, networks, size.networks)()
			defer createPools(b, config, size.pools)()
			defer createNamespaces(b, config, size.namespaces)()
			defer createWorkloads(b, config, size.workloads)()
			client, flags, err := server.Certificate(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			s, err := server.Start(b.Context(), append(flags, "--kubeconfig="+cluster.kubeconfig)...)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Stop()
			if err := s.WaitReady(b.Context()); err != nil {
				b.Fatal(err)
			}
			waitForCaches(b, s, size)
			// What the first list needed is given back to the system by and by.
			time.Sleep(5 * time.Second)
			resident := memory(b, s, "VmRSS")
			body := podReview("bench", `"k8s.v1.cni.cncf.io/networks":"kube-system/macvlan-overlay-vlan0"`)
			for b.Loop() {
				if _, _, err := post(client, "https://"+s.Address+"/validate", "application/json", strings.NewReader(body)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(resident)/(1<<20), "MiB-resident")
			b.ReportMetric(float64(memory(b, s, "VmHWM"))/(1<<20), "MiB-peak")

			// A pattern that matches nothing: all pools are read again.
			body = podReview("bench", `"v1.multus-cni.io/default-network":"kube-system/macvlan-standalone-vlan0","ipam.spidernet.io/ippool":"{\"ipv4\":[\"no-such-*\"]}"`)
			start := time.Now()
			_, text, err := post(client, "https://"+s.Address+"/validate", "application/json", strings.NewReader(body))
			if err != nil || !strings.Contains(text, "ippool-not-found") {
				b.Fatalf("a pattern that matches no pool: %q %v", text, err)
			}
			b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-with-list")
			b.ReportMetric(float64(memory(b, s, "VmHWM"))/(1<<20), "MiB-peak-with-list")
		})
	}
}

// each calls do with every number below count, from several goroutines.
func each(b *testing.B, count int, do func(i int) error) {
	b.Helper()
	const workers = 8
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < count; i += workers {
				if err := do(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// createNetworks makes networks, and returns what removes them: one by one, since each
// deletion is judged, and all of them take longer than one request may.
func createNetworks(b *testing.B, networks nadclient.Interface, count int) (remove func()) {
	b.Helper()
	client := networks.K8sCniCncfIoV1().NetworkAttachmentDefinitions("default")
	name := func(i int) string { return fmt.Sprint("macvlan-overlay-bench-", i) }
	each(b, count, func(i int) error {
		nad := &nadv1.NetworkAttachmentDefinition{
			ObjectMeta: metav1.ObjectMeta{
				Name:        name(i),
				Annotations: map[string]string{"v1.multus-underlay-cni.io/instance-type": "macvlan_overlay"},
			},
			Spec: nadv1.NetworkAttachmentDefinitionSpec{Config: fmt.Sprintf(`{"cniVersion":"0.3.1","name":"macvlan-overlay","plugins":[
				{"type":"macvlan","master":"bond0.%d","mode":"bridge","ipam":{"type":"spiderpool","log_level":"DEBUG","log_file_path":"/var/log/spidernet/spiderpool.log","default_ipv4_ippool":["pool-%d"]}},
				{"type":"router","service_hijack_subnet":["10.233.0.0/18"],"overlay_hijack_subnet":["10.233.64.0/18"],"overlay_interface":"eth0"}]}`, i%4095, i)},
		}
		_, err := client.Create(context.Background(), nad, metav1.CreateOptions{})
		return err
	})
	return func() {
		each(b, count, func(i int) error { return client.Delete(context.Background(), name(i), metav1.DeleteOptions{}) })
	}
}

// createPools makes pools like those of a large cluster, each with a hundred
// addresses in use, and returns what removes them. The first one is the default:
// without it no pod would be right, and each refusal be confirmed.
func createPools(b *testing.B, config *rest.Config, count int) (remove func()) {
	b.Helper()
	all, err := dynamic.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	pools := all.Resource(schema.GroupVersionResource{Group: "spiderpool.spidernet.io", Version: "v2beta1", Resource: "spiderippools"})
	addresses := map[string]any{}
	for i := range 100 {
		addresses[fmt.Sprint("10.6.0.", i)] = map[string]string{"pod": fmt.Sprint("default/web-7d4b9c6f5d-", i), "podUid": "0f7c2f0e-6f5f-4f52-9d5e-3c1b8f1f6a11"}
	}
	allocated, err := json.Marshal(addresses)
	if err != nil {
		b.Fatal(err)
	}
	each(b, count, func(i int) error {
		pool := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderIPPool",
			"metadata": map[string]any{"name": fmt.Sprint("pool-", i), "labels": map[string]any{"bench": "true"}},
			"spec": map[string]any{
				"subnet": "10.6.0.0/16", "ips": []any{"10.6.0.0-10.6.0.250"}, "multusName": []any{fmt.Sprint("default/macvlan-overlay-bench-", i)},
				"namespaceName": []any{fmt.Sprint("bench-", i%1000)}, "podAffinity": map[string]any{"matchLabels": map[string]any{"app": fmt.Sprint("app-", i)}},
			},
		}}
		if i == 0 {
			pool.Object["spec"] = map[string]any{"subnet": "10.6.0.0/16", "default": true}
		}
		if _, err := pools.Create(context.Background(), pool, metav1.CreateOptions{}); err != nil {
			return err
		}
		status, err := json.Marshal(map[string]any{"status": map[string]any{"totalIPCount": 251, "allocatedIPCount": len(addresses), "allocatedIPs": string(allocated)}})
		if err != nil {
			return err
		}
		_, err = pools.Patch(context.Background(), pool.GetName(), types.MergePatchType, status, metav1.PatchOptions{}, "status")
		return err
	})
	return func() {
		if err := pools.DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "bench"}); err != nil {
			b.Error(err)
		}
	}
}

// createNamespaces makes namespaces that name pools, and returns what removes them.
func createNamespaces(b *testing.B, config *rest.Config, count int) (remove func()) {
	b.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	name := func(i int) string { return fmt.Sprint("bench-", i) }
	each(b, count, func(i int) error {
		_, err := client.CoreV1().Namespaces().Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name(i), Labels: map[string]string{"team": fmt.Sprint("team-", i%50)},
			Annotations: map[string]string{"ipam.spidernet.io/default-ipv4-ippool": fmt.Sprintf(`["pool-%d"]`, i)},
		}}, metav1.CreateOptions{})
		return err
	})
	return func() {
		each(b, count, func(i int) error {
			return client.CoreV1().Namespaces().Delete(context.Background(), name(i), metav1.DeleteOptions{})
		})
	}
}

// createWorkloads makes Deployments without pods, each with ten fixed addresses, and
// returns what removes them.
func createWorkloads(b *testing.B, config *rest.Config, count int) (remove func()) {
	b.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	deployments := client.AppsV1().Deployments("default")
	each(b, count, func(i int) error {
		var ips []string
		for n := range 10 {
			ips = append(ips, fmt.Sprintf("10.%d.%d.%d", 80+i/250, i%250, 10+n))
		}
		labels := map[string]string{"app": fmt.Sprint("bench-", i)}
		_, err := deployments.Create(context.Background(), &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: labels["app"], Labels: map[string]string{"bench": "true"}},
			Spec: appsv1.DeploymentSpec{
				Replicas: new(int32(0)),
				Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{
						"k8s.v1.cni.cncf.io/networks":    `[{"name":"rancher-flat-network","interface":"eth1"}]`,
						"flatnetwork.pandaria.io/subnet": "bench", "flatnetwork.pandaria.io/ip": strings.Join(ips, "-"),
					}},
					Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
				},
			},
		}, metav1.CreateOptions{})
		return err
	})
	return func() {
		if err := deployments.DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "bench"}); err != nil {
			b.Error(err)
		}
	}
}

// waitForCaches waits until the server's caches hold at least so much.
func waitForCaches(b *testing.B, s *server.Server, size load) {
	b.Helper()
	want := map[string]int{"networks": size.networks, "pools": size.pools, "namespaces": size.namespaces, "address_holders": size.workloads}
	wait.Until(b, fmt.Sprintf("caches with %+v", size), func() bool {
		_, text, err := s.Probe(b.Context(), "/metrics")
		if err != nil {
			b.Fatal(err)
		}
		full := 0
		for _, m := range cacheMetric.FindAllStringSubmatch(text, -1) {
			if n, err := strconv.ParseFloat(m[2], 64); err == nil && int(n) >= want[m[1]] {
				full++
			}
		}
		return full == len(want)
	})
}

// memory is a size from the status of the server's process, in bytes.
func memory(tb testing.TB, s *server.Server, field string) int {
	tb.Helper()
	size, err := s.Memory(field)
	if err != nil {
		tb.Fatal(err)
	}
	return size
}
