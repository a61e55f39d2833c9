package rules

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// A remedy shows annotations to paste in place of the pod's own. They must be
// right as they stand: elements keep all that they ask for, and a value that is
// too long to be shown in full is put into words instead of being cut.

// notStandalone and notOverlay select the networks that can stay together.
func notStandalone(r cniconf.Role) bool { return r != cniconf.RoleStandalone }
func notOverlay(r cniconf.Role) bool    { return r != cniconf.RoleOverlay }

// pasteNetworks is a line of YAML with the networks annotation made of some
// interfaces, or words that say the same.
func pasteNetworks(p *pod.View, interfaces []*pod.Interface) string {
	if len(interfaces) == 0 {
		return "remove " + multus.NetworksAnnotation
	}
	if value, ok := render(p, interfaces, false); ok {
		return multus.NetworksAnnotation + ": " + value
	}
	return "the list in " + multus.NetworksAnnotation + " keeps " + names(interfaces)
}

// pasteDefaultNetwork is a line of YAML that makes an interface's network the
// default-network, or words that say the same.
func pasteDefaultNetwork(p *pod.View, i *pod.Interface) string {
	if value, ok := render(p, []*pod.Interface{i}, true); ok {
		return multus.DefaultNetworkAnnotation + ": " + value
	}
	return multus.DefaultNetworkAnnotation + " names " + i.Label() + ", without an interface name"
}

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

// names lists networks in words: the first ones, where there are many.
func names(interfaces []*pod.Interface) string {
	const most = 3
	var labels []string
	for _, i := range interfaces[:min(most, len(interfaces))] {
		labels = append(labels, i.Label())
	}
	text := strings.Join(labels, ", ")
	if len(interfaces) > most {
		text += " and so on"
	}
	return text
}

// render is the value of an annotation that asks for the networks of some
// interfaces as the pod does, quoted for YAML. It is not ok when the value would
// have to be cut, and when an interface moves to another place with a name that
// was meant for its old one.
func render(p *pod.View, interfaces []*pod.Interface, first bool) (value string, ok bool) {
	inJSON := slices.ContainsFunc(interfaces, func(i *pod.Interface) bool {
		return i.Element.Offset < 0 && !plain(raw(p, i)) || strings.Contains(i.Reference.Name, ".")
	})
	var elements []string
	for _, i := range interfaces {
		if i.Element.Interface != "" && (first || i.Annotation == multus.DefaultNetworkAnnotation) {
			return "", false
		}
		if inJSON {
			elements = append(elements, pasteObject(p, i))
			continue
		}
		element := i.Reference.String()
		if i.Element.Interface != "" {
			element += "@" + i.Element.Interface
		}
		elements = append(elements, element)
	}
	value = strings.Join(elements, ",")
	if inJSON {
		value = "[" + value + "]"
	}
	if utf8.RuneCountInString(value) > quote.Limit || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", false
	}
	if inJSON {
		return "'" + strings.ReplaceAll(value, "'", "''") + "'", true
	}
	return `"` + value + `"`, true
}

// raw is the JSON object that asks for the interface's network, empty when it is
// asked for in the comma form.
func raw(p *pod.View, i *pod.Interface) string {
	if i.Element.Offset >= 0 {
		return ""
	}
	var raw json.RawMessage
	text := p.Subject.Annotations[i.Annotation][p.Locate(i, ""):]
	if json.NewDecoder(strings.NewReader(text)).Decode(&raw) != nil {
		return ""
	}
	return string(raw)
}

// plain says whether a JSON object asks for nothing but a network and an
// interface name, which the comma form can say as well.
func plain(raw string) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &fields) != nil {
		return false
	}
	for field := range fields {
		switch field {
		case "name", "namespace", "interface":
		default:
			return false
		}
	}
	return true
}

// pasteObject is the JSON object that asks for the interface's network, with all that
// the pod's own says and with the namespace, which another annotation would take
// from elsewhere.
func pasteObject(p *pod.View, i *pod.Interface) string {
	fields := map[string]json.RawMessage{}
	// In the comma form there is nothing to take over but the name.
	_ = json.Unmarshal([]byte(raw(p, i)), &fields)
	set := func(field, value string) {
		if value != "" {
			// A string always encodes.
			fields[field], _ = json.Marshal(value)
		}
	}
	set("name", i.Reference.Name)
	set("namespace", i.Reference.Namespace)
	set("interface", i.Element.Interface)
	text, err := json.Marshal(fields)
	if err != nil {
		return ""
	}
	return string(text)
}
