package multus

import (
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
)

// Locate is where the value of a field stands in an annotation of either form:
// the field ("name", "mac", "ips"...) of the element-th network, for index >= 0
// the index-th member of a field that is a list. It answers in bytes, in the
// JSON form with a string's opening quote. Where there is no such field, or
// field is "", it answers with the element, and where there is no such
// element, with 0. "interface" is also found under its old key
// "interfaceRequest".
//
// It reads the whole value again, so it is for reports only.
func Locate(value string, element int, field string, index int) int {
	if element < 0 {
		return 0
	}
	if IsJSON(value) {
		return locateJSON(value, element, field, index)
	}
	return locateComma(value, element, field)
}

// Objects are the elements of an annotation in the JSON form as they are written there; none
// of one that is no list.
func Objects(value string) []string {
	var objects []string
	if IsJSON(value) {
		for _, object := range jsonplace.Root(value).Members() {
			objects = append(objects, object.Raw)
		}
	}
	return objects
}

func locateComma(value string, element int, field string) int {
	start := 0
	for ; element > 0; element-- {
		comma := strings.IndexByte(value[start:], ',')
		if comma < 0 {
			return 0
		}
		start += comma + 1
	}
	end := len(value)
	if comma := strings.IndexByte(value[start:], ','); comma >= 0 {
		end = start + comma
	}
	parts := splitItem(value, start, end)
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

func locateJSON(value string, element int, field string, index int) int {
	for i, object := range jsonplace.Root(value).Members() {
		if i < element {
			continue
		}
		if at, given := place(object, field); given {
			return at.Member(index).Start
		}
		return object.Start
	}
	return 0
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
