package multus

import "strconv"

const (
	// FirstInterface is the name of a pod's first interface: the container
	// runtime asks for it.
	FirstInterface = "eth0"
	loopback       = "lo"
)

// Conflict is an interface name that is taken already when its turn comes.
type Conflict struct {
	// Index is the interface: 0 the first one, i+1 networks[i].
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
// names[0] is the first interface and names[i+1] that of networks[i]. Multus
// makes them in this order and fails at the first name that exists; conflicts
// are all of them, each with the earliest holder of the name. Networks that
// Multus' own configuration adds to every pod (defaultNetworks) would shift the
// numbers and are not known here.
func InterfaceNames(first *Element, networks []Element) (names []string, conflicts []Conflict) {
	names = make([]string, 0, 1+len(networks))
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
	for i := range networks {
		if request := networks[i].Interface; request != "" {
			add(request)
		} else {
			add("net" + strconv.Itoa(i+1))
		}
	}
	return names, conflicts
}
