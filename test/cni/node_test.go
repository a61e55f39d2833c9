package cni

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/containernetworking/cni/libcni"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// The addresses in the networks below that are not the containers'.
const (
	gateway = "172.16.0.254" // the LAN's, beyond the parent
	parent  = "172.16.0.10"  // the node's own, on the parent
)

// namespace makes a network namespace with a loopback interface. It is gone
// after the test, with all links in it.
func namespace(t *testing.T) ns.NetNS {
	t.Helper()
	netns, err := testutils.NewNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netns.Close(); err != nil {
			t.Error(err)
		}
		if err := testutils.UnmountNS(netns); err != nil {
			t.Error(err)
		}
	})
	inside(t, netns, func() error { return up("lo") })
	return netns
}

// inside runs a function in a namespace.
func inside(t *testing.T, netns ns.NetNS, do func() error) {
	t.Helper()
	if err := netns.Do(func(ns.NetNS) error { return do() }); err != nil {
		t.Fatal(err)
	}
}

// node is the namespace that the plugins are run in.
func node(t *testing.T) ns.NetNS {
	t.Helper()
	netns, err := ns.GetCurrentNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netns.Close(); err != nil {
			t.Error(err)
		}
	})
	return netns
}

func up(name string, addresses ...string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	for _, text := range addresses {
		address, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		// Nobody else is here who could have the address.
		address.Flags = unix.IFA_F_NODAD
		if err := netlink.AddrAdd(link, address); err != nil {
			return fmt.Errorf("add %s to %s: %w", text, name, err)
		}
	}
	return netlink.LinkSetUp(link)
}

// lan is what a node's network card is plugged into: the link of that name on
// the node, with the address that parent says, and lan0 in a namespace at the
// other end, with that of the gateway.
func lan(t *testing.T, name string) ns.NetNS {
	t.Helper()
	netns := cable(t, name)
	if err := up(name, parent+"/16"); err != nil {
		t.Fatal(err)
	}
	return netns
}

// bridgedLAN is a lan whose link on the node is a bridge.
func bridgedLAN(t *testing.T, name string) ns.NetNS {
	t.Helper()
	netns := cable(t, "port0")
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}
	if err := netlink.LinkAdd(bridge); err != nil {
		t.Fatalf("add the bridge %s: %v", name, err)
	}
	t.Cleanup(func() {
		if err := netlink.LinkDel(bridge); err != nil {
			t.Error(err)
		}
	})
	port, err := netlink.LinkByName("port0")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetMaster(port, bridge); err != nil {
		t.Fatal(err)
	}
	if err := up("port0"); err != nil {
		t.Fatal(err)
	}
	if err := up(name, parent+"/16"); err != nil {
		t.Fatal(err)
	}
	return netns
}

func cable(t *testing.T, name string) ns.NetNS {
	t.Helper()
	netns := namespace(t)
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: name})
	veth.PeerName, veth.PeerNamespace = "lan0", netlink.NsFd(int(netns.Fd()))
	if err := netlink.LinkAdd(veth); err != nil {
		t.Fatalf("add the veth pair of %s: %v", name, err)
	}
	t.Cleanup(func() {
		if err := netlink.LinkDel(veth); err != nil {
			t.Error(err)
		}
	})
	inside(t, netns, func() error { return up("lan0", gateway+"/16", "fd00:16::254/64") })
	return netns
}

// network is a CNI configuration with the plugins that carry it out.
type network struct {
	cni  *libcni.CNIConfig
	list *libcni.NetworkConfigList
}

// newNetwork reads a configuration, a list of plugins or one alone, for plugins
// of a folder.
func newNetwork(t *testing.T, folder, config string) network {
	t.Helper()
	list, err := libcni.NetworkConfFromBytes([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	// One plugin alone reads as a list without any.
	if len(list.Plugins) == 0 {
		plugin, err := libcni.NetworkPluginConfFromBytes([]byte(config))
		if err != nil {
			t.Fatal(err)
		}
		list.Plugins = []*libcni.PluginConfig{plugin}
	}
	return network{libcni.NewCNIConfigWithCacheDir([]string{folder}, t.TempDir(), nil), list}
}

// installed is a network of the plugins that the installer has placed.
func installed(t *testing.T, config string) network {
	t.Helper()
	needNode(t)
	folder, err := plugins()
	if err != nil {
		t.Fatal(err)
	}
	return newNetwork(t, folder, config)
}

// container is a namespace and what a runtime tells plugins about it.
type container struct {
	ns.NetNS
	runtime *libcni.RuntimeConf
}

func newContainer(t *testing.T) container {
	t.Helper()
	netns := namespace(t)
	return container{netns, &libcni.RuntimeConf{
		// As long as those of real runtimes: the DHCP plugin makes its client ID
		// from it.
		ContainerID: fmt.Sprintf("%064x", time.Now().UnixNano()),
		NetNS:       netns.Path(),
		IfName:      "eth0",
	}}
}

// add connects a container until the test ends.
func (n network) add(t *testing.T, c container) *types100.Result {
	t.Helper()
	result, err := n.cni.AddNetworkList(t.Context(), n.list, c.runtime)
	if err != nil {
		t.Fatalf("ADD: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended. A second DEL is as good as one.
		if err := n.cni.DelNetworkList(context.Background(), n.list, c.runtime); err != nil {
			t.Errorf("DEL: %v", err)
		}
	})
	full, err := types100.NewResultFromResult(result)
	if err != nil {
		t.Fatal(err)
	}
	return full
}

func (n network) check(t *testing.T, c container) error {
	t.Helper()
	return n.cni.CheckNetworkList(t.Context(), n.list, c.runtime)
}

func (n network) del(t *testing.T, c container) {
	t.Helper()
	if err := n.cni.DelNetworkList(t.Context(), n.list, c.runtime); err != nil {
		t.Fatalf("DEL: %v", err)
	}
}

// want is what a container's interface has to be.
type want struct {
	parent    string
	mode      netlink.MacvlanMode
	addresses []string // with prefix lengths, link-local ones left out
	gateway   string   // of the default route; "" for none
}

// verify compares a container's eth0 with what it has to be, and with what the
// plugins have said about it.
func (w want) verify(t *testing.T, c container, result *types100.Result) {
	t.Helper()
	if len(result.Interfaces) != 1 {
		t.Fatalf("the result names interfaces %v, want one", result.Interfaces)
	}
	below, err := netlink.LinkByName(w.parent)
	if err != nil {
		t.Fatal(err)
	}
	inside(t, c, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return fmt.Errorf("find eth0 in the container: %w", err)
		}
		macvlan, ok := link.(*netlink.Macvlan)
		if !ok {
			return fmt.Errorf("eth0 is a %s, want a macvlan", link.Type())
		}
		attributes := link.Attrs()
		if macvlan.Mode != w.mode {
			t.Errorf("mode = %d, want %d", macvlan.Mode, w.mode)
		}
		if attributes.ParentIndex != below.Attrs().Index {
			t.Errorf("parent = %d, want %d, which is %s", attributes.ParentIndex, below.Attrs().Index, w.parent)
		}
		if attributes.MTU != below.Attrs().MTU {
			t.Errorf("MTU = %d, want %d as %s has", attributes.MTU, below.Attrs().MTU, w.parent)
		}
		if attributes.Flags&net.FlagUp == 0 {
			t.Error("eth0 is down")
		}
		addresses, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		var got []string
		for _, address := range addresses {
			if !address.IP.IsLinkLocalUnicast() {
				got = append(got, address.IPNet.String())
			}
		}
		if !slices.Equal(got, w.addresses) {
			t.Errorf("addresses = %q, want %q", got, w.addresses)
		}
		routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{LinkIndex: attributes.Index, Dst: nil}, netlink.RT_FILTER_OIF|netlink.RT_FILTER_DST)
		if err != nil {
			return err
		}
		var via string
		for _, route := range routes {
			via = route.Gw.String()
		}
		if via != w.gateway {
			t.Errorf("the default route is by %q, want %q", via, w.gateway)
		}
		said := result.Interfaces[0]
		if said.Name != "eth0" || said.Sandbox != c.Path() || said.Mac != attributes.HardwareAddr.String() {
			t.Errorf("the result says %+v, want eth0 with %s in %s", *said, attributes.HardwareAddr, c.Path())
		}
		return nil
	})
	var said []string
	for _, address := range result.IPs {
		said = append(said, address.Address.String())
	}
	if !slices.Equal(said, w.addresses) {
		t.Errorf("the result says addresses %q, want %q", said, w.addresses)
	}
}

// gone tests that nothing is left of a container's interface.
func gone(t *testing.T, c container) {
	t.Helper()
	inside(t, c, func() error {
		links, err := netlink.LinkList()
		if err != nil {
			return err
		}
		for _, link := range links {
			if link.Attrs().Name != "lo" {
				t.Errorf("%s is left in the container", link.Attrs().Name)
			}
		}
		return nil
	})
}

// connect opens a connection from one namespace to an address in another and
// sends a byte. What it returns is the kernel's answer: without one it gives up
// after the patience that all waiting tests have.
func connect(t *testing.T, from, to ns.NetNS, address string) error {
	t.Helper()
	var listener net.Listener
	inside(t, to, func() (err error) {
		listener, err = net.Listen("tcp", net.JoinHostPort("::", "0"))
		return err
	})
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(connection, "x")
			connection.Close()
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return from.Do(func(ns.NetNS) error {
		connection, err := net.DialTimeout("tcp", net.JoinHostPort(address, port), wait.Patience)
		if err != nil {
			return err
		}
		defer connection.Close()
		if err := connection.SetReadDeadline(time.Now().Add(wait.Patience)); err != nil {
			return err
		}
		_, err = connection.Read(make([]byte, 1))
		return err
	})
}

// exists says whether there is a file.
func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}
