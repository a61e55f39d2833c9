// Package links publishes the network links of the node that a macvlan's master
// can be, as an annotation of the node's own Node.
//
// It speaks HTTP with the API server by itself: one object is read and patched
// every few minutes, and client-go would take more memory than all of the rest.
package links

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	facts "github.com/macvlan-webhook/macvlan-webhook/policy/links"
)

// kinds are the kernel's kinds of links that somebody may want macvlans on, as
// netlink calls them. Left out are those of which container runtimes and virtual
// machines make one for each of theirs: veth, tap, macvtap, ipvlan, ifb and the
// like. They would be many, and the Node would change with every pod.
var kinds = map[string]facts.Kind{
	// The library's name for a link without a kind: a network card has none.
	"device":      facts.Physical,
	"bond":        facts.Bond,
	"vlan":        facts.VLAN,
	"bridge":      facts.Bridge,
	"team":        facts.Other,
	"dummy":       facts.Other,
	"macvlan":     facts.Other,
	"macsec":      facts.Other,
	"vxlan":       facts.Other,
	"geneve":      facts.Other,
	"gretap":      facts.Other,
	"openvswitch": facts.Other,
}

// card is how the network cards of nodes are called that are containers themselves
// (kind, k3d): they are veths, but no plugin calls the node's end of a pod's so.
var card = regexp.MustCompile(`^eth[0-9]+$`)

// Sysfs is where the kernel says of links what netlink does not. A container with
// the node's network sees the node's links there.
const Sysfs = "/sys/class/net"

// attempts is how often links are listed anew that changed meanwhile.
const attempts = 5

// Read returns the links of the network namespace that the process is in.
func Read(sysfs string) ([]facts.Link, error) {
	list, err := netlink.LinkList()
	for range attempts {
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
		list, err = netlink.LinkList()
	}
	if err != nil {
		return nil, fmt.Errorf("list the node's links: %w", err)
	}
	return masters(list, sysfs), nil
}

// masters picks and describes the links that a macvlan's master can be.
func masters(list []netlink.Link, sysfs string) []facts.Link {
	indexes := make(map[int]netlink.Link, len(list))
	for _, link := range list {
		indexes[link.Attrs().Index] = link
	}
	var masters []facts.Link
	for _, link := range list {
		a := link.Attrs()
		kind, can := kinds[link.Type()]
		if link.Type() == "veth" && card.MatchString(a.Name) {
			kind, can = facts.Other, true
		}
		// The kernel makes macvlans on Ethernet alone (macvlan_port_create in
		// drivers/net/macvlan.c). Functions of a card that can be handed to pods
		// come and go with them, like the links above.
		if !can || a.EncapType != "ether" || exists(sysfs, a.Name, "device/physfn") {
			continue
		}
		const running = unix.IFF_UP | unix.IFF_RUNNING
		master := facts.Link{
			Name:     a.Name,
			AltNames: a.AltNames,
			Kind:     kind,
			MTU:      a.MTU,
			Up:       a.RawFlags&running == running,
			Wireless: exists(sysfs, a.Name, "phy80211") || exists(sysfs, a.Name, "wireless"),
		}
		if vlan, ok := link.(*netlink.Vlan); ok {
			master.VLAN = vlan.VlanId
			// An index of another namespace would lead to the wrong link.
			if parent, ok := indexes[a.ParentIndex]; ok && a.NetNsID < 0 {
				master.Parent = parent.Attrs().Name
			}
		}
		// A VRF takes the packets of its links later than macvlans do.
		if owner, ok := indexes[a.MasterIndex]; ok && owner.Type() != "vrf" {
			master.MemberOf = owner.Attrs().Name
		}
		masters = append(masters, master)
	}
	return masters
}

// exists is false where sysfs cannot be read: what it says is left out then.
func exists(sysfs, link, file string) bool {
	_, err := os.Stat(filepath.Join(sysfs, link, file))
	return err == nil
}
