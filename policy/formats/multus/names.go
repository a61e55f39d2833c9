package multus

import (
	"cmp"
	"strconv"
)

const (
	// FirstInterface is the name of a pod's first interface: the container
	// runtime asks for it.
	FirstInterface = "eth0"
	loopback       = "lo"
)

// Conflict is an interface name that is taken already when its turn comes.
type Conflict struct {
	// Index is the interface, in the order in which Multus makes them: 0 the first one.
	Index int
	// With is the interface that has the name, counted likewise, or -1 for the
	// loopback interface, which every pod has.
	With int
	Name string
}

// InterfaceNames names the interfaces of a pod as Multus does: by request, else
// eth0 for the first and net<position> for the others, no matter whether a
// request took that name before (getIfname in pkg/multus/multus.go). first is
// the default network's element, nil where the annotation is absent.
//
// added is how many networks Multus' own configuration gives the pod before those
// (defaultNetworks). Nobody requests a name for these, and they shift the numbers of
// the others: CmdAdd there puts all into one list, and the position in it counts.
//
// names[0] is the first interface, names[i] the i-th of those added, and
// names[added+i+1] that of networks[i]. Multus makes them in this order and fails at
// the first name that exists; conflicts are all of them, each with the earliest
// holder of the name.
func InterfaceNames(first *Element, added int, networks []Element) (names []string, conflicts []Conflict) {
	names = make([]string, 0, 1+added+len(networks))
	holder := map[string]int{loopback: -1}
	add := func(name string) {
		index := len(names)
		if with, taken := holder[name]; taken {
			conflicts = append(conflicts, Conflict{Index: index, With: with, Name: name})
		} else {
			holder[name] = index
		}
		names = append(names, name)
	}
	if first != nil && first.Interface != "" {
		add(first.Interface)
	} else {
		add(FirstInterface)
	}
	for range added {
		add(numbered(len(names)))
	}
	for i := range networks {
		if request := networks[i].Interface; request != "" {
			add(request)
		} else {
			add(numbered(len(names)))
		}
	}
	return names, conflicts
}

// numbered is the name of the n-th interface beyond the first, where no other is
// requested.
func numbered(n int) string { return "net" + strconv.Itoa(n) }

// ByPosition finds the network of an interface as programs do that read the annotation
// alone: each element has the name that it requests, else net<position in the
// annotation>. -1 for none. Where Multus' own configuration adds networks, that is not
// the element which gets the name.
func ByPosition(networks []Element, name string) int {
	for i := range networks {
		if cmp.Or(networks[i].Interface, numbered(i+1)) == name {
			return i
		}
	}
	return -1
}
