package multus

import (
	"encoding/json"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
)

// Places finds where things stand in an annotation of either form. The elements are looked up
// once, when the first of them is asked for: many questions cost little more than one.
type Places struct {
	value  string
	json   bool
	looked bool
	// objects are the elements of the JSON form, items those of the other one.
	objects []jsonplace.Value
	items   []span
}

// PlacesIn are the places in the value of an annotation.
func PlacesIn(value string) *Places { return &Places{value: value, json: IsJSON(value)} }

// Locate is where the value of a field stands: the field ("name", "mac", "ips"...) of the
// element-th network, for index >= 0 the index-th member of a field that is a list. It
// answers in bytes, in the JSON form with a string's opening quote. Where there is no such
// field, or field is "", it answers with the element, and where there is no such element,
// with 0. "interface" is also found under its old key "interfaceRequest".
func (p *Places) Locate(element int, field string, index int) int {
	p.look()
	switch {
	case element < 0:
		return 0
	case p.json && element < len(p.objects):
		object := p.objects[element]
		if at, given := place(object, field); given {
			return at.Member(index).Start
		}
		return object.Start
	case element < len(p.items):
		return p.inItem(p.items[element], field)
	default:
		return 0
	}
}

// Object is an element of an annotation in the JSON form as it is written there; empty in the
// other form, and where there is no such element.
func (p *Places) Object(element int) string {
	if p.look(); element < 0 || element >= len(p.objects) {
		return ""
	}
	return p.objects[element].Raw
}

// look finds the elements, in one pass.
func (p *Places) look() {
	if p.looked {
		return
	}
	p.looked = true
	if p.json {
		for _, object := range jsonplace.Root(p.value).Members() {
			p.objects = append(p.objects, object)
		}
		return
	}
	start := 0
	for item := range strings.SplitSeq(p.value, ",") {
		p.items = append(p.items, span{start, start + len(item)})
		start += len(item) + 1
	}
}

func (p *Places) inItem(item span, field string) int {
	parts := splitItem(p.value, item.start, item.end)
	part := parts.whole
	switch field {
	case "namespace":
		part = parts.namespace
	case "name":
		part = parts.name
	case "interface":
		part = parts.iface
	}
	if part.start == part.end {
		return parts.whole.start
	}
	return part.start
}

// Count is how many networks a value names, and how many addresses it asks for by "ips". It
// builds nothing, so that what is too large to be judged need not be read. Of a value that
// cannot be read as a list it counts none.
func Count(value string) (networks, addresses int) {
	switch {
	case value == "":
		return 0, 0
	case !IsJSON(value):
		return strings.Count(value, ",") + 1, 0
	case !json.Valid([]byte(value)):
		return 0, 0
	}
	for _, object := range jsonplace.Root(value).Members() {
		networks++
		for key, of := range object.Entries() {
			switch {
			case strings.EqualFold(key.Text(), "ips"):
				addresses += length(of)
			case strings.EqualFold(key.Text(), "cni-args"):
				for key, of := range of.Entries() {
					if strings.EqualFold(key.Text(), "ips") {
						addresses += length(of)
					}
				}
			}
		}
	}
	return networks, addresses
}

// length is how many members a list has.
func length(list jsonplace.Value) int {
	n := 0
	for range list.Members() {
		n++
	}
	return n
}

// place is where the value stands that fills a field of an object. An absent or
// empty "interface" stands where "interfaceRequest" does.
func place(object jsonplace.Value, field string) (at jsonplace.Value, given bool) {
	if known, _ := fieldOf(field); known == "" {
		return at, false
	}
	at, given = object.Field(field)
	if field == "interface" && (!given || at.Kind() == jsonplace.Null || at.Text() == "") {
		if old, found := object.Field("interfaceRequest"); found {
			return old, true
		}
	}
	return at, given
}
