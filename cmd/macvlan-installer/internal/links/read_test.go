package links

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	difference "github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	facts "github.com/macvlan-webhook/macvlan-webhook/policy/links"
)

// attributes are those of a link that is running.
func attributes(index int, name string) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Index, a.Name, a.MTU, a.EncapType = index, name, 1500, "ether"
	a.RawFlags = unix.IFF_UP | unix.IFF_RUNNING
	return a
}

// with changes attributes.
func with(a netlink.LinkAttrs, change func(*netlink.LinkAttrs)) netlink.LinkAttrs {
	change(&a)
	return a
}

// Links of most kinds cannot be made on the machines that run the tests: these are
// the values that netlink makes of them.
func TestMasters(t *testing.T) {
	sysfs := t.TempDir()
	for _, folder := range []string{"wlan0/phy80211", "wlan1/wireless", "eno1v0/device/physfn", "eno1/device"} {
		if err := os.MkdirAll(filepath.Join(sysfs, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	in := func(index int) func(*netlink.LinkAttrs) {
		return func(a *netlink.LinkAttrs) { a.MasterIndex = index }
	}
	on := func(index int) func(*netlink.LinkAttrs) {
		return func(a *netlink.LinkAttrs) { a.ParentIndex = index }
	}
	list := []netlink.Link{
		&netlink.Device{LinkAttrs: with(attributes(1, "lo"), func(a *netlink.LinkAttrs) { a.EncapType = "loopback" })},
		&netlink.Device{LinkAttrs: with(attributes(2, "eno1"), in(4))},
		&netlink.Device{LinkAttrs: with(attributes(3, "eno2"), func(a *netlink.LinkAttrs) { a.RawFlags = unix.IFF_UP; a.AltNames = []string{"enp3s0"} })},
		&netlink.Bond{LinkAttrs: with(attributes(4, "bond0"), func(a *netlink.LinkAttrs) { a.MTU = 9000 })},
		&netlink.Vlan{LinkAttrs: with(attributes(5, "bond0.100"), on(4)), VlanId: 100},
		&netlink.Vlan{LinkAttrs: with(attributes(6, "elsewhere"), func(a *netlink.LinkAttrs) { a.ParentIndex, a.NetNsID = 4, 1 }), VlanId: 7},
		&netlink.Vlan{LinkAttrs: with(attributes(7, "lost"), on(99)), VlanId: 8},
		&netlink.Bridge{LinkAttrs: attributes(8, "br0")},
		&netlink.Device{LinkAttrs: attributes(9, "wlan0")},
		&netlink.Device{LinkAttrs: attributes(10, "wlan1")},
		&netlink.Device{LinkAttrs: attributes(11, "eno1v0")},
		&netlink.Veth{LinkAttrs: with(attributes(12, "veth0a1b2c3d"), in(8))},
		&netlink.Veth{LinkAttrs: attributes(13, "eth0")},
		&netlink.Veth{LinkAttrs: attributes(14, "eth0a")},
		&netlink.Vrf{LinkAttrs: with(attributes(15, "vrf0"), func(a *netlink.LinkAttrs) { a.EncapType = "none" })},
		&netlink.Dummy{LinkAttrs: with(attributes(16, "dummy0"), in(15))},
		&netlink.GenericLink{LinkAttrs: attributes(17, "team0"), LinkType: "team"},
		&netlink.GenericLink{LinkAttrs: attributes(18, "unheard"), LinkType: "of"},
		&netlink.Tuntap{LinkAttrs: with(attributes(19, "vnet0"), in(8))},
		&netlink.Macvtap{Macvlan: netlink.Macvlan{LinkAttrs: with(attributes(20, "macvtap0"), on(3))}},
		&netlink.Macvlan{LinkAttrs: with(attributes(21, "shim"), on(3))},
		&netlink.IPVlan{LinkAttrs: with(attributes(22, "ipvl0"), on(3))},
		&netlink.Ifb{LinkAttrs: attributes(23, "ifb0")},
		&netlink.Vxlan{LinkAttrs: attributes(24, "flannel.1")},
		&netlink.GenericLink{LinkAttrs: with(attributes(25, "ib0"), func(a *netlink.LinkAttrs) { a.EncapType = "infiniband" }), LinkType: "bond"},
	}
	got := masters(list, sysfs)
	want := []facts.Link{
		{Name: "eno1", Kind: facts.Physical, MTU: 1500, Up: true, MemberOf: "bond0"},
		{Name: "eno2", AltNames: []string{"enp3s0"}, Kind: facts.Physical, MTU: 1500},
		{Name: "bond0", Kind: facts.Bond, MTU: 9000, Up: true},
		{Name: "bond0.100", Kind: facts.VLAN, VLAN: 100, Parent: "bond0", MTU: 1500, Up: true},
		{Name: "elsewhere", Kind: facts.VLAN, VLAN: 7, MTU: 1500, Up: true},
		{Name: "lost", Kind: facts.VLAN, VLAN: 8, MTU: 1500, Up: true},
		{Name: "br0", Kind: facts.Bridge, MTU: 1500, Up: true},
		{Name: "wlan0", Kind: facts.Physical, MTU: 1500, Up: true, Wireless: true},
		{Name: "wlan1", Kind: facts.Physical, MTU: 1500, Up: true, Wireless: true},
		{Name: "eth0", Kind: facts.Other, MTU: 1500, Up: true},
		{Name: "dummy0", Kind: facts.Other, MTU: 1500, Up: true},
		{Name: "team0", Kind: facts.Other, MTU: 1500, Up: true},
		{Name: "shim", Kind: facts.Other, MTU: 1500, Up: true},
		{Name: "flannel.1", Kind: facts.Other, MTU: 1500, Up: true},
	}
	if diff := difference.Diff(want, got); diff != "" {
		t.Errorf("masters (-want +got):\n%s", diff)
	}
}

// inside runs a function in a network namespace of its own.
func inside(t *testing.T, do func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("network namespaces and links can be made by root alone")
	}
	netns, err := testutils.NewNS()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(netns.Close(), testutils.UnmountNS(netns)); err != nil {
			t.Error(err)
		}
	}()
	if err := netns.Do(func(ns.NetNS) error { do(); return nil }); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, link netlink.Link) netlink.Link {
	t.Helper()
	if err := netlink.LinkAdd(link); err != nil {
		t.Fatalf("add %s: %v", link.Attrs().Name, err)
	}
	added, err := netlink.LinkByName(link.Attrs().Name)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func named(name string) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name = name
	return a
}

// What the kernel says of links that can be made here, and what it makes macvlans
// on: that is what the rest relies on.
func TestRead(t *testing.T) {
	inside(t, func() {
		bridge := add(t, &netlink.Bridge{LinkAttrs: named("br0")})
		veth := netlink.NewVeth(with(named("eth5"), func(a *netlink.LinkAttrs) { a.MTU = 1400 }))
		veth.PeerName = "veth5"
		card := add(t, veth)
		if err := errors.Join(netlink.LinkSetMaster(card, bridge), netlink.LinkSetUp(card), netlink.LinkAddAltName(bridge, "enp0s5"), netlink.LinkAddAltName(bridge, "ens5")); err != nil {
			t.Fatal(err)
		}
		add(t, &netlink.Macvlan{LinkAttrs: with(named("shim"), func(a *netlink.LinkAttrs) { a.ParentIndex = bridge.Attrs().Index })})
		vxlan := add(t, &netlink.Vxlan{LinkAttrs: named("vxlan5"), VxlanId: 5, Port: 4789})
		add(t, &netlink.Tuntap{LinkAttrs: named("tap5"), Mode: netlink.TUNTAP_MODE_TAP})

		got, err := Read(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b facts.Link) int { return cmp.Compare(a.Name, b.Name) })
		want := []facts.Link{
			{Name: "br0", AltNames: []string{"enp0s5", "ens5"}, Kind: facts.Bridge, MTU: 1400},
			// Up, but its peer is not.
			{Name: "eth5", Kind: facts.Other, MTU: 1400, MemberOf: "br0"},
			{Name: "shim", Kind: facts.Other, MTU: 1400},
			{Name: "vxlan5", Kind: facts.Other, MTU: vxlan.Attrs().MTU},
		}
		if diff := difference.Diff(want, got); diff != "" {
			t.Errorf("Read() (-want +got):\n%s", diff)
		}

		if _, err := netlink.LinkByName("ens5"); err != nil {
			t.Errorf("a further name leads to no master: %v", err)
		}
		macvlan := func(master netlink.Link) error {
			return netlink.LinkAdd(&netlink.Macvlan{LinkAttrs: with(named("test"), func(a *netlink.LinkAttrs) { a.ParentIndex = master.Attrs().Index })})
		}
		if err := macvlan(card); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("a macvlan on a port: %v, want %v", err, syscall.EBUSY)
		}
		if err := netlink.LinkSetNoMaster(card); err != nil {
			t.Fatal(err)
		}
		if err := macvlan(card); err != nil {
			t.Errorf("a macvlan on what was a port: %v", err)
		}
	})
}
