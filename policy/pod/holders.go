package pod

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// Holder is an object that keeps addresses from others: a workload whose template
// fixes them, or a pod that has been given some. It is not changed once made.
type Holder struct {
	object.Identity
	// Owner is what controls the holder; the zero value without one.
	Owner object.Identity
	// Record is the MacvlanIP or FlatNetworkIP that gave a pod its addresses; the zero
	// value of a holder whose own annotations say so.
	Record object.Identity
	// Deleting says that the holder is being deleted.
	Deleting bool
	Claims   []Claim
}

// Claim is one address that a holder keeps.
type Claim struct {
	// IP or MAC: one of them is set.
	IP  netip.Addr
	MAC mac.Address
	// By is how it is asked for, where it is asked of a network.
	By By
	// Plain says that an IP is asked of a network without a prefix length.
	Plain bool
	// Subnet that it belongs to, of a flat network; otherwise Network, which the
	// address was asked of. Both are set where only the network tells whether it is one
	// of the flat network. A Network without a namespace is a default-network, which is
	// looked up where the configuration says.
	Subnet  flatnetwork.SubnetReference
	Network object.Reference
}

// By is how an address comes to be asked of a network.
type By uint8

const (
	// ByRequest: by "ips" or "mac" of the element.
	ByRequest By = iota
	// ByArgs: by "cni-args" of the element.
	ByArgs
	// ByNetwork: the network gives it to every pod that asks for no other.
	ByNetwork
)

// HolderFact is what an inventory answers about one holder.
type HolderFact struct {
	*Holder
	// Owners are the holder's owners, from its own upwards, as far as they are known.
	Owners []object.Identity
	// Partial says that there may be more of them: that of the last one is not known.
	Partial bool
	// Ending says that the holder is being deleted, or that an owner of it is gone, so
	// that it will be.
	Ending bool
}

// HolderFacts are what an inventory answers about those who hold some addresses.
type HolderFacts struct {
	// Holders of any of the addresses, the subject itself perhaps among them.
	Holders []HolderFact
	// Owners are those of the subject, from its own upwards, as far as they are known.
	// Partial is as in [HolderFact].
	Owners  []object.Identity
	Partial bool
	// Networks and Subnets are those that the claims of the holders name, as far as
	// they are known.
	Networks map[object.Reference]*cniconf.Network
	Subnets  map[flatnetwork.SubnetReference]*flatnetwork.Subnet
	// Err says why nothing could be found out. Then there are no holders.
	Err error
	// Fresh is as in [Answer], for holders and owners.
	Fresh bool
}

// Addresses are IP and MAC addresses, each once.
type Addresses struct {
	IPs  []netip.Addr
	MACs []mac.Address
}

// Empty says whether there are none.
func (a Addresses) Empty() bool { return len(a.IPs)+len(a.MACs) == 0 }

// Equal says whether others are the same, in the same order.
func (a Addresses) Equal(b Addresses) bool {
	return slices.Equal(a.IPs, b.IPs) && slices.Equal(a.MACs, b.MACs)
}

// NetworkIn is the network that the claim names, with a namespace; the zero value when
// it names none.
func (c *Claim) NetworkIn(defaultNamespace string) object.Reference {
	if c.Network.Name == "" {
		return object.Reference{}
	}
	return object.Reference{Namespace: cmp.Or(c.Network.Namespace, defaultNamespace), Name: c.Network.Name}
}

// HolderIndex finds those who hold an address, in a time that does not depend on how
// many there are. It may be used from several goroutines at once.
type HolderIndex struct {
	mu      sync.RWMutex
	holders map[string]*Holder
	ips     map[netip.Addr][]*Holder
	macs    map[mac.Address][]*Holder
}

// NewHolderIndex is an index without any holder.
func NewHolderIndex() *HolderIndex {
	return &HolderIndex{holders: map[string]*Holder{}, ips: map[netip.Addr][]*Holder{}, macs: map[mac.Address][]*Holder{}}
}

// Set puts a holder in the place of the one that had the key before. Nil, or one that
// claims nothing, takes it away.
func (x *HolderIndex) Set(key string, h *Holder) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if before := x.holders[key]; before != nil {
		delete(x.holders, key)
		for _, c := range before.Claims {
			remove(x.ips, c.IP, before)
			remove(x.macs, c.MAC, before)
		}
	}
	if h == nil || len(h.Claims) == 0 {
		return
	}
	x.holders[key] = h
	for _, c := range h.Claims {
		if c.IP.IsValid() {
			insert(x.ips, c.IP, h)
		} else {
			insert(x.macs, c.MAC, h)
		}
	}
}

// Delete takes away the holder with a key.
func (x *HolderIndex) Delete(key string) { x.Set(key, nil) }

// Len is the number of holders.
func (x *HolderIndex) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.holders)
}

// mostHolders is how many holders of one address are looked at. Even where many links
// have the same addresses there are not as many.
const mostHolders = 1000

// Of are the holders of any of the addresses, each once, in no order that would mean
// anything.
func (x *HolderIndex) Of(a *Addresses) []*Holder {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var found []*Holder
	seen := map[*Holder]bool{}
	add := func(holders []*Holder) {
		for _, h := range holders[:min(len(holders), mostHolders)] {
			if !seen[h] {
				seen[h] = true
				found = append(found, h)
			}
		}
	}
	for _, ip := range a.IPs {
		add(x.ips[ip])
	}
	for _, address := range a.MACs {
		add(x.macs[address])
	}
	return found
}

func insert[A comparable](index map[A][]*Holder, address A, h *Holder) {
	if !slices.Contains(index[address], h) {
		index[address] = append(index[address], h)
	}
}

func remove[A comparable](index map[A][]*Holder, address A, h *Holder) {
	left := slices.DeleteFunc(index[address], func(other *Holder) bool { return other == h })
	if len(left) == 0 {
		delete(index, address)
	} else {
		index[address] = left
	}
}
