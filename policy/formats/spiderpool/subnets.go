package spiderpool

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	wantSubnet = "the name of a SpiderSubnet"
	wantNumber = `a number from 0 on, such as "3", or one above the replicas, such as "+1"`
	wantBool   = `"true" or "false"`
	// eth0 is the interface of a subnet annotation that names none.
	eth0 = "eth0"
)

// subnetSelection has the fields of AnnoSubnetItem in Spiderpool's
// pkg/types/k8s.go.
type subnetSelection struct {
	Interface string   `json:"interface"`
	IPv4      []string `json:"ipv4"`
	IPv6      []string `json:"ipv6"`
}

// readSubnets reads [SubnetsAnnotation]; the checks are those of
// mutateAndValidateSubnetAnno in
// pkg/applicationcontroller/applicationinformers/utils.go.
func readSubnets(a *Annotations, r *reading) {
	a.HasSubnets, a.NamesPools = true, true
	var list []subnetSelection
	if !decode(r, &list) {
		return
	}
	if len(list) == 0 {
		r.refuse(-1, "", r.root().Start, "", "has no element", r.shape.want)
		return
	}
	interfaces := map[string]int{}
	taken := [...]map[string]int{{}, {}}
	for i := range list {
		s := r.subnet(i, &list[i])
		a.Subnets = append(a.Subnets, s)
		if r.readable(i, ifaceField) {
			r.checkSubnetInterface(i, s.Interface, interfaces)
		}
		r.once(i, ipv4Field, s.IPv4, taken[0])
		r.once(i, ipv6Field, s.IPv6, taken[1])
	}
}

// readSubnet reads [SubnetAnnotation], which comes after [SubnetsAnnotation]
// and counts only where that is absent.
func readSubnet(a *Annotations, r *reading) {
	a.HasSubnet, a.NamesPools = true, true
	var one *subnetSelection
	if !decode(r, &one) {
		return
	}
	if one == nil {
		r.refuse(-1, "", r.root().Start, "", "is null", r.shape.want)
		return
	}
	s := r.subnet(-1, one)
	if s.Interface == "" {
		s.Interface = eth0
	}
	if !a.HasSubnets {
		a.Subnets = []Selection{s}
	}
}

// subnet checks the lists of one element and keeps of each what Spiderpool
// keeps, its first name.
func (r *reading) subnet(index int, from *subnetSelection) Selection {
	s := Selection{
		Interface: from.Interface,
		IPv4:      r.firstSubnet(index, ipv4Field, from.IPv4),
		IPv6:      r.firstSubnet(index, ipv6Field, from.IPv6),
		broken:    r.broken(index),
	}
	if len(s.IPv4) == 0 && len(s.IPv6) == 0 && s.broken == 0 {
		r.refuse(index, "", r.element(index).Start, "", "names no subnet", r.shape.want)
	}
	return s
}

func (r *reading) firstSubnet(index int, field string, names []string) []string {
	if len(names) == 0 || !r.readable(index, field) {
		return nil
	}
	if names[0] == "" {
		r.refuse(index, field, r.field(index, field).Member(0).Start, "", "begins with an empty name", wantSubnet)
	}
	if len(names) > 1 {
		r.ignore(index, field, r.field(index, field).Member(1).Start, names[1],
			"has no effect: only the first subnet of a list counts", "one subnet")
	}
	return names[:1]
}

// checkSubnetInterface: Spiderpool compares the names with those of the
// interfaces, so an element without one is for none.
func (r *reading) checkSubnetInterface(i int, name string, interfaces map[string]int) {
	before, taken := interfaces[name]
	switch {
	case taken && name == "":
		r.refuse(i, ifaceField, r.field(i, ifaceField).Start, "",
			fmt.Sprintf("is missing here and in element %d", before+1), "one element for each interface")
	case taken:
		r.refuse(i, ifaceField, r.field(i, ifaceField).Start, name,
			fmt.Sprintf("is already the interface of element %d", before+1), "one element for each interface")
	case name == "":
		r.ignore(i, ifaceField, r.field(i, ifaceField).Start, "", "is missing, so that the element is for no interface", "the name of an interface, such as net1")
		interfaces[name] = i
	default:
		interfaces[name] = i
	}
}

// once reports a subnet that an earlier element has.
func (r *reading) once(i int, field string, names []string, taken map[string]int) {
	for _, name := range names {
		if before, found := taken[name]; found && name != "" {
			r.refuse(i, field, r.field(i, field).Member(0).Start, name,
				fmt.Sprintf("is already the subnet of element %d", before+1), "a subnet of its own for each interface")
		}
		taken[name] = i
	}
}

// readIPNumber follows GetPoolIPNumber: what stands before a single + is
// dropped unread.
func readIPNumber(_ *Annotations, r *reading) {
	before, number, flexible := strings.Cut(r.value, "+")
	if !flexible {
		number = r.value
	}
	switch n, err := strconv.ParseInt(number, 10, 64); {
	case err != nil || strings.Contains(number, "+"):
		r.refuse(-1, "", 0, r.value, "is not a number of addresses", wantNumber)
	case n < 0:
		r.refuse(-1, "", 0, r.value, "is below 0", wantNumber)
	case flexible && before != "":
		r.ignore(-1, "", 0, before, "before the + has no effect", wantNumber)
	}
}

func readReclaim(_ *Annotations, r *reading) {
	if _, err := strconv.ParseBool(r.value); err != nil {
		r.refuse(-1, "", 0, r.value, "is neither true nor false", wantBool)
	}
}
