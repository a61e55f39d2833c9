package cni

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
)

func reaches(t *testing.T, from, to ns.NetNS, address string) {
	t.Helper()
	if err := connect(t, from, to, address); err != nil {
		t.Errorf("connecting to %s: %v", address, err)
	}
}

// separated tests that one namespace cannot reach an address of another: the
// kernel says that nobody there answers.
func separated(t *testing.T, from, to ns.NetNS, address string) {
	t.Helper()
	if err := connect(t, from, to, address); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("connecting to %s: %v, want %v", address, err, syscall.EHOSTUNREACH)
	}
}

// The network that people start with: addresses from a range of the node's own
// LAN, in the words of the guides, and in the versions of CNI since.
func TestHostLocal(t *testing.T) {
	for _, version := range []string{"0.3.0", "1.0.0", "1.1.0"} {
		t.Run(version, func(t *testing.T) {
			name := "macvlan-demo-" + version
			n := installed(t, fmt.Sprintf(`{
				"cniVersion": %q,
				"name": %q,
				"type": "macvlan",
				"master": "eth0",
				"mode": "bridge",
				"ipam": {
					"type": "host-local",
					"subnet": "172.16.0.0/16",
					"rangeStart": "172.16.123.101",
					"rangeEnd": "172.16.123.200",
					"routes": [{"dst": "0.0.0.0/0"}],
					"gateway": "172.16.0.254"
				}
			}`, version, name))
			outside, host := lan(t, "eth0"), node(t)
			lease := func(address string) string { return filepath.Join("/var/lib/cni/networks", name, address) }

			one, two := newContainer(t), newContainer(t)
			wanted := want{parent: "eth0", mode: netlink.MACVLAN_MODE_BRIDGE, gateway: gateway}
			wanted.addresses = []string{"172.16.123.101/16"}
			wanted.verify(t, one, n.add(t, one))
			wanted.addresses = []string{"172.16.123.102/16"}
			wanted.verify(t, two, n.add(t, two))

			reaches(t, one, two, "172.16.123.102")
			reaches(t, two, one, "172.16.123.101")
			reaches(t, one, outside, gateway)
			reaches(t, outside, one, "172.16.123.101")
			// What macvlan is known for: the node and its containers do not see
			// each other, though everybody else sees both.
			reaches(t, outside, host, parent)
			separated(t, one, host, parent)
			separated(t, host, one, "172.16.123.101")

			if version == "0.3.0" {
				// CHECK is younger than that.
				if err := n.check(t, one); err == nil {
					t.Error("CHECK has passed a configuration of a version that does not have it")
				}
			} else {
				if err := n.check(t, one); err != nil {
					t.Errorf("CHECK: %v", err)
				}
				inside(t, two, func() error { return withoutAddress("172.16.123.102/16") })
				if err := n.check(t, two); err == nil {
					t.Error("CHECK has passed an interface without its address")
				}
			}

			if !exists(t, lease("172.16.123.101")) {
				t.Error("host-local has not written down the first address")
			}
			n.del(t, one)
			gone(t, one)
			if exists(t, lease("172.16.123.101")) {
				t.Error("host-local has kept the address of a container that is gone")
			}
			if !exists(t, lease("172.16.123.102")) {
				t.Error("host-local has lost the address of the other container")
			}
			n.del(t, one)
		})
	}
}

func withoutAddress(text string) error {
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	address, err := netlink.ParseAddr(text)
	if err != nil {
		return err
	}
	return netlink.AddrDel(link, address)
}

// Addresses that are given: in the configuration, and by the runtime, which is
// how Multus hands on the ips of a pod's annotation.
func TestStatic(t *testing.T) {
	t.Run("configured", func(t *testing.T) {
		n := installed(t, `{
			"cniVersion": "1.0.0",
			"name": "static",
			"type": "macvlan",
			"master": "eth0",
			"ipam": {
				"type": "static",
				"addresses": [
					{"address": "172.16.5.6/16", "gateway": "172.16.0.254"},
					{"address": "fd00:16::5:6/64"}
				],
				"routes": [{"dst": "0.0.0.0/0"}]
			}
		}`)
		outside, c := lan(t, "eth0"), newContainer(t)
		want{
			parent: "eth0", mode: netlink.MACVLAN_MODE_BRIDGE, gateway: gateway,
			addresses: []string{"172.16.5.6/16", "fd00:16::5:6/64"},
		}.verify(t, c, n.add(t, c))
		reaches(t, c, outside, gateway)
		reaches(t, outside, c, "172.16.5.6")
		reaches(t, outside, c, "fd00:16::5:6")
		if err := n.check(t, c); err != nil {
			t.Errorf("CHECK: %v", err)
		}
		n.del(t, c)
		gone(t, c)
	})
	t.Run("requested", func(t *testing.T) {
		n := installed(t, `{
			"cniVersion": "1.0.0",
			"name": "static",
			"plugins": [{
				"type": "macvlan",
				"master": "eth0",
				"capabilities": {"ips": true, "mac": true},
				"ipam": {"type": "static"}
			}]
		}`)
		outside, c := lan(t, "eth0"), newContainer(t)
		c.runtime.CapabilityArgs = map[string]any{"ips": []string{"172.16.123.108/16"}, "mac": "02:00:00:12:31:08"}
		result := n.add(t, c)
		want{
			parent: "eth0", mode: netlink.MACVLAN_MODE_BRIDGE,
			addresses: []string{"172.16.123.108/16"},
		}.verify(t, c, result)
		if got := result.Interfaces[0].Mac; got != "02:00:00:12:31:08" {
			t.Errorf("MAC address = %s, want the requested one", got)
		}
		reaches(t, outside, c, "172.16.123.108")
		if err := n.check(t, c); err != nil {
			t.Errorf("CHECK: %v", err)
		}
		n.del(t, c)
		gone(t, c)
	})
}

func staticNetwork(t *testing.T, master, mode string) network {
	t.Helper()
	return installed(t, fmt.Sprintf(`{
		"cniVersion": "1.0.0",
		"name": "static",
		"type": "macvlan",
		"master": %q,
		"mode": %q,
		"capabilities": {"ips": true},
		"ipam": {"type": "static"}
	}`, master, mode))
}

// with asks for an address.
func (c container) with(address string) container {
	c.runtime.CapabilityArgs = map[string]any{"ips": []string{address + "/16"}}
	return c
}

// In bridge mode containers of one node reach each other. In the others they do
// not, unless the switch beyond the parent sends back what it is sent.
func TestModes(t *testing.T) {
	tests := []struct {
		name string
		mode netlink.MacvlanMode
	}{
		{"bridge", netlink.MACVLAN_MODE_BRIDGE},
		{"private", netlink.MACVLAN_MODE_PRIVATE},
		{"vepa", netlink.MACVLAN_MODE_VEPA},
		{"passthru", netlink.MACVLAN_MODE_PASSTHRU},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := staticNetwork(t, "eth0", tt.name)
			outside := lan(t, "eth0")
			one, two := newContainer(t).with("172.16.7.1"), newContainer(t).with("172.16.7.2")
			wanted := want{parent: "eth0", mode: tt.mode}
			wanted.addresses = []string{"172.16.7.1/16"}
			wanted.verify(t, one, n.add(t, one))
			reaches(t, one, outside, gateway)
			if err := n.check(t, one); err != nil {
				t.Errorf("CHECK: %v", err)
			}

			if tt.mode == netlink.MACVLAN_MODE_PASSTHRU {
				if _, err := n.cni.AddNetworkList(t.Context(), n.list, two.runtime); err == nil {
					t.Error("ADD has given a second container a parent that the first has for itself")
				}
				return
			}
			wanted.addresses = []string{"172.16.7.2/16"}
			wanted.verify(t, two, n.add(t, two))
			reaches(t, two, outside, gateway)
			if tt.mode == netlink.MACVLAN_MODE_BRIDGE {
				reaches(t, one, two, "172.16.7.2")
			} else {
				separated(t, one, two, "172.16.7.2")
			}
		})
	}
}

// The parent may have any name, that of a VLAN among them, and may be a bridge.
func TestParents(t *testing.T) {
	tests := []struct {
		kind, name string
		make       func(*testing.T, string) ns.NetNS
	}{
		{"veth", "bond0.100", lan},
		{"veth", "enp129s0f1np1.x", lan}, // 15 bytes, the longest
		{"bridge", "mybr0", bridgedLAN},
		{"bridge", "br-lan.4094", bridgedLAN},
	}
	for _, tt := range tests {
		t.Run(tt.kind+" "+tt.name, func(t *testing.T) {
			n := staticNetwork(t, tt.name, "bridge")
			outside, host := tt.make(t, tt.name), node(t)
			one, two := newContainer(t).with("172.16.8.1"), newContainer(t).with("172.16.8.2")
			wanted := want{parent: tt.name, mode: netlink.MACVLAN_MODE_BRIDGE}
			wanted.addresses = []string{"172.16.8.1/16"}
			wanted.verify(t, one, n.add(t, one))
			wanted.addresses = []string{"172.16.8.2/16"}
			wanted.verify(t, two, n.add(t, two))
			reaches(t, one, two, "172.16.8.2")
			reaches(t, one, outside, gateway)
			reaches(t, outside, host, parent)
			separated(t, one, host, parent)
			if err := n.check(t, one); err != nil {
				t.Errorf("CHECK: %v", err)
			}
			n.del(t, one)
			gone(t, one)
		})
	}
	t.Run("missing", func(t *testing.T) {
		n := staticNetwork(t, "eth9", "bridge")
		c := newContainer(t).with("172.16.8.1")
		if _, err := n.cni.AddNetworkList(t.Context(), n.list, c.runtime); err == nil || !strings.Contains(err.Error(), "Link not found") {
			t.Errorf("ADD: %v, want that there is no such link", err)
		}
		gone(t, c)
		n.del(t, c)
	})
	t.Run("none named", func(t *testing.T) {
		n := staticNetwork(t, "", "bridge")
		lan(t, "eth0")
		c := newContainer(t).with("172.16.8.1")
		if _, err := n.cni.AddNetworkList(t.Context(), n.list, c.runtime); err == nil || !strings.Contains(err.Error(), "no default route") {
			t.Errorf("ADD: %v, want that the node has no default route", err)
		}
		// The parent is then the link of the node's default route.
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: []byte{172, 16, 0, 254}}); err != nil {
			t.Fatal(err)
		}
		want{
			parent: "eth0", mode: netlink.MACVLAN_MODE_BRIDGE,
			addresses: []string{"172.16.8.1/16"},
		}.verify(t, c, n.add(t, c))
	})
}

// Plugins behind macvlan in a chain work on the interface that it has made.
func TestChain(t *testing.T) {
	n := installed(t, `{
		"cniVersion": "1.0.0",
		"name": "chain",
		"plugins": [
			{
				"type": "macvlan",
				"master": "eth0",
				"ipam": {"type": "static", "addresses": [{"address": "172.16.9.1/16"}]}
			},
			{
				"type": "tuning",
				"sysctl": {"net.ipv4.conf.IFNAME.arp_notify": "1"},
				"promisc": true
			}
		]
	}`)
	outside, c := lan(t, "eth0"), newContainer(t)
	want{
		parent: "eth0", mode: netlink.MACVLAN_MODE_BRIDGE,
		addresses: []string{"172.16.9.1/16"},
	}.verify(t, c, n.add(t, c))
	reaches(t, c, outside, gateway)
	inside(t, c, func() error {
		value, err := os.ReadFile("/proc/sys/net/ipv4/conf/eth0/arp_notify")
		if err != nil {
			return err
		}
		if string(value) != "1\n" {
			t.Errorf("arp_notify = %q, want 1", value)
		}
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if link.Attrs().Promisc == 0 {
			t.Error("eth0 is not promiscuous")
		}
		return netlink.SetPromiscOff(link)
	})
	if err := n.check(t, c); err == nil {
		t.Error("CHECK has passed an interface that is not as tuning had left it")
	}
	inside(t, c, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.SetPromiscOn(link)
	})
	if err := n.check(t, c); err != nil {
		t.Errorf("CHECK: %v", err)
	}
	n.del(t, c)
	gone(t, c)
}

// Without its IPAM plugin a network is not ready, before anybody is connected.
func TestStatus(t *testing.T) {
	const config = `{
		"cniVersion": "1.1.0",
		"name": "status",
		"plugins": [{"type": "macvlan", "master": "eth0", "ipam": {"type": "static"}}]
	}`
	complete := installed(t, config)
	if err := complete.cni.GetStatusNetworkList(t.Context(), complete.list); err != nil {
		t.Errorf("STATUS: %v", err)
	}
	folder, err := plugins()
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.Symlink(filepath.Join(folder, "macvlan"), filepath.Join(other, "macvlan")); err != nil {
		t.Fatal(err)
	}
	n := newNetwork(t, other, config)
	if err := n.cni.GetStatusNetworkList(t.Context(), n.list); err == nil || !strings.Contains(err.Error(), `failed to find plugin "static"`) {
		t.Errorf("STATUS: %v, want that static is missing", err)
	}
}
