package rules

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// A remedy shows annotations to paste in place of the pod's own. They must be
// right as they stand: elements keep all that they ask for, pools follow the interfaces that
// are called otherwise then, and a value that is too long to be shown in full is put into
// words instead of being cut.

// pasteLimit is how many characters of an annotation are shown: a handful of networks with
// their addresses, or of interfaces with their pools, and still something to look through.
const pasteLimit = 400

// indent begins a line that is to be pasted.
const indent = "\n  "

// notStandalone and notOverlay select the networks that can stay together.
func notStandalone(r cniconf.Role) bool { return r != cniconf.RoleStandalone }
func notOverlay(r cniconf.Role) bool    { return r != cniconf.RoleOverlay }

// kept are the extra networks whose roles are to stay, but for one.
func kept(p *pod.View, keep func(cniconf.Role) bool, but *pod.Interface) []*pod.Interface {
	var interfaces []*pod.Interface
	for n := range p.Extras() {
		if i := &p.Extras()[n]; i != but && !i.Unreadable && keep(i.Role()) {
			interfaces = append(interfaces, i)
		}
	}
	return interfaces
}

// arrangement is another order of a pod's interfaces.
type arrangement struct {
	p *pod.View
	// first is nil for the cluster's own network.
	first  *pod.Interface
	extras []*pod.Interface
	// names are the interfaces' names then; nil where some would be called the same.
	names map[*pod.Interface]string
}

// rearranged are lines of YAML, each behind an [indent], with the annotations of a pod
// whose interfaces are others: first, nil for the cluster's own network, and the extra ones.
// Where an annotation cannot be shown, there are words that say the same. That
// default-network goes, without another one, is left to the caller to say.
func rearranged(p *pod.View, first *pod.Interface, extras []*pod.Interface) string {
	a := &arrangement{p: p, first: first, extras: extras}
	a.settleNames()
	var lines []string
	if first != nil && first != p.First() {
		lines = append(lines, a.defaultNetwork())
	}
	lines = append(lines, a.networks())
	lines = append(lines, a.pools()...)
	return indent + strings.Join(lines, indent)
}

// moves says that an interface is asked for in another annotation then. A name that it asks
// for was meant for its old place, and is left out.
func (a *arrangement) moves(i *pod.Interface) bool {
	return i == a.first && i != a.p.First() || i != a.first && i == a.p.First()
}

// asks is the interface name that an element will ask for.
func (a *arrangement) asks(i *pod.Interface) string {
	if a.moves(i) || i.Element == nil {
		return ""
	}
	return i.Element.Interface
}

// settleNames finds out how the interfaces are called. Multus counts without regard to
// names that are asked for: where one is taken twice, those called net<n> go to the place
// whose number that is.
func (a *arrangement) settleNames() {
	for _, order := range [][]*pod.Interface{a.extras, a.byNumber()} {
		elements := make([]multus.Element, len(order))
		for n, i := range order {
			elements[n].Interface = a.asks(i)
		}
		var first *multus.Element
		if a.first != nil {
			first = &multus.Element{Interface: a.asks(a.first)}
		}
		names, conflicts := multus.InterfaceNames(first, a.added(), elements)
		if len(conflicts) > 0 {
			continue
		}
		a.extras, a.names = order, map[*pod.Interface]string{}
		if a.first != nil {
			a.names[a.first] = names[0]
		}
		for n, i := range order {
			a.names[i] = names[1+a.added()+n]
		}
		return
	}
}

// added is how many interfaces come before the extra ones that nobody asks for.
func (a *arrangement) added() int { return len(a.p.Interfaces()) - 1 - len(a.p.Extras()) }

// byNumber are the extra interfaces with those that ask for net<n> in n-th place.
func (a *arrangement) byNumber() []*pod.Interface {
	order := make([]*pod.Interface, len(a.extras))
	var others []*pod.Interface
	for _, i := range a.extras {
		if n, numbered := netNumber(a.asks(i)); numbered && n > a.added() && n-a.added() <= len(order) && order[n-a.added()-1] == nil {
			order[n-a.added()-1] = i
		} else {
			others = append(others, i)
		}
	}
	for n := range order {
		if order[n] == nil {
			order[n], others = others[0], others[1:]
		}
	}
	return order
}

// qualified is a line of YAML with the annotation that asks for the first interface as the
// pod does, and with the namespace of its network; words that say the same where it cannot be
// shown.
func qualified(p *pod.View, first *pod.Interface) string {
	a := &arrangement{p: p, first: first}
	if value, ok := a.render([]*pod.Interface{first}); ok {
		return first.Annotation + ": " + value
	}
	return first.Annotation + " names " + first.Label()
}

// networks is the line with the networks annotation.
func (a *arrangement) networks() string {
	if len(a.extras) == 0 {
		return "remove " + multus.NetworksAnnotation
	}
	if a.names == nil {
		return multus.NetworksAnnotation + " names " + a.inWords() + ", no two of them with one interface name"
	}
	if value, ok := a.render(a.extras); ok {
		return multus.NetworksAnnotation + ": " + value
	}
	return multus.NetworksAnnotation + " names " + a.inWords()
}

// inWords are the extra networks: all of them, or, where there are many, what changes.
func (a *arrangement) inWords() string {
	const most = 3
	labels := func(interfaces []*pod.Interface) string {
		return quote.Some(interfaces, most, func(i *pod.Interface) string { return i.Label() })
	}
	if len(a.extras) <= most {
		return "exactly " + labels(a.extras)
	}
	var gone, added []*pod.Interface
	for n := range a.p.Extras() {
		if i := &a.p.Extras()[n]; !slices.Contains(a.extras, i) {
			gone = append(gone, i)
		}
	}
	for _, i := range a.extras {
		if a.moves(i) {
			added = append(added, i)
		}
	}
	text := "what it names now"
	if len(gone) > 0 {
		text += " without " + labels(gone)
	}
	if len(added) > 0 {
		text += ", and " + labels(added)
	}
	return text
}

// defaultNetwork is the line that makes an interface's network the default-network.
func (a *arrangement) defaultNetwork() string {
	if value, ok := a.render([]*pod.Interface{a.first}); ok {
		return multus.DefaultNetworkAnnotation + ": " + value
	}
	return multus.DefaultNetworkAnnotation + " names " + a.first.Label() + ", without an interface name"
}

// render is the value of an annotation that asks for the networks of some interfaces as the
// pod does, quoted for YAML. It is not ok when the value would have to be cut.
func (a *arrangement) render(interfaces []*pod.Interface) (value string, ok bool) {
	inJSON := slices.ContainsFunc(interfaces, func(i *pod.Interface) bool {
		return !plain(a.object(i)) || strings.Contains(i.Reference.Name, ".")
	})
	var b strings.Builder
	for n, i := range interfaces {
		if n > 0 {
			b.WriteByte(',')
		}
		switch iface := a.asks(i); {
		case inJSON:
			b.WriteString(pasteObject(a.object(i), i, iface))
		case iface != "":
			b.WriteString(i.Reference.String() + "@" + iface)
		default:
			b.WriteString(i.Reference.String())
		}
		// Of a list that is not shown no more is needed.
		if b.Len() > utf8.UTFMax*pasteLimit {
			return "", false
		}
	}
	if inJSON {
		return inYAML("[" + b.String() + "]")
	}
	return inYAML(b.String())
}

// object is the JSON object that asks for the interface's network, empty when it is
// asked for in the comma form.
func (a *arrangement) object(i *pod.Interface) string {
	if i.Element.Offset >= 0 {
		return ""
	}
	return a.p.Places(i.Annotation).Object(i.Index)
}

// pools are the lines that let what is said of interfaces by their names follow them, also
// where a stronger annotation hides it now.
func (a *arrangement) pools() []string {
	var lines []string
	annotations := a.p.PoolAnnotations()
	// What was filled in stands in nobody's file, and is filled in again.
	if annotations.HasPools && a.p.Subject.FilledIn == nil {
		lines = a.follow(lines, spiderpool.PoolsAnnotation, len(annotations.Pools), annotations.Named, func(element int) *pod.Interface {
			_, i := interfaceOfElement(a.p, element)
			return i
		})
	}
	for _, key := range [...]string{spiderpool.SubnetsAnnotation, spiderpool.SubnetAnnotation} {
		value, given := a.p.Subject.Annotations[key]
		if !given || len(value) > pod.MaxAnnotationBytes {
			continue
		}
		// Of the two, what was read of the pod is the stronger one.
		alone, _ := spiderpool.Parse(map[string]string{key: value})
		lines = a.follow(lines, key, len(alone.Subnets), true, func(element int) *pod.Interface {
			return interfaceCalled(a.p, alone.Subnets[element].Interface)
		})
	}
	if i := interfaceCalled(a.p, annotations.DefaultRouteNIC); i != nil {
		switch name, stays := a.names[i]; {
		case !a.namesAreKnown():
			lines = append(lines, inWordsOf(spiderpool.DefaultRouteNICAnnotation))
		case !stays:
			lines = append(lines, "remove "+spiderpool.DefaultRouteNICAnnotation)
		case name != i.Name:
			lines = append(lines, cmp.Or(showing(spiderpool.DefaultRouteNICAnnotation, name), inWordsOf(spiderpool.DefaultRouteNICAnnotation)))
		}
	}
	return lines
}

// namesAreKnown says that each interface has a name of its own, now and then.
func (a *arrangement) namesAreKnown() bool { return a.names != nil && len(a.p.NameConflicts()) == 0 }

// inWordsOf says of an annotation that it has to follow the interfaces.
func inWordsOf(key string) string { return key + " names the interfaces as they are called then" }

// follow adds the line of an annotation whose elements are each for one interface, if these
// are called otherwise then or are gone. Elements without names go by the place of the
// interface, and get names.
func (a *arrangement) follow(lines []string, key string, elements int, named bool, of func(element int) *pod.Interface) []string {
	known := a.namesAreKnown() && !slices.ContainsFunc(a.p.PoolFaults(), func(f spiderpool.Fault) bool {
		return f.Annotation == key && f.Problem == spiderpool.ProblemInvalid
	})
	moved := !named || !known
	interfaces := make([]*pod.Interface, elements)
	for n := range interfaces {
		i := of(n)
		if interfaces[n] = i; i == nil {
			known = false
			continue
		}
		name, stays := a.names[i]
		moved = moved || !stays || name != i.Name
	}
	switch {
	case !moved:
		return lines
	case !known:
		return append(lines, inWordsOf(key))
	}
	value, left := a.renamed(a.p.Subject.Annotations[key], interfaces)
	switch {
	case left:
	case a.p.PoolAnnotations().HasPool || key != spiderpool.PoolsAnnotation && a.p.PoolAnnotations().HasPools:
		// Without it another one counts, which nobody has looked at yet.
		return append(lines, inWordsOf(key))
	default:
		return append(lines, "remove "+key)
	}
	return append(lines, cmp.Or(showing(key, value), inWordsOf(key)))
}

// renamed is the value of an annotation with the names that its interfaces have then, and
// without those that are gone; left says whether there are any. The value is a list of
// objects, or one object.
func (a *arrangement) renamed(value string, interfaces []*pod.Interface) (text string, left bool) {
	const field = "interface"
	var list []map[string]json.RawMessage
	isList := json.Unmarshal([]byte(value), &list) == nil
	if !isList {
		list = make([]map[string]json.RawMessage, 1)
		if json.Unmarshal([]byte(value), &list[0]) != nil {
			return "", true
		}
	}
	var objects []string
	for n, fields := range list[:min(len(list), len(interfaces))] {
		name, stays := a.names[interfaces[n]]
		if !stays {
			continue
		}
		maps.DeleteFunc(fields, func(key string, _ json.RawMessage) bool { return strings.EqualFold(key, field) })
		object := `{"` + field + `":` + encoded(name)
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			object += "," + encoded(key) + ":" + encoded(fields[key])
		}
		objects = append(objects, object+"}")
	}
	if text = strings.Join(objects, ","); isList {
		text = "[" + text + "]"
	}
	return text, len(objects) > 0
}

// encoded is a value in JSON, without white space. Texts and what was read always encode.
func encoded(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "null"
	}
	return string(text)
}

// interfaceCalled is the interface of a name; nil when the pod has none.
func interfaceCalled(p *pod.View, name string) *pod.Interface {
	for n := range p.Interfaces() {
		if i := &p.Interfaces()[n]; i.Name == name {
			return i
		}
	}
	return nil
}

// showing is a line of YAML; empty when the value would have to be cut.
func showing(key, value string) string {
	shown, ok := inYAML(value)
	if !ok {
		return ""
	}
	return key + ": " + shown
}

// inYAML quotes a value. It is not ok when it is too long to be shown, or cannot be seen.
func inYAML(value string) (quoted string, ok bool) {
	if value == "" || utf8.RuneCountInString(value) > pasteLimit || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", false
	}
	if strings.ContainsAny(value, `"\`) {
		return "'" + strings.ReplaceAll(value, "'", "''") + "'", true
	}
	return `"` + value + `"`, true
}

// plain says whether a JSON object asks for nothing but a network and an
// interface name, which the comma form can say as well.
func plain(object string) bool {
	if object == "" {
		return true
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(object), &fields) != nil {
		return false
	}
	for field := range fields {
		if !naming(field) {
			return false
		}
	}
	return true
}

// naming says whether a key of an element names its network or its interface.
func naming(key string) bool {
	return slices.ContainsFunc([]string{"name", "namespace", "interface", "interfaceRequest"}, func(field string) bool { return strings.EqualFold(key, field) })
}

// pasteObject is the JSON object that asks for the interface's network, with all that
// the pod's own object says and with the namespace, which another annotation would take
// from elsewhere. The interface's name is empty where Multus is to choose it.
func pasteObject(object string, i *pod.Interface, name string) string {
	fields := map[string]json.RawMessage{}
	// In the comma form there is nothing to take over but the name.
	_ = json.Unmarshal([]byte(object), &fields)
	maps.DeleteFunc(fields, func(key string, _ json.RawMessage) bool { return naming(key) })
	fields["name"] = json.RawMessage(encoded(i.Reference.Name))
	fields["namespace"] = json.RawMessage(encoded(i.Reference.Namespace))
	if name != "" {
		fields["interface"] = json.RawMessage(encoded(name))
	}
	return encoded(fields)
}
