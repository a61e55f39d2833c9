package ipam

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Reserved is what of a pool in the cluster is in use: an IPPool of whereabouts. It is
// immutable.
type Reserved struct {
	// Taken are the addresses, in order and apart from each other.
	Taken []Span
	// holders are the pods that have them, as namespace/name without the last part of the
	// name, by which the pods of one workload differ; each once, in order.
	holders []string
}

// NewReserved reads what is in use of a pool. pods has whose each address is, as
// namespace/name; its keys are how far an address is from the first one of the subnet
// (toIPReservationList of pkg/storage/kubernetes in whereabouts 0.9.2). What cannot be read is
// passed over.
func NewReserved(subnet string, pods map[string]string) *Reserved {
	prefix, err := netip.ParsePrefix(subnet)
	if err != nil {
		return &Reserved{}
	}
	var offsets []uint64
	holders := map[string]bool{}
	for text, pod := range pods {
		offset, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			continue
		}
		offsets = append(offsets, offset)
		holders[withoutLast(pod)] = true
	}
	slices.Sort(offsets)
	r := &Reserved{holders: slices.Sorted(maps.Keys(holders))}
	for _, offset := range offsets {
		addr := further(prefix.Addr(), offset)
		if last := len(r.Taken) - 1; last >= 0 && r.Taken[last].Last.Next() == addr {
			r.Taken[last].Last = addr
		} else {
			r.Taken = append(r.Taken, Span{First: addr, Last: addr})
		}
	}
	return r
}

// HeldBy says whether pods of a workload have addresses of the pool, as their names tell: the
// workload itself makes them, or a ReplicaSet or a Job that it makes.
func (r *Reserved) HeldBy(namespace, workload string) bool {
	name := namespace + "/" + workload
	return slices.ContainsFunc(r.holders, func(h string) bool { return h == name || withoutLast(h) == name })
}

// HeldBeside says whether a pod, or one that its workload has made as well, has addresses of
// the pool.
func (r *Reserved) HeldBeside(namespace, pod string) bool {
	_, found := slices.BinarySearch(r.holders, withoutLast(namespace+"/"+pod))
	return found
}

// withoutLast is a name without its last part; the whole of one that has no parts.
func withoutLast(name string) string {
	if at := strings.LastIndexByte(name, '-'); at > strings.IndexByte(name, '/') {
		return name[:at]
	}
	return name
}

// further is the address at a distance from another one.
func further(a netip.Addr, distance uint64) netip.Addr {
	bytes := a.As16()
	low := binary.BigEndian.Uint64(bytes[8:])
	binary.BigEndian.PutUint64(bytes[8:], low+distance)
	if low+distance < low {
		binary.BigEndian.PutUint64(bytes[:8], binary.BigEndian.Uint64(bytes[:8])+1)
	}
	out := netip.AddrFrom16(bytes)
	if a.Is4() {
		return out.Unmap()
	}
	return out
}
