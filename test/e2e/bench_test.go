package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	nadclient "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/clientset/versioned"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

var networksMetric = regexp.MustCompile(`(?m)^macvlan_webhook_networks (\S+)$`)

// BenchmarkResidentMemory reports the memory of a server that follows a cluster
// with few networks, then with ten thousand, and the time from a request to its
// answer with those in the cache.
func BenchmarkResidentMemory(b *testing.B) {
	config := cluster.Config()
	config.QPS = -1
	networks, err := nadclient.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	for _, count := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("networks=%d", count), func(b *testing.B) {
			createNetworks(b, networks, count)
			defer func() {
				if err := networks.K8sCniCncfIoV1().NetworkAttachmentDefinitions("default").DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "bench"}); err != nil {
					b.Fatal(err)
				}
			}()
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
			waitForNetworks(b, s, count)
			// What the first list needed is given back to the system by and by.
			time.Sleep(5 * time.Second)
			resident := memory(b, s.PID(), "VmRSS:")
			body := review("bench", `"k8s.v1.cni.cncf.io/networks":"kube-system/macvlan-overlay-vlan0"`)
			for b.Loop() {
				if _, _, err := post(client, "https://"+s.Address+"/validate", "application/json", strings.NewReader(body)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(resident)/(1<<20), "MiB-resident")
			b.ReportMetric(float64(memory(b, s.PID(), "VmHWM:"))/(1<<20), "MiB-peak")
		})
	}
}

func createNetworks(b *testing.B, networks nadclient.Interface, count int) {
	b.Helper()
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := w; i < count; i += 8 {
				nad := &nadv1.NetworkAttachmentDefinition{
					ObjectMeta: metav1.ObjectMeta{
						Name:        fmt.Sprintf("macvlan-overlay-bench-%d", i),
						Labels:      map[string]string{"bench": "true"},
						Annotations: map[string]string{"v1.multus-underlay-cni.io/instance-type": "macvlan_overlay"},
					},
					Spec: nadv1.NetworkAttachmentDefinitionSpec{Config: fmt.Sprintf(`{"cniVersion":"0.3.1","name":"macvlan-overlay","plugins":[
						{"type":"macvlan","master":"bond0.%d","mode":"bridge","ipam":{"type":"spiderpool","log_level":"DEBUG","log_file_path":"/var/log/spidernet/spiderpool.log","default_ipv4_ippool":["pool-%d"]}},
						{"type":"router","service_hijack_subnet":["10.233.0.0/18"],"overlay_hijack_subnet":["10.233.64.0/18"],"overlay_interface":"eth0"}]}`, i%4095, i)},
				}
				if _, err := networks.K8sCniCncfIoV1().NetworkAttachmentDefinitions("default").Create(context.Background(), nad, metav1.CreateOptions{}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
}

func waitForNetworks(b *testing.B, s *server.Server, count int) {
	b.Helper()
	for end := time.Now().Add(wait.Patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		_, text, err := s.Probe(b.Context(), "/metrics")
		if err != nil {
			b.Fatal(err)
		}
		if m := networksMetric.FindStringSubmatch(text); m != nil {
			if n, err := strconv.ParseFloat(m[1], 64); err == nil && int(n) >= count {
				return
			}
		}
	}
	b.Fatalf("the cache does not fill with %d networks", count)
}

// memory is a line of the process's status that counts KiB, in bytes.
func memory(tb testing.TB, pid int, field string) int {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				tb.Fatal(err)
			}
			return kib << 10
		}
	}
	tb.Fatalf("no %s in the status of process %d", field, pid)
	return 0
}
