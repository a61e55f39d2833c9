package cni

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
)

// asking is what Multus tells the plugins of an element with these "ips" and this
// "mac" (DelegateAdd and CreateCNIRuntimeConf of Multus 4.3): always CNI_ARGS, and
// runtimeConfig except for the first interface.
func (c container) asking(ips []string, mac string, firstInterface bool) container {
	c.runtime.Args = [][2]string{
		{"IgnoreUnknown", "true"}, {"K8S_POD_NAMESPACE", "default"}, {"K8S_POD_NAME", "asking"},
		{"K8S_POD_INFRA_CONTAINER_ID", c.runtime.ContainerID}, {"K8S_POD_UID", "a3c1"},
	}
	c.runtime.CapabilityArgs = map[string]any{}
	if mac != "" {
		c.runtime.Args = append(c.runtime.Args, [2]string{"MAC", mac})
		c.runtime.CapabilityArgs["mac"] = mac
	}
	if ips != nil {
		c.runtime.Args = append(c.runtime.Args, [2]string{"IP", strings.Join(ips, ",")})
		c.runtime.CapabilityArgs["ips"] = ips
	}
	if firstInterface {
		c.runtime.CapabilityArgs = nil
	}
	return c
}

// addresses are those of an interface of a container.
func (c container) addresses(t *testing.T, name string) []netip.Addr {
	t.Helper()
	var found []netip.Addr
	inside(t, c, func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find %s in the container: %w", name, err)
		}
		list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		for _, a := range list {
			address, _ := netip.AddrFromSlice(a.IP)
			found = append(found, address.Unmap())
		}
		return err
	})
	return found
}

// withoutDetection lets a container use IPv6 addresses at once: nobody else is here who
// could have them.
func withoutDetection(t *testing.T, c container) {
	t.Helper()
	inside(t, c, func() error { return os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0) })
}

// asked is the address of a text with or without a prefix length.
func asked(t *testing.T, text string) netip.Addr {
	t.Helper()
	text, _, _ = strings.Cut(text, "/")
	address, err := netip.ParseAddr(text)
	if err != nil {
		t.Fatal(err)
	}
	return address.Unmap()
}

// The IPAM configurations that pods ask for addresses below.
const (
	hostLocal4    = `{"type":"host-local","subnet":"172.16.0.0/16","rangeStart":"172.16.9.10","rangeEnd":"172.16.9.20","gateway":"172.16.9.15"}`
	hostLocal6    = `{"type":"host-local","subnet":"fd00:16::/64","rangeStart":"fd00:16::10","rangeEnd":"fd00:16::20"}`
	hostLocalBoth = `{"type":"host-local","ranges":[[{"subnet":"172.16.0.0/16","rangeStart":"172.16.9.10","rangeEnd":"172.16.9.20"}],[{"subnet":"fd00:16::/64","rangeStart":"fd00:16::10","rangeEnd":"fd00:16::20"}]]}`
	wholeSubnet4  = `{"type":"host-local","subnet":"172.16.0.0/16"}`
	wholeSubnet6  = `{"type":"host-local","subnet":"fd00:16::/64"}`
	edges         = `{"type":"host-local","subnet":"172.16.0.0/16","rangeStart":"172.16.0.0","rangeEnd":"172.16.255.255"}`
	noAddresses   = `{"type":"host-local","subnet":"172.16.0.0/16","rangeStart":"172.16.255.255"}`
	static        = `{"type":"static"}`
	staticOwn     = `{"type":"static","addresses":[{"address":"172.16.5.6/16"},{"address":"fd00:16::5:6/64"}]}`
	staticOwn4    = `{"type":"static","addresses":[{"address":"172.16.5.6/16"}]}`
	noIPAM        = `{}`
)

// What is said of the addresses that a pod asks for holds on a node, with the real
// libcni and plugins: what fails there fails, what is ignored is not on the
// interface, and what nothing is said about is.
func TestVerdictsOnRequestedAddresses(t *testing.T) {
	needNode(t)
	lan(t, "eth0")
	const (
		list    = "error parsing value of pair"
		outside = "failed to allocate all requested IPs"
		behind  = "is after RangeEnd"
		gateway = "is subnet's gateway"
		length  = "is expected to be in CIDR notation"
		twice   = "file exists"
		family  = "does not support more than 1 address per family"
		kernel  = "cannot assign requested address"
	)
	tests := []struct {
		name, version, ipam string
		ips                 []string
		// why is what the node says; empty where it works.
		why string
		// replaces says that the network's own addresses are the reason why, and
		// that it works where those that are asked for take their place.
		replaces bool
	}{
		{"host-local, IPv4", "1.0.0", hostLocal4, []string{"172.16.9.12"}, "", false},
		{"host-local, IPv4, prefix", "1.0.0", hostLocal4, []string{"172.16.9.12/16"}, "", false},
		{"host-local, IPv4, prefix of another length", "1.0.0", hostLocal4, []string{"172.16.9.12/24"}, "", false},
		{"host-local, IPv4 in IPv6", "1.0.0", hostLocal4, []string{"::ffff:172.16.9.12"}, "", false},
		{"host-local, an old version", "0.2.0", hostLocal4, []string{"172.16.9.12"}, "", false},
		{"host-local, two", "1.0.0", hostLocal4, []string{"172.16.9.12", "172.16.9.13"}, list, false},
		{"host-local, the same twice", "1.0.0", hostLocal4, []string{"172.16.9.12", "172.16.9.12/16"}, list, false},
		{"host-local, before the range", "1.0.0", hostLocal4, []string{"172.16.9.9"}, outside, false},
		{"host-local, behind the range", "1.0.0", hostLocal4, []string{"172.16.9.21"}, outside, false},
		{"host-local, outside the subnet", "1.0.0", hostLocal4, []string{"10.0.0.1"}, outside, false},
		{"host-local, the other family", "1.0.0", hostLocal4, []string{"fd00:16::12"}, outside, false},
		{"host-local, the gateway", "1.0.0", hostLocal4, []string{"172.16.9.15"}, gateway, false},
		{"host-local, the gateway by default", "1.0.0", wholeSubnet4, []string{"172.16.0.1"}, gateway, false},
		{"host-local, the network address", "1.0.0", wholeSubnet4, []string{"172.16.0.0"}, outside, false},
		{"host-local, the broadcast address", "1.0.0", wholeSubnet4, []string{"172.16.255.255"}, outside, false},
		{"host-local, the last address", "1.0.0", wholeSubnet4, []string{"172.16.255.254"}, "", false},
		{"host-local, the network address in the range", "1.0.0", edges, []string{"172.16.0.0"}, "", false},
		{"host-local, the broadcast address in the range", "1.0.0", edges, []string{"172.16.255.255"}, "", false},
		{"host-local, the start of an empty range", "1.0.0", noAddresses, []string{"172.16.255.255"}, behind, false},
		{"host-local, the end of an empty range", "1.0.0", noAddresses, []string{"172.16.255.254"}, behind, false},
		{"host-local, IPv6", "1.0.0", hostLocal6, []string{"fd00:16::12"}, "", false},
		{"host-local, IPv6, prefix", "1.0.0", hostLocal6, []string{"fd00:16::12/64"}, "", false},
		{"host-local, two of IPv6", "1.0.0", hostLocal6, []string{"fd00:16::12", "fd00:16::13"}, list, false},
		{"host-local, outside the range of IPv6", "1.0.0", hostLocal6, []string{"fd00:16::5"}, outside, false},
		{"host-local, outside the subnet of IPv6", "1.0.0", hostLocal6, []string{"fd00:17::12"}, outside, false},
		{"host-local, the gateway of IPv6", "1.0.0", wholeSubnet6, []string{"fd00:16::1"}, gateway, false},
		{"host-local, the first address of IPv6", "1.0.0", wholeSubnet6, []string{"fd00:16::"}, outside, false},
		{"host-local, the last address of IPv6", "1.0.0", wholeSubnet6, []string{"fd00:16::ffff:ffff:ffff:ffff"}, "", false},
		{"host-local, multicast of IPv6", "1.0.0", `{"type":"host-local","subnet":"ff02::/64"}`, []string{"ff02::5"}, kernel, false},
		{"host-local, IPv4 of both", "1.0.0", hostLocalBoth, []string{"172.16.9.12"}, "", false},
		{"host-local, IPv6 of both", "1.0.0", hostLocalBoth, []string{"fd00:16::12/64"}, "", false},
		{"host-local, both of both", "1.0.0", hostLocalBoth, []string{"172.16.9.12", "fd00:16::12"}, list, false},

		{"static, IPv4", "1.0.0", static, []string{"172.16.9.12"}, length, false},
		{"static, IPv4, prefix", "1.0.0", static, []string{"172.16.9.12/16"}, "", false},
		{"static, IPv4 in IPv6", "1.0.0", static, []string{"::ffff:172.16.9.12/112"}, "", false},
		{"static, IPv6", "1.0.0", static, []string{"fd00:16::12"}, length, false},
		{"static, IPv6, prefix", "1.0.0", static, []string{"fd00:16::12/64"}, "", false},
		{"static, one of two without a prefix", "1.0.0", static, []string{"172.16.9.12/16", "172.16.9.13"}, length, false},
		{"static, two", "1.0.0", static, []string{"172.16.9.12/16", "172.16.9.13/16"}, "", false},
		{"static, both", "1.0.0", static, []string{"172.16.9.12/16", "fd00:16::12/64"}, "", false},
		{"static, any subnet", "1.0.0", static, []string{"172.16.9.12/16", "10.0.0.5/8", "172.17.0.1/32"}, "", false},
		{"static, the same twice", "1.0.0", static, []string{"172.16.9.12/16", "172.16.9.12/16"}, twice, false},
		{"static, the same in IPv6", "1.0.0", static, []string{"172.16.9.12/16", "::ffff:172.16.9.12/112"}, twice, false},
		{"static, the same with two prefixes", "1.0.0", static, []string{"172.16.9.12/16", "172.16.9.12/24"}, "", false},
		{"static, the same of IPv6 twice", "1.0.0", static, []string{"fd00:16::12/64", "fd00:16:0::12/64"}, twice, false},
		{"static, the same of IPv6 with two prefixes", "1.0.0", static, []string{"fd00:16::12/64", "fd00:16::12/96"}, twice, false},
		{"static, the network address", "1.0.0", static, []string{"172.16.0.0/16"}, "", false},
		{"static, the broadcast address", "1.0.0", static, []string{"172.16.255.255/16"}, "", false},
		{"static, no address", "1.0.0", static, []string{"0.0.0.0/8"}, "", false},
		{"static, an address of network 0", "1.0.0", static, []string{"0.0.0.5/8"}, "", false},
		{"static, loopback", "1.0.0", static, []string{"127.0.0.1/8"}, "", false},
		{"static, multicast", "1.0.0", static, []string{"224.0.0.5/8"}, "", false},
		{"static, everybody", "1.0.0", static, []string{"255.255.255.255/32"}, "", false},
		{"static, no address of IPv6", "1.0.0", static, []string{"::/64"}, kernel, false},
		{"static, loopback of IPv6", "1.0.0", static, []string{"::1/128"}, kernel, false},
		{"static, multicast of IPv6", "1.0.0", static, []string{"ff02::5/64"}, kernel, false},
		{"static, link-local of IPv6", "1.0.0", static, []string{"fe80::5/64"}, "", false},
		{"static, two in an old version", "0.2.0", static, []string{"172.16.9.12/16", "172.16.9.13/16"}, family, false},
		{"static, two in no version", "", static, []string{"172.16.9.12/16", "172.16.9.13/16"}, family, false},
		{"static, both in an old version", "0.2.0", static, []string{"172.16.9.12/16", "fd00:16::12/64"}, "", false},
		{"static, beside others", "1.0.0", staticOwn, []string{"172.16.9.12/16"}, "", false},
		{"static, beside the same", "1.0.0", staticOwn, []string{"172.16.5.6/16"}, twice, true},
		{"static, beside the same with another prefix", "1.0.0", staticOwn, []string{"172.16.5.6/24"}, "", false},
		{"static, beside the same of IPv6", "1.0.0", staticOwn, []string{"fd00:16::5:6/96"}, twice, true},
		{"static, beside another in an old version", "0.2.0", staticOwn4, []string{"172.16.9.12/16"}, family, true},
		{"static, beside one of the other family", "0.2.0", staticOwn4, []string{"fd00:16::12/64"}, "", false},

		{"no IPAM", "1.0.0", noIPAM, []string{"172.16.9.12/16", "172.16.9.12/16"}, "", false},
	}
	ways := []struct {
		name                       string
		capability, firstInterface bool
	}{
		{"without the capability", false, false},
		{"with the capability", true, false},
		{"as the first interface", true, true},
	}
	for i, tt := range tests {
		for j, way := range ways {
			t.Run(tt.name+"/"+way.name, func(t *testing.T) {
				// A name of its own, as host-local keeps what it has given by it.
				config := fmt.Sprintf(`{"cniVersion":%q,"name":"asked-%d-%d","type":"macvlan","master":"eth0","capabilities":{"ips":%t},"ipam":%s}`,
					tt.version, i, j, way.capability, tt.ipam)
				network := cniconf.Compile(cniconf.Source{Namespace: "default", Name: "asked", Config: config})
				faults := network.AddressFaults(&cniconf.Ask{IPs: tt.ips, First: way.firstInterface})
				// What fails every pod is said of the network.
				fails := network.FailsAll() != "" || slices.ContainsFunc(faults, func(f ipam.AddressFault) bool { return f.Effect == ipam.EffectFails })
				why := tt.why
				if tt.replaces && way.capability && !way.firstInterface {
					why = ""
				}
				if fails != (why != "") {
					t.Errorf("said to fail: %t, want %t: %+v", fails, !fails, faults)
				}
				c := newContainer(t).asking(tt.ips, "", way.firstInterface)
				withoutDetection(t, c)
				err := attach(t, config, c)
				if why != "" {
					if err == nil || !strings.Contains(err.Error(), why) {
						t.Errorf("ADD: %v, want %q", err, why)
					}
					return
				}
				if err != nil {
					t.Fatalf("ADD: %v", err)
				}
				got := c.addresses(t, "eth0")
				for k, ip := range tt.ips {
					ignored := slices.ContainsFunc(faults, func(f ipam.AddressFault) bool { return f.Index == k || f.Index < 0 })
					if slices.Contains(got, asked(t, ip)) == ignored {
						t.Errorf("the interface has %v; said of %s: %+v", got, ip, faults)
					}
				}
			})
		}
	}
}

// Addresses in cni-args, which Multus puts into the configuration, are what several of
// them can be asked for by where "ips" cannot.
func TestAddressesInArguments(t *testing.T) {
	needNode(t)
	lan(t, "eth0")
	tests := []struct {
		name, ipam string
		ips        []string
		why        string
	}{
		{"host-local", hostLocalBoth, []string{"172.16.9.12/16", "fd00:16::12"}, ""},
		{"static", staticOwn, []string{"172.16.9.12/16", "fd00:16::12/64"}, ""},
		{"host-local-one-range", hostLocal4, []string{"172.16.9.12", "172.16.9.13"}, "failed to allocate all requested IPs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newContainer(t).asking(nil, "", false)
			withoutDetection(t, c)
			err := attach(t, fmt.Sprintf(`{"cniVersion":"1.0.0","name":"arguments-%s","type":"macvlan","master":"eth0","ipam":%s,"args":{"cni":{"ips":["%s"]}}}`,
				tt.name, tt.ipam, strings.Join(tt.ips, `","`)), c)
			if tt.why != "" {
				if err == nil || !strings.Contains(err.Error(), tt.why) {
					t.Errorf("ADD: %v, want %q", err, tt.why)
				}
				return
			}
			if err != nil {
				t.Fatalf("ADD: %v", err)
			}
			got := c.addresses(t, "eth0")
			for _, ip := range tt.ips {
				if !slices.Contains(got, asked(t, ip)) {
					t.Errorf("the interface has %v, want %s among them", got, ip)
				}
			}
		})
	}
}

// host-local gives an address to one pod of a node at a time, and static to as many
// as ask for it.
func TestOneAddressForTwo(t *testing.T) {
	needNode(t)
	lan(t, "eth0")
	tests := []struct{ name, ipam, why string }{
		{"host-local", hostLocal4, "requested IP address 172.16.9.12 is not available in range set"},
		{"static", static, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := fmt.Sprintf(`{"cniVersion":"1.0.0","name":"two-%s","type":"macvlan","master":"eth0","ipam":%s}`, tt.name, tt.ipam)
			ask := func() error {
				return attach(t, config, newContainer(t).asking([]string{"172.16.9.12/16"}, "", false))
			}
			if err := ask(); err != nil {
				t.Fatalf("ADD: %v", err)
			}
			err := ask()
			if (err != nil) != (tt.why != "") || err != nil && !strings.Contains(err.Error(), tt.why) {
				t.Errorf("the second ADD: %v, want %q", err, tt.why)
			}
		})
	}
}

// A DHCP server chooses by itself.
func TestAddressesAskedOfDHCP(t *testing.T) {
	n := installed(t, `{
		"cniVersion": "1.0.0",
		"name": "dhcp",
		"type": "macvlan",
		"master": "eth0",
		"capabilities": {"ips": true},
		"ipam": {"type": "dhcp"}
	}`)
	serveDHCP(t, lan(t, "eth0"))
	startDHCP(t, daemonCapabilities)
	ips := []string{"172.16.9.12/16", "172.16.9.13"}
	faults := cniconf.Compile(cniconf.Source{Name: "dhcp", Config: string(n.list.Plugins[0].Bytes)}).AddressFaults(&cniconf.Ask{IPs: ips})
	if len(faults) != 1 || faults[0].Index != -1 || faults[0].Effect != ipam.EffectIgnored {
		t.Errorf("faults %+v, want that all are ignored", faults)
	}
	c := newContainer(t).asking(ips, "", false)
	n.add(t, c)
	got := c.addresses(t, "eth0")
	if !slices.Contains(got, netip.MustParseAddr("172.16.200.1")) || slices.Contains(got, asked(t, ips[0])) || slices.Contains(got, asked(t, ips[1])) {
		t.Errorf("the interface has %v, want the address of the server alone", got)
	}
}

// A hardware address is unique on a master, that of the master among them, and
// reaches the interface with and without the capability.
func TestRequestedMACs(t *testing.T) {
	needNode(t)
	lan(t, "eth0")
	lan(t, "eth1")
	const address, other, busy = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "address already in use"
	config := func(master, mode string, capability bool, ipam string) string {
		return fmt.Sprintf(`{"cniVersion":"1.0.0","name":"mac","type":"macvlan","master":%q,"mode":%q,"capabilities":{"mac":%t},"ipam":%s}`, master, mode, capability, ipam)
	}
	type attachment struct {
		config, mac string
		// samePod says that it is one more interface of the pod before.
		samePod, firstInterface bool
	}
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	bridged := config("eth0", "bridge", true, noIPAM)
	tests := []struct {
		name        string
		attachments []attachment
		// why is what the node says to the last one; empty where it works.
		why string
	}{
		{"with the capability", []attachment{{config: bridged, mac: address}}, ""},
		{"without the capability", []attachment{{config: config("eth0", "bridge", false, noIPAM), mac: address}}, ""},
		{"as the first interface", []attachment{{config: bridged, mac: address, firstInterface: true}}, ""},
		{"two pods", []attachment{{config: bridged, mac: address}, {config: bridged, mac: address}}, busy},
		{"two pods with addresses", []attachment{{config: bridged, mac: address}, {config: config("eth0", "bridge", true, hostLocal4), mac: address}}, busy},
		{"two pods in private mode", []attachment{{config: config("eth0", "private", true, noIPAM), mac: address}, {config: config("eth0", "private", true, noIPAM), mac: address}}, busy},
		{"two pods, two addresses", []attachment{{config: bridged, mac: address}, {config: bridged, mac: other}}, ""},
		{"two pods, two masters", []attachment{{config: bridged, mac: address}, {config: config("eth1", "bridge", true, noIPAM), mac: address}}, ""},
		{"one pod", []attachment{{config: bridged, mac: address}, {config: bridged, mac: address, samePod: true}}, busy},
		{"one pod, two masters", []attachment{{config: bridged, mac: address}, {config: config("eth1", "bridge", true, noIPAM), mac: address, samePod: true}}, ""},
		{"that of the master", []attachment{{config: bridged, mac: link.Attrs().HardwareAddr.String()}}, busy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c container
			for i, a := range tt.attachments {
				if !a.samePod {
					c = newContainer(t)
				} else {
					second := *c.runtime
					c.runtime = &second
					c.runtime.IfName = "net1"
				}
				err := attach(t, a.config, c.asking(nil, a.mac, a.firstInterface))
				if i == len(tt.attachments)-1 && tt.why != "" {
					if err == nil || !strings.Contains(err.Error(), tt.why) {
						t.Errorf("ADD: %v, want %q", err, tt.why)
					}
					return
				}
				if err != nil {
					t.Fatalf("ADD: %v", err)
				}
				inside(t, c, func() error {
					link, err := netlink.LinkByName(c.runtime.IfName)
					if err == nil && link.Attrs().HardwareAddr.String() != a.mac {
						t.Errorf("%s has %s, want %s", c.runtime.IfName, link.Attrs().HardwareAddr, a.mac)
					}
					return err
				})
			}
		})
	}
}
