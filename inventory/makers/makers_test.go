package makers_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/makers"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
)

// made are the networks of an object in YAML, in namespace default where it names none.
func made(t *testing.T, text string) ([]nad.Made, error) {
	t.Helper()
	object, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		APIVersion, Kind string
		Metadata         struct{ Namespace string }
	}
	if err := json.Unmarshal(object, &o); err != nil {
		t.Fatal(err)
	}
	if o.Metadata.Namespace == "" {
		o.Metadata.Namespace = "default"
	}
	return makers.Networks(o.APIVersion, o.Kind, o.Metadata.Namespace, object)
}

func spider(spec string) string {
	return "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderMultusConfig, metadata: {name: net, namespace: kube-system, labels: {a: b}}, spec: {" + spec + "}}"
}

func of(apiVersion, kind, spec string) string {
	return "{apiVersion: " + apiVersion + ", kind: " + kind + ", metadata: {name: net, namespace: operator}, spec: {" + spec + "}}"
}

func sriov(kind, spec string) string  { return of("sriovnetwork.openshift.io/v1", kind, spec) }
func nvidia(kind, spec string) string { return of("mellanox.com/v1alpha1", kind, spec) }

func additional(networks string) string {
	return of("operator.openshift.io/v1", "Network", "additionalNetworks: ["+networks+"]")
}

const auto = `{"type":"coordinator","mode":"auto"}`

// list is a configuration of Spiderpool's.
func list(plugins string) string {
	return `{"cniVersion":"0.3.1","name":"net","plugins":[` + plugins + `]}`
}

func TestConfig(t *testing.T) {
	tests := []struct {
		name, object string
		// want is the configuration; empty where it is not known.
		want string
		// ref is the network, and resource that of its devices.
		ref, resource string
	}{
		// Spiderpool.
		{"macvlan", spider("cniType: macvlan, macvlan: {master: [eth1], mtu: 1450, ippools: {ipv4: [a, b], ipv6: [c]}}"),
			list(`{"type":"macvlan","mode":"bridge","master":"eth1","mtu":1450,"ipam":{"type":"spiderpool","default_ipv4_ippool":["a","b"],"default_ipv6_ippool":["c"]}},` + auto), "kube-system/net", ""},
		{"ifacer makes the VLAN", spider("cniType: macvlan, macvlan: {master: [eth1], vlanID: 100}"),
			list(`{"type":"ifacer","interfaces":["eth1"],"vlanID":100},{"type":"macvlan","mode":"bridge","master":"eth1.100","ipam":{"type":"spiderpool"}},` + auto), "kube-system/net", ""},
		{"ifacer makes bond and VLAN", spider("cniType: ipvlan, ipvlan: {master: [eth1, eth2], vlanID: 7, bond: {name: bond1, mode: 1}}, enableCoordinator: false, disableIPAM: true"),
			list(`{"type":"ifacer","interfaces":["eth1","eth2"],"vlanID":7,"bond":{"name":"bond1","mode":1}},{"type":"ipvlan","master":"bond1.7"}`), "kube-system/net", ""},
		{"VLAN 0 is none", spider("cniType: macvlan, macvlan: {master: [eth1], vlanID: 0, bond: {name: unused, mode: 1}}, enableCoordinator: false"),
			list(`{"type":"macvlan","mode":"bridge","master":"eth1","ipam":{"type":"spiderpool"}}`), "kube-system/net", ""},
		{"vlan", spider("cniType: vlan, vlan: {master: [eth1], vlanID: 100, ippools: {ipv4: [a]}}, enableCoordinator: false"),
			list(`{"type":"vlan","vlanMode":"manual","vlanId":100,"master":"eth1","ipam":{"type":"spiderpool","default_ipv4_ippool":["a"]}}`), "kube-system/net", ""},
		{"vlan on a bond, by itself", spider("cniType: vlan, vlan: {master: [eth1, eth2], vlanMode: auto, bond: {name: bond1, mode: 4, options: miimon=100}}, enableCoordinator: false"),
			list(`{"type":"ifacer","interfaces":["eth1","eth2"],"bond":{"name":"bond1","mode":4,"options":"miimon=100"}},{"type":"vlan","vlanMode":"auto","master":"bond1","ipam":{"type":"spiderpool"}}`), "kube-system/net", ""},
		{"sriov", spider("cniType: sriov, sriov: {resourceName: spidernet.io/sriov, vlanID: 5, minTxRateMbps: 1, maxTxRateMbps: 2, rdmaIsolation: true, mtu: 9000, ippools: {ipv4: [a], matchMasterSubnet: true}}, chainCNIJsonData: ['{\"type\":\"sbr\"}']"),
			list(`{"type":"sriov","vlan":5,"min_tx_rate":1,"max_tx_rate":2,"ipam":{"type":"spiderpool","default_ipv4_ippool":["a"],"match_master_subnet":true}},{"type":"rdma"},{"type":"sbr"},` + auto + `,{"type":"tuning","mtu":9000}`), "kube-system/net", "spidernet.io/sriov"},
		{"ib-sriov", spider("cniType: ib-sriov, ibsriov: {resourceName: spidernet.io/ib, pkey: '0x1', ippools: {ipv4: [a]}}, enableCoordinator: false"),
			list(`{"type":"ib-sriov","pkey":"0x1","link_state":"enable","rdmaIsolation":true,"ibKubernetesEnabled":false,"ipam":{"type":"spiderpool","default_ipv4_ippool":["a"]}}`), "kube-system/net", "spidernet.io/ib"},
		{"ipoib", spider("cniType: ipoib, ipoib: {master: ib0, ippools: {ipv6: [a]}}, enableCoordinator: false"),
			list(`{"type":"ipoib","master":"ib0","ipam":{"type":"spiderpool","default_ipv6_ippool":["a"]}}`), "kube-system/net", ""},
		{"ovs", spider("cniType: ovs, ovs: {bridge: br1, vlan: 3, trunk: [{minID: 1, maxID: 2}], ippools: {ipv4: [a]}}, enableCoordinator: false"),
			list(`{"type":"ovs","bridge":"br1","vlan":3,"trunk":[{"minID":1,"maxID":2}],"ipam":{"type":"spiderpool","default_ipv4_ippool":["a"]}}`), "kube-system/net", ""},
		{"ovs on a device", spider("cniType: ovs, ovs: {bridge: br1, deviceID: '0000:01:00.1'}, enableCoordinator: false, disableIPAM: true"),
			list(`{"type":"ovs","bridge":"br1","deviceID":"0000:01:00.1"}`), "kube-system/net", "ovs-cni.network.kubevirt.io/br1"},
		{"coordinator", spider("cniType: macvlan, disableIPAM: true, macvlan: {master: [eth1]}, coordinator: {mode: overlay, podDefaultRouteNIC: net1, hijackCIDR: [10.0.0.0/8], podCIDRType: auto}"),
			list(`{"type":"macvlan","mode":"bridge","master":"eth1"},{"type":"coordinator","mode":"overlay","podDefaultRouteNic":"net1","hijackCIDR":["10.0.0.0/8"]}`), "kube-system/net", ""},
		{"custom, with nothing chained", spider(`cniType: custom, customCNI: '{"type":"macvlan"}', chainCNIJsonData: ['{"type":"sbr"}']`), `{"type":"macvlan"}`, "kube-system/net", ""},
		{"custom by default, on the node", spider(""), "", "kube-system/net", ""},
		{"a type of later versions", spider("cniType: bridge, bridge: {}"), "", "kube-system/net", ""},
		{"names and version", `{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderMultusConfig, metadata: {name: net, annotations:
			{multus.spidernet.io/cr-name: other, cni.spidernet.io/cniconfig-name: third, multus.spidernet.io/cni-version: 1.0.0}},
			spec: {cniType: ipoib, ipoib: {master: ib0}, enableCoordinator: false, disableIPAM: true}}`,
			`{"cniVersion":"1.0.0","name":"third","plugins":[{"type":"ipoib","master":"ib0"}]}`, "default/other", ""},

		// OpenShift.
		{"raw", additional(`{type: Raw, name: net, namespace: team-a, rawCNIConfig: '{"type":"macvlan"}'}`), `{"type":"macvlan"}`, "team-a/net", ""},
		{"raw that is no JSON", additional(`{type: Raw, name: net, rawCNIConfig: '{'}`), "", "default/net", ""},
		{"simple", additional(`{type: SimpleMacvlan, name: net}`), `{"cniVersion":"0.3.1","type":"macvlan","ipam":{"type":"dhcp"}}`, "default/net", ""},
		{"simple with DHCP", additional(`{type: SimpleMacvlan, name: net, simpleMacvlanConfig: {master: eth1, mode: VEPA, mtu: 1400, ipamConfig: {type: DHCP}}}`),
			`{"cniVersion":"0.3.1","type":"macvlan","master":"eth1","mode":"vepa","mtu":1400,"ipam":{"type":"dhcp"}}`, "default/net", ""},
		{"simple with addresses", additional(`{type: SimpleMacvlan, name: net, simpleMacvlanConfig: {master: eth1, mode: Bridge, ipamConfig: {type: Static, staticIPAMConfig:
			{addresses: [{address: 10.1.1.7/24, gateway: 10.1.1.1}], routes: [{destination: 10.9.0.9/16, gateway: 10.1.1.1}], dns: {nameservers: [10.1.1.1]}}}}}`),
			`{"cniVersion":"0.3.1","type":"macvlan","master":"eth1","mode":"bridge","ipam":{"type":"static","addresses":[{"address":"10.1.1.7/24","gateway":"10.1.1.1"}],"routes":[{"dst":"10.9.0.0/16","gw":"10.1.1.1"}],"dns":{"nameservers":["10.1.1.1"]}}}`, "default/net", ""},
		{"simple, addresses of the pod", additional(`{type: SimpleMacvlan, name: net, simpleMacvlanConfig: {ipamConfig: {type: Static}}}`),
			`{"cniVersion":"0.3.1","type":"macvlan","ipam":{"type":"static","capabilities":["ips"]}}`, "default/net", ""},
		{"simple with an address that the operator refuses", additional(`{type: SimpleMacvlan, name: net, simpleMacvlanConfig: {ipamConfig: {type: Static, staticIPAMConfig: {addresses: [{address: 10.1.1.7}]}}}}`), "", "default/net", ""},
		{"simple with whereabouts", additional(`{type: SimpleMacvlan, name: net, simpleMacvlanConfig: {ipamConfig: {type: Whereabouts}}}`), "", "default/net", ""},
		{"another type", additional(`{type: Quantum, name: net}`), "", "default/net", ""},

		// The SR-IOV operator.
		{"SriovNetwork", sriov("SriovNetwork", `networkNamespace: team-a, resourceName: nics, vlan: 100, spoofChk: "on", trust: "off", linkState: auto, minTxRate: 0, maxTxRate: 100, capabilities: '{"mac": true}', ipam: ' {"type": "host-local"} '`),
			`{"cniVersion":"1.0.0","name":"net","type":"sriov","vlan":100,"vlanQoS":0,"spoofchk":"on","trust":"off","link_state":"auto","min_tx_rate":0,"max_tx_rate":100,"capabilities":{"mac":true},"ipam":{"type":"host-local"}}`, "team-a/net", "openshift.io/nics"},
		{"SriovNetwork in its own namespace, chained", sriov("SriovNetwork", `resourceName: nics, metaPlugins: '{"type": "tuning"}, {"type": "vrf", "vrfname": "red"}'`),
			`{"cniVersion":"1.0.0","name":"net","plugins":[{"type":"sriov","vlan":0,"vlanQoS":0,"ipam":{}},{"type":"tuning"},{"type":"vrf","vrfname":"red"}]}`, "operator/net", "openshift.io/nics"},
		{"SriovNetwork with IPAM that is no JSON", sriov("SriovNetwork", `resourceName: nics, ipam: '{"type": '`), "", "operator/net", "openshift.io/nics"},
		{"SriovNetwork with capabilities that are no JSON", sriov("SriovNetwork", `resourceName: nics, capabilities: mac`), "", "operator/net", "openshift.io/nics"},
		{"SriovIBNetwork", sriov("SriovIBNetwork", `networkNamespace: team-a, resourceName: ib, linkState: enable`),
			`{"cniVersion":"1.0.0","name":"net","type":"ib-sriov","link_state":"enable","ipam":{}}`, "team-a/net", "openshift.io/ib"},
		{"OVSNetwork", sriov("OVSNetwork", `networkNamespace: team-a, resourceName: ovs, bridge: br0, vlan: 3, mtu: 1400, trunk: [{id: 5}], interfaceType: dpdk`),
			`{"cniVersion":"1.0.0","name":"net","type":"ovs","bridge":"br0","vlan":3,"mtu":1400,"trunk":[{"id":5}],"interface_type":"dpdk","ipam":{}}`, "team-a/net", "openshift.io/ovs"},

		// NVIDIA's operator.
		{"MacvlanNetwork", nvidia("MacvlanNetwork", `networkNamespace: team-a, master: ens2f0, mode: bridge, mtu: 1500, ipam: '{"type": "nv-ipam", "poolName": "my-pool"}'`),
			`{"cniVersion":"0.3.1","name":"net","type":"macvlan","master":"ens2f0","mode":"bridge","mtu":1500,"ipam":{"type":"nv-ipam","poolName":"my-pool"}}`, "team-a/net", ""},
		{"MacvlanNetwork with little, chained", nvidia("MacvlanNetwork", `metaPlugins: '{"type": "rdma"}'`),
			`{"cniVersion":"0.3.1","name":"net","plugins":[{"type":"macvlan","ipam":{}},{"type":"rdma"}]}`, "default/net", ""},
		{"MacvlanNetwork with an apostrophe", nvidia("MacvlanNetwork", `ipam: "{\"type\": \"it's\"}"`), "", "default/net", ""},
		{"MacvlanNetwork with half a chain", nvidia("MacvlanNetwork", `metaPlugins: '{"type": "rdma"},'`), "", "default/net", ""},
		{"IPoIBNetwork", nvidia("IPoIBNetwork", `master: ibs1, ipam: '{"type": "whereabouts", "range": "192.168.5.0/24"}'`),
			`{"cniVersion":"0.3.1","name":"net","type":"ipoib","master":"ibs1","ipam":{"type":"whereabouts","range":"192.168.5.0/24"}}`, "default/net", ""},
		{"HostDeviceNetwork", nvidia("HostDeviceNetwork", `networkNamespace: team-a, resourceName: hostdev`),
			`{"cniVersion":"0.3.1","name":"net","type":"host-device","ipam":{}}`, "team-a/net", "nvidia.com/hostdev"},
		{"HostDeviceNetwork with the whole resource", nvidia("HostDeviceNetwork", `resourceName: nvidia.com/hostdev`),
			`{"cniVersion":"0.3.1","name":"net","type":"host-device","ipam":{}}`, "default/net", "nvidia.com/hostdev"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			networks, err := made(t, tt.object)
			if err != nil || len(networks) != 1 {
				t.Fatalf("%d networks, error %v", len(networks), err)
			}
			n := &networks[0]
			if n.Origin.Fault != "" || n.NameBegins {
				t.Errorf("fault %q, the name begins: %t", n.Origin.Fault, n.NameBegins)
			}
			if ref := n.Source.Namespace + "/" + n.Source.Name; ref != tt.ref {
				t.Errorf("network %s, want %s", ref, tt.ref)
			}
			if got := n.Source.Annotations[cniconf.ResourceNameAnnotation]; got != tt.resource {
				t.Errorf("resource %q, want %q", got, tt.resource)
			}
			if len(n.Source.Labels) > 0 {
				t.Errorf("labels %v, which Spiderpool does not hand on", n.Source.Labels)
			}
			if !sameJSON(t, n.Source.Config, tt.want) {
				t.Errorf("configuration\n%s\nwant\n%s", n.Source.Config, tt.want)
			}
			if fault := cniconf.Compile(n.Source).Unusable; fault != "" {
				t.Errorf("no pod can use it: %s", fault)
			}
		})
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	if a == "" || b == "" {
		return a == b
	}
	var left, right any
	if err := json.Unmarshal([]byte(a), &left); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &right); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return reflect.DeepEqual(left, right)
}

// What Spiderpool's webhook refuses makes no network; it is there all the same, so that
// nobody is told that it is missing.
func TestRefused(t *testing.T) {
	tests := []struct{ name, spec, field, problem string }{
		{"the part of another type", "cniType: macvlan, ipvlan: {master: [eth1]}", "spec.cniType", `cniType is "macvlan", and spec.macvlan is missing`},
		{"no sriov", "cniType: sriov", "spec.cniType", `cniType is "sriov", and spec.sriov is missing`},
		{"no ib-sriov", "cniType: ib-sriov", "spec.cniType", `cniType is "ib-sriov", and spec.ibsriov is missing`},
		{"no ipoib", "cniType: ipoib", "spec.cniType", `cniType is "ipoib", and spec.ipoib is missing`},
		{"no ovs", "cniType: ovs", "spec.cniType", `cniType is "ovs", and spec.ovs is missing`},
		{"no master", "cniType: vlan, vlan: {master: []}", "spec.vlan", "master is empty"},
		{"no master of ipoib", "cniType: ipoib, ipoib: {}", "spec.ipoib", "master is missing"},
		{"no resource", "cniType: ib-sriov, ibsriov: {}", "spec.ibsriov", "resourceName is missing"},
		{"no bond", "cniType: macvlan, macvlan: {master: [eth1, eth2]}", "spec.macvlan.master", "master names 2 links, and bond.name"},
		{"VLAN 5000", "cniType: macvlan, macvlan: {master: [eth1], vlanID: 5000}", "spec.macvlan.vlanID", "5000 is not a VLAN ID"},
		{"VLAN -1", "cniType: sriov, sriov: {resourceName: a/b, vlanID: -1}", "spec.sriov.vlanID", "-1 is not a VLAN ID"},
		{"chained text", `cniType: macvlan, macvlan: {master: [eth1]}, chainCNIJsonData: ['{"type":"sbr"}', 'sbr']`, "spec.chainCNIJsonData[1]", "the text is not the configuration of a plugin in JSON"},
		{"chained without a type", `cniType: macvlan, macvlan: {master: [eth1]}, chainCNIJsonData: ['{}']`, "spec.chainCNIJsonData[0]", `the plugin has no "type"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			networks, err := made(t, spider(tt.spec))
			if err != nil || len(networks) != 1 {
				t.Fatalf("%d networks, error %v", len(networks), err)
			}
			n := &networks[0]
			if n.Origin.FaultField != tt.field || !strings.HasPrefix(n.Origin.Fault, tt.problem) {
				t.Errorf("at %s: %s\nwant at %s: %s", n.Origin.FaultField, n.Origin.Fault, tt.field, tt.problem)
			}
			if n.Source.Config != "" {
				t.Errorf("a configuration: %s", n.Source.Config)
			}
		})
	}
}

func TestOthers(t *testing.T) {
	for _, other := range []string{
		of("config.openshift.io/v1", "Network", ""), of("example.com/v1", "SriovNetwork", ""), of("v1", "MacvlanNetwork", ""),
		of("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", ""), of("spiderpool.spidernet.io/v2beta1", "SpiderIPPool", ""),
	} {
		if networks, err := made(t, other); networks != nil || err != nil {
			t.Errorf("%s makes %v, error %v", other, networks, err)
		}
	}
	if makers.Known("config.openshift.io/v1", "Network") || !makers.Known("operator.openshift.io/v1", "Network") {
		t.Error("only the operator's own Network makes networks")
	}
	networks, err := made(t, additional(`{type: Raw, name: a, rawCNIConfig: '{"type":"a"}'}, {type: Raw, rawCNIConfig: '{"type":"b"}'}, {type: SimpleMacvlan, name: c}`))
	if err != nil || len(networks) != 2 || networks[0].Source.Name != "a" || networks[1].Source.Name != "c" {
		t.Errorf("%+v, error %v", networks, err)
	}
}

// Of an object that says nothing but names, the networks are there and nothing of them is known.
func TestConcealed(t *testing.T) {
	for _, text := range []string{
		spider("cniType: macvlan, macvlan: {master: [eth1]}"), spider("customCNI: '{}'"),
		sriov("SriovNetwork", "networkNamespace: a, resourceName: r"), sriov("SriovIBNetwork", "resourceName: r"), sriov("OVSNetwork", "bridge: b"),
		nvidia("MacvlanNetwork", "networkNamespace: a, master: eth1"), nvidia("IPoIBNetwork", "master: ib0"), nvidia("HostDeviceNetwork", "resourceName: r"),
		additional(`{type: Raw, name: a, namespace: b, rawCNIConfig: '{"type":"a"}'}, {type: SimpleMacvlan, name: c}`),
	} {
		before, err := made(t, text)
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]any
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		spec, _ := object["spec"].(map[string]any)
		object["spec"] = makers.Concealed(spec)
		concealed, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		after, err := made(t, string(concealed))
		if err != nil || len(after) != len(before) {
			t.Fatalf("%s: %d networks, error %v", text, len(after), err)
		}
		for i := range after {
			is, was := &after[i].Source, &before[i].Source
			if is.Name != was.Name || is.Namespace != was.Namespace || is.Config != "" || len(is.Annotations) > 0 || after[i].Origin.Fault != "" {
				t.Errorf("%s: %+v", text, after[i])
			}
		}
	}
}

// A name that is still to be made up is only the beginning of one.
func TestGenerateName(t *testing.T) {
	networks, err := made(t, "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderMultusConfig, metadata: {generateName: net-}, spec: {}}")
	if err != nil || len(networks) != 1 || !networks[0].NameBegins || networks[0].Source.Name != "net-" {
		t.Errorf("%+v, error %v", networks, err)
	}
}

func TestWrongTypes(t *testing.T) {
	for _, object := range []string{
		spider("cniType: 5"), additional("5"), sriov("SriovNetwork", "vlan: many"), nvidia("MacvlanNetwork", "ipam: {type: dhcp}"),
	} {
		if networks, err := made(t, object); err == nil {
			t.Errorf("%s: read as %+v", object, networks)
		}
	}
}
