package rules

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// remedyOf is the first remedy of a rule.
func remedyOf(t *testing.T, v *verdict.Verdict, rule string) string {
	t.Helper()
	for _, f := range v.Findings {
		if f.Rule == rule {
			return f.Remedy
		}
	}
	t.Fatalf("no finding of %s:\n%s", rule, v.Explanation(verdict.Warn))
	return ""
}

func TestRemedies(t *testing.T) {
	c, _ := rolesCluster(t)
	const first, mixed, onOverlay = "overlay-as-default-network", "standalone-mixed-with-overlay", "standalone-on-overlay-pod"
	networks := func(value string) string { return indent + multus.NetworksAnnotation + ": " + value }
	defaultNetwork := func(value string) string { return indent + multus.DefaultNetworkAnnotation + ": " + value }
	const extra = "remove v1.multus-cni.io/default-network and write it as an extra network:"
	for _, tt := range []struct {
		name string
		pod  *pod.Subject
		rule string
		want string
	}{
		{"a name of its place is left out", podOf("first", "kube-system/router@eth0", "networks", "kube-system/veth"), first,
			extra + networks(`"kube-system/router"`)},
		{"also in JSON, whatever its key", podOf("first", `[{"name":"router","interfaceRequest":"eth0","mac":"02:00:00:00:00:01"}]`), first,
			extra + networks(`'[{"mac":"02:00:00:00:00:01","name":"router","namespace":"kube-system"}]'`)},
		{"a name that the moved network would get", podOf("first", "kube-system/router", "networks", "kube-system/plain@net1"), first,
			extra + networks(`"kube-system/plain@net1,kube-system/router"`)},
		{"names of later places", podOf("first", "kube-system/router", "networks", "kube-system/plain@net2,kube-system/plain@lan,kube-system/plain"), first,
			extra + networks(`"kube-system/router,kube-system/plain@net2,kube-system/plain@lan,kube-system/plain"`)},
		{"pools of the extra interface", podOf("networks", "kube-system/veth", "ippools", `[{"interface":"net1","ipv4":["p1"],"cleangateway":true}]`), onOverlay,
			"make a standalone network the pod's first interface:" + defaultNetwork(`"kube-system/veth"`) + indent + "remove k8s.v1.cni.cncf.io/networks" +
				indent + `ipam.spidernet.io/ippools: '[{"interface":"eth0","cleangateway":true,"ipv4":["p1"]}]'` + "\nor use the overlay network of the same VLAN as the extra network"},
		{"pools of the first interface", podOf("first", "kube-system/router", "networks", "kube-system/overlay", "nic", "net1",
			"ippools", `[{"interface":"eth0","ipv4":["p1"]},{"interface":"net1","ipv4":["p2"]}]`), first,
			extra + networks(`"kube-system/router,kube-system/overlay"`) + indent + `ipam.spidernet.io/ippools: '[{"interface":"net1","ipv4":["p1"]},{"interface":"net2","ipv4":["p2"]}]'` +
				indent + `ipam.spidernet.io/default-route-nic: "net2"`},
		{"pools by place", podOf("first", "kube-system/router", "networks", "kube-system/plain-host,kube-system/overlay",
			"ippools", `[{"ipv4":["p1"]},{"ipv4":["p2"]},{"ipv4":["p3"]}]`), first,
			extra + networks(`"kube-system/router,kube-system/plain-host,kube-system/overlay"`) +
				indent + `ipam.spidernet.io/ippools: '[{"interface":"net1","ipv4":["p1"]},{"interface":"net2","ipv4":["p2"]},{"interface":"net3","ipv4":["p3"]}]'`},
		{"pools of what is left out", podOf("first", "kube-system/veth", "networks", "kube-system/router", "ippools", `[{"interface":"eth0","ipv4":["p1"]},{"interface":"net1","ipv4":["p2"]}]`), mixed,
			"leave out the overlay networks:" + indent + "remove k8s.v1.cni.cncf.io/networks" + indent + `ipam.spidernet.io/ippools: '[{"interface":"eth0","ipv4":["p1"]}]'` +
				"\nor use the standalone networks of the same VLANs instead"},
		{"subnets", podOf("networks", "kube-system/veth@lan", "subnets", `[{"interface":"lan","ipv4":["s"]}]`), onOverlay,
			"make a standalone network the pod's first interface:" + defaultNetwork(`"kube-system/veth"`) + indent + "remove k8s.v1.cni.cncf.io/networks" +
				indent + `ipam.spidernet.io/subnets: '[{"interface":"eth0","ipv4":["s"]}]'` + "\nor use the overlay network of the same VLAN as the extra network"},
		{"a subnet of the first interface", podOf("first", "kube-system/router", "subnet", `{"ipv4":["s"]}`), first,
			extra + networks(`"kube-system/router"`) + indent + `ipam.spidernet.io/subnet: '{"interface":"net1","ipv4":["s"]}'`},
		{"pools that do not move", podOf("networks", "kube-system/router,kube-system/veth", "ippools", `[{"interface":"net1","ipv4":["p1"]}]`), mixed,
			"leave out the standalone networks:" + networks(`"kube-system/router"`)},
		{"pools of an interface that is not there", podOf("first", "kube-system/router", "ippools", `[{"interface":"lan","ipv4":["p1"]}]`), first,
			extra + networks(`"kube-system/router"`)},
		{"pools of an interface that moves beside one that is unknown", podOf("first", "kube-system/router", "ippools", `[{"interface":"eth0","ipv4":["p1"]},{"interface":"lan","ipv4":["p2"]}]`), first,
			extra + networks(`"kube-system/router"`) + indent + "ipam.spidernet.io/ippools names the interfaces as they are called then"},
		{"one name twice", podOf("first", "kube-system/router", "networks", "kube-system/plain@lan,kube-system/overlay@lan"), first,
			extra + indent + `k8s.v1.cni.cncf.io/networks names exactly "kube-system/router", "kube-system/plain", "kube-system/overlay", no two of them with one interface name`},
		{"a long list", podOf("networks", strings.Repeat("kube-system/router,", 30)+"kube-system/veth"), mixed,
			`leave out the standalone networks:` + indent + `k8s.v1.cni.cncf.io/networks names what it names now without "kube-system/veth"`},
		{"a long list and one more", podOf("first", "kube-system/overlay", "networks", strings.Repeat("kube-system/router,", 30)+"kube-system/veth"), first,
			extra + indent + `k8s.v1.cni.cncf.io/networks names what it names now without "kube-system/veth", and "kube-system/overlay"`},
	} {
		v := c.judge(tt.pod, config.Default())
		if got := remedyOf(t, &v, tt.rule); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// The annotation that is filled in stands in nobody's file.
func TestRemedyOfFilledInPools(t *testing.T) {
	c := newCluster(t)
	s := c.complete(podOf("first", "kube-system/lan-default"), config.Default())
	if s.FilledIn == nil {
		t.Fatal("nothing is filled in")
	}
	v := c.judge(s, config.Default())
	if remedy := remedyOf(t, &v, "overlay-as-default-network"); strings.Contains(remedy, short["ippools"]) {
		t.Error(remedy)
	}
}

// A default-network without a namespace is told to have one, and loses nothing else.
func TestRemedyOfNamespace(t *testing.T) {
	c, _ := rolesCluster(t)
	c.setPool(t, "bound", `"ipVersion":4,"subnet":"10.9.0.0/24","multusName":["kube-system/veth"]`)
	conf := config.Default()
	conf.Spiderpool.Namespace = "spiderpool"
	for first, want := range map[string]string{
		"veth": `"kube-system/veth"`,
		`[{"name":"veth","mac":"02:00:00:00:00:01","interface":"eth0"}]`: `'[{"interface":"eth0","mac":"02:00:00:00:00:01","name":"veth","namespace":"kube-system"}]'`,
	} {
		v := c.judge(podOf("first", first, "ippool", `{"ipv4":["bound"]}`), conf)
		if got := remedyOf(t, &v, "ippool-network-mismatch"); got != "write the namespace of the network:"+indent+multus.DefaultNetworkAnnotation+": "+want {
			t.Error(got)
		}
	}
}

// A remedy is made once, and each annotation read once for it, however many networks there
// are: rendering each network for each finding took 75 MB.
func TestRemediesOfManyNetworks(t *testing.T) {
	c, _ := rolesCluster(t)
	var ips []string
	for i := range 20 {
		ips = append(ips, fmt.Sprintf(`"10.1.1.%d/24"`, i))
	}
	element := `{"name":"veth-host","namespace":"kube-system","ips":[` + strings.Join(ips, ",") + `]}`
	s := podOf("networks", "["+strings.TrimSuffix(strings.Repeat(element+",", 120), ",")+"]")
	view := c.view(s, config.Default())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found := ruleStandaloneOnOverlayPod.Check(view)
	runtime.ReadMemStats(&after)
	if len(found) != verdict.MaxFindings || found[len(found)-1].More != 100 {
		t.Errorf("%d findings", len(found))
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 {
		t.Errorf("%d bytes for %d findings", allocated, len(found))
	}
}
