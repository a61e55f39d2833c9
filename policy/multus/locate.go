package multus

import "strings"

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
	if isJSON(value) {
		return locateJSON(value, element, field, index)
	}
	return locateComma(value, element, field)
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
	for i, object := range members(value, skipSpace(value, 0)) {
		if i < element {
			continue
		}
		place, given := fieldPlaces(value, object.start)[field]
		if !given {
			return object.start
		}
		for j, member := range members(value, place.start) {
			if j == index {
				return member.start
			}
		}
		return place.start
	}
	return 0
}

// fieldPlaces is where the values stand that fill the fields of the object that
// starts at at. Of equal keys the last one fills its field, but a null leaves
// it as it was. An absent or empty "interface" stands where "interfaceRequest"
// does.
func fieldPlaces(value string, at int) map[string]span {
	places := map[string]span{}
	for key, val := range entries(value, at) {
		name, _ := fieldOf(key.of(value))
		if name == "" {
			continue
		}
		if _, set := places[name]; !set || val.of(value) != "null" {
			places[name] = val
		}
	}
	own, given := places["interface"]
	if old, ok := places["interfaceRequest"]; ok && (!given || plain(own.of(value)) == "" || own.of(value) == "null") {
		places["interface"] = old
	}
	return places
}
