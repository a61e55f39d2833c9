package inventory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// ten are the IP and MAC addresses of the n-th workload, ten of each.
func ten(n int) (ips, macs string) {
	var allIPs, allMACs []string
	for m := range 10 {
		allIPs = append(allIPs, fmt.Sprintf("10.%d.%d.%d", n/250, n%250, 10+m))
		allMACs = append(allMACs, fmt.Sprintf("02:00:%02x:%02x:00:%02x", n/250, n%250, m))
	}
	return strings.Join(allIPs, "-"), strings.Join(allMACs, "-")
}

// BenchmarkJudgeAddresses is a decision on a Deployment with ten fixed addresses in a
// cluster with others like it: one whose addresses are free, and one whose addresses
// the last of the others has.
func BenchmarkJudgeAddresses(b *testing.B) {
	for _, workloads := range []int{10, 2_000} {
		var world strings.Builder
		world.WriteString("{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanSubnet, metadata: {name: wide, namespace: kube-system}, spec: {master: eth1, vlan: 9, cidr: 10.0.0.0/8}}\n---\n")
		world.WriteString(`{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: static-macvlan-cni-attach}, spec: {config: '{"cniVersion": "0.3.1", "type": "static-macvlan-cni"}'}}` + "\n---\n")
		for n := range workloads {
			ips, macs := ten(n)
			fmt.Fprintf(&world, "%s\n---\n", workload(fmt.Sprint("web-", n), ips, macs))
		}
		inv := given.Inventory(b, world.String())
		for what, n := range map[string]int{"free": 5_000, "taken": workloads - 1} {
			ips, macs := ten(n)
			subject, err := pod.Decode("apps/v1", "Deployment", "default", []byte(workload("new", ips, macs)))
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("workloads=%d/%s", workloads, what), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					v := review.JudgePod(b.Context(), inv, config.Default(), subject)
					if taken := v.Decision() == verdict.Deny; taken != (what == "taken") {
						b.Fatal(v.Explanation(verdict.Warn))
					}
				}
			})
		}
	}
}

// workload is a Deployment in JSON, and so in YAML.
func workload(name, ips, macs string) string {
	return fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"%s"},"spec":{"replicas":10,"strategy":{"type":"Recreate"},"template":{"metadata":{"annotations":{`+
		`"k8s.v1.cni.cncf.io/networks":"[{\"name\":\"static-macvlan-cni-attach\",\"interface\":\"eth1\"}]","macvlan.pandaria.cattle.io/subnet":"wide",`+
		`"macvlan.pandaria.cattle.io/ip":"%s","macvlan.pandaria.cattle.io/mac":"%s"}}}}}`, name, ips, macs)
}
