package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	cri "github.com/containerd/go-cni"
	"github.com/containernetworking/cni/pkg/skel"
	cnitypes "github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	netapi "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	netfake "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/clientset/versioned/fake"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/k8sclient"
	"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/multus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// Where plugins and Multus keep what they know of pods, each at its default.
const (
	stateFolder  = "/var/lib/cni"
	multusFolder = "/var/lib/cni/multus"
	configFolder = "/etc/cni/net.d"
)

// sandbox is the ID of every pod's sandbox.
const sandbox = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// kinds are kinds of links that kernels may lack.
var kinds = map[string]netlink.Link{
	"vlan":              &netlink.Vlan{VlanId: 5},
	"ipvlan":            &netlink.IPVlan{Mode: netlink.IPVLAN_MODE_L2},
	"dummy":             &netlink.Dummy{},
	"vrf":               &netlink.Vrf{Table: 5},
	"bridge with VLANs": &netlink.Bridge{VlanFiltering: &yes},
}

var yes = true

// ready is what a node says before it takes pods.
type ready struct {
	// Lacks are the kinds of links that its kernel does not have.
	Lacks []string
}

// serve is a node: it takes pods, one JSON value each, and answers each with its outcome.
// The process has network, mount and process namespaces of its own already.
func serve(in io.Reader, out io.Writer) error {
	for _, folder := range []string{"/run", "/var/lib", "/etc"} {
		if err := unix.Mount("node", folder, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("mount an empty %s: %w", folder, err)
		}
	}
	// That of the new processes, in place of everybody's.
	if err := unix.Mount("node", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	var says ready
	for kind, l := range kinds {
		if !has(kind, l) {
			says.Lacks = append(says.Lacks, kind)
		}
	}
	answers := json.NewEncoder(out)
	if err := answers.Encode(says); err != nil {
		return err
	}
	for pods := json.NewDecoder(in); ; {
		var p pod
		if err := pods.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var o outcome
		if err := o.run(&p); err != nil {
			o.Broken = err.Error()
		}
		if err := answers.Encode(o); err != nil {
			return err
		}
	}
}

// has says whether the kernel has a kind of links.
func has(kind string, l netlink.Link) bool {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return false
	}
	l.Attrs().Name = "probe"
	if kind == "vlan" || kind == "ipvlan" {
		parent := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "parent"}, PeerName: "peer"}
		if netlink.LinkAdd(parent) != nil {
			return false
		}
		l.Attrs().ParentIndex = parent.Index
	}
	return !errors.Is(netlink.LinkAdd(l), unix.EOPNOTSUPP)
}

// run makes a node and runs a pod on it. What is made is gone with the namespaces; an error
// is one of the node.
func (o *outcome) run(p *pod) error {
	if err := prepare(p); err != nil {
		return err
	}
	// The kernel takes the one before away, with all that was in it.
	netns, err := testutils.NewNS()
	if err != nil {
		return fmt.Errorf("make the pod's namespace: %w", err)
	}
	defer func() {
		netns.Close()
		testutils.UnmountNS(netns)
	}()
	if err := netns.Do(func(ns.NetNS) error {
		// The kernel looks for duplicates of an IPv6 address for a second, and the plugins
		// wait for it. It never finds any here.
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0o644); err != nil {
			return err
		}
		return up("lo")
	}); err != nil {
		return fmt.Errorf("prepare the pod's namespace: %w", err)
	}

	client, err := p.client()
	if err != nil {
		return err
	}
	args := &skel.CmdArgs{
		ContainerID: sandbox, Netns: netns.Path(), IfName: "eth0", Path: os.Getenv("CNI_PATH"), StdinData: p.config(),
		Args: fmt.Sprintf("IgnoreUnknown=1;K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s;K8S_POD_INFRA_CONTAINER_ID=%s;K8S_POD_UID=uid", p.Namespace, p.Name, sandbox),
	}
	result, err := guarded(func() (cnitypes.Result, error) { return multus.CmdAdd(args, nil, client) })
	if err != nil {
		o.Failure = err.Error()
		return nil
	}
	// Of the cluster's own network containerd has nothing to say.
	if _, ok := p.Annotations[defaultNetworkKey]; ok || p.Multus.ClusterNetwork != "" {
		if o.Refusal, err = refusal(result, netns.Path()); err != nil {
			return err
		}
	}
	if err := netns.Do(func(ns.NetNS) error { return o.look() }); err != nil {
		return fmt.Errorf("look at the pod's interfaces: %w", err)
	}
	if p.Delete {
		if _, err := guarded(func() (cnitypes.Result, error) { return nil, multus.CmdDel(args, nil, client) }); err != nil {
			o.Deletion = err.Error()
		}
	}
	return nil
}

// guarded turns it into an error when Multus breaks off.
func guarded(call func() (cnitypes.Result, error)) (result cnitypes.Result, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("multus breaks off: %v", broken)
		}
	}()
	return call()
}

// prepare makes a new node, without anything of the one before.
func prepare(p *pod) error {
	for _, folder := range []string{stateFolder, "/run/cni", configFolder} {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(configFolder, 0o755); err != nil {
		return err
	}
	for i, n := range p.Networks {
		if n.OnNodes {
			if err := os.WriteFile(filepath.Join(configFolder, n.Name+".conflist"), clusterNetwork(n.Name, 1+i, p.Multus.WithoutDefaultRoute), 0o644); err != nil {
				return err
			}
		}
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make the node's namespace: %w", err)
	}
	if err := up("lo"); err != nil {
		return err
	}
	links := append([]link{{Name: "eth0", MTU: 1500}}, p.Links...)
	for i, l := range links {
		// What stands at the other end is nobody's concern.
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: l.Name, MTU: l.MTU}, PeerName: fmt.Sprintf("_peer%d", i), PeerMTU: uint32(l.MTU)}
		if err := netlink.LinkAdd(veth); err != nil {
			return fmt.Errorf("make the link %q: %w", l.Name, err)
		}
		for _, name := range []string{l.Name, veth.PeerName} {
			if err := up(name); err != nil {
				return err
			}
		}
	}
	eth0, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(eth0, &netlink.Addr{IPNet: &net.IPNet{IP: net.IP{192, 0, 2, 10}, Mask: net.CIDRMask(24, 32)}}); err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Gw: net.IP{192, 0, 2, 1}})
}

func up(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	return nil
}

// clusterNetwork stands in for a cluster's own network. Each has a number and a subnet of its
// own.
func clusterNetwork(name string, number int, withoutDefaultRoute bool) []byte {
	ipam := map[string]any{"type": "host-local", "ranges": []any{[]any{map[string]any{"subnet": fmt.Sprintf("10.244.%d.0/24", number)}}}}
	if !withoutDefaultRoute {
		ipam["routes"] = []any{map[string]any{"dst": "0.0.0.0/0"}}
	}
	text, err := json.Marshal(map[string]any{
		"cniVersion": "1.0.0", "name": name,
		"plugins": []any{map[string]any{"type": "ptp", "mtu": 1450, "ipam": ipam}},
	})
	if err != nil {
		panic(err) // maps and texts
	}
	return text
}

// config is Multus' own configuration.
func (p *pod) config() []byte {
	config := map[string]any{
		"cniVersion": "1.0.0", "name": "multus-cni-network", "type": "multus", "logToStderr": false, "binDir": "/nowhere",
		"confDir": configFolder, "cniDir": multusFolder,
		"multusNamespace": p.Multus.MultusNamespace, "namespaceIsolation": p.Multus.NamespaceIsolation,
		"globalNamespaces": strings.Join(p.Multus.GlobalNamespaces, ","),
	}
	if p.Multus.ClusterNetwork != "" {
		config["clusterNetwork"] = p.Multus.ClusterNetwork
	} else {
		config["delegates"] = []any{json.RawMessage(clusterNetwork("cluster-network", 0, p.Multus.WithoutDefaultRoute))}
	}
	text, err := json.Marshal(config)
	if err != nil {
		panic(err) // maps and texts
	}
	return text
}

// client is the API server that Multus asks.
func (p *pod) client() (*k8sclient.ClientInfo, error) {
	networks := netfake.NewSimpleClientset()
	for _, n := range p.Networks {
		// One by one: from a list the fake guesses another plural of the kind.
		if _, err := networks.K8sCniCncfIoV1().NetworkAttachmentDefinitions(n.Namespace).Create(context.Background(), &netapi.NetworkAttachmentDefinition{
			ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: n.Name, Annotations: n.Annotations},
			Spec:       netapi.NetworkAttachmentDefinitionSpec{Config: n.Config},
		}, metav1.CreateOptions{}); err != nil {
			return nil, fmt.Errorf("make the network %s/%s: %w", n.Namespace, n.Name, err)
		}
	}
	return &k8sclient.ClientInfo{
		Client: fake.NewSimpleClientset(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: p.Namespace, Name: p.Name, UID: "uid", Annotations: p.Annotations,
		}}),
		NetClient: networks,
	}, nil
}

// look notes what the namespace of the calling thread has.
func (o *outcome) look() error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	o.Interfaces = map[string]iface{}
	for _, l := range links {
		a := l.Attrs()
		i := iface{MAC: a.HardwareAddr.String(), MTU: a.MTU, Up: a.Flags&net.FlagUp != 0}
		addresses, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		for _, address := range addresses {
			i.Addresses = append(i.Addresses, address.IPNet.String())
		}
		o.Interfaces[a.Name] = i
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteList(nil, family)
		if err != nil {
			return err
		}
		for _, r := range routes {
			if r.Dst != nil {
				if ones, _ := r.Dst.Mask.Size(); ones > 0 {
					continue
				}
			}
			seen := route{IPv4: family == netlink.FAMILY_V4}
			if r.Gw != nil {
				seen.Gateway = r.Gw.String()
			}
			for _, l := range links {
				if l.Attrs().Index == r.LinkIndex {
					seen.Interface = l.Attrs().Name
				}
			}
			o.Routes = append(o.Routes, seen)
		}
	}
	return nil
}

// refusal is what containerd says to a result: its own go-cni reads it, as what a plugin
// has said that stands in for Multus; and its CRI plugin wants addresses of eth0, which
// TestContainerd shows.
func refusal(result cnitypes.Result, netns string) (string, error) {
	text, err := json.Marshal(result)
	if err != nil {
		return "", err
	}
	const folder = "/run/containerd"
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(folder, "result"), text, 0o644); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(folder, "said"), []byte("#!/bin/sh\nexec cat "+folder+"/result\n"), 0o755); err != nil {
		return "", err
	}
	list := fmt.Sprintf(`{"cniVersion":%q,"name":"multus","plugins":[{"type":"said"}]}`, result.Version())
	plugins, err := cri.New(cri.WithMinNetworkCount(1), cri.WithPluginDir([]string{folder}), cri.WithConfListBytes([]byte(list)), cri.WithInterfacePrefix("eth"))
	if err != nil {
		return "", fmt.Errorf("make containerd's side: %w", err)
	}
	read, err := plugins.Setup(context.Background(), sandbox, netns)
	if err != nil {
		return "containerd: " + err.Error(), nil
	}
	if config, ok := read.Interfaces["eth0"]; !ok || len(config.IPConfigs) == 0 {
		return "containerd: failed to find network info for sandbox", nil
	}
	return "", nil
}

// isolated are the namespaces of a process that is a node. The kernel ends it when the
// thread ends that started it.
var isolated = &syscall.SysProcAttr{
	Cloneflags:   syscall.CLONE_NEWPID,
	Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
	Pdeathsig:    syscall.SIGKILL,
}
