package multus

import (
	"strings"
	"unicode"
)

const wantComma = "[namespace/]name[@interface], several of them separated by commas"

// parseComma reads the form "[namespace/]name[@interface],...". The strings of
// the elements are parts of the value, so that a list without faults costs a
// single allocation.
func parseComma(value, namespace string) ([]Element, []Fault) {
	elements := make([]Element, 0, strings.Count(value, ",")+1)
	var faults []Fault
	for start := 0; start <= len(value); {
		end := len(value)
		if comma := strings.IndexByte(value[start:], ','); comma >= 0 {
			end = start + comma
		}
		parts := splitItem(value, start, end)
		item := parts.whole.of(value)
		e := Element{
			Namespace: parts.namespace.of(value),
			Name:      parts.name.of(value),
			Interface: parts.iface.of(value),
			Offset:    parts.whole.start,
		}
		if slashes, ats := strings.Count(item, "/"), strings.Count(item, "@"); slashes > 1 || ats > 1 {
			faults = append(faults, Fault{
				Problem: ProblemSyntax, Element: len(elements), Offset: e.Offset, Value: item,
				Detail: tooMany(slashes), Want: wantComma,
			})
		} else {
			faults = appendCommaFaults(faults, len(elements), &e, parts)
		}
		if e.NamespaceGiven = e.Namespace != ""; !e.NamespaceGiven {
			e.Namespace = namespace
		}
		elements = append(elements, e)
		start = end + 1
	}
	return elements, faults
}

func tooMany(slashes int) string {
	if slashes > 1 {
		return "has more than one /"
	}
	return "has more than one @"
}

// appendCommaFaults checks the parts of one item in the order they stand in.
func appendCommaFaults(faults []Fault, i int, e *Element, at itemParts) []Fault {
	if e.Namespace != "" {
		if detail := namespaceDetail(e.Namespace); detail != "" {
			faults = append(faults, Fault{ProblemName, i, "namespace", at.namespace.start, e.Namespace, detail, wantNamespace, 0})
		}
	}
	if detail := commaNameDetail(e.Name); detail != "" {
		faults = append(faults, Fault{ProblemName, i, "name", at.name.start, e.Name, detail, wantCommaName, 0})
	}
	if e.Interface != "" {
		if detail := interfaceDetail(e.Interface); detail != "" {
			faults = append(faults, Fault{ProblemInterface, i, "interface", at.iface.start, e.Interface, detail, wantInterface, 0})
		}
	}
	return faults
}

// span is a part of a value: the bytes from start up to end.
type span struct{ start, end int }

func (s span) of(value string) string { return value[s.start:s.end] }

// itemParts are the places of the parts of one item, without the white space
// around them. Parts that are not there are empty.
type itemParts struct{ whole, namespace, name, iface span }

// splitItem takes value[start:end] apart. With more than one / or @, the parts
// are cut at the first of each.
func splitItem(value string, start, end int) itemParts {
	whole := trim(value, span{start, end})
	parts := itemParts{whole: whole, name: whole}
	if slash := strings.IndexByte(whole.of(value), '/'); slash >= 0 {
		parts.namespace = trim(value, span{whole.start, whole.start + slash})
		parts.name.start += slash + 1
	}
	if at := strings.IndexByte(parts.name.of(value), '@'); at >= 0 {
		at += parts.name.start
		parts.iface = trim(value, span{at + 1, parts.name.end})
		parts.name.end = at
	}
	parts.name = trim(value, parts.name)
	return parts
}

// trim narrows a span by the white space at its ends: any that Unicode knows,
// as Multus takes strings.TrimSpace.
func trim(value string, s span) span {
	text := s.of(value)
	left := len(text) - len(strings.TrimLeftFunc(text, unicode.IsSpace))
	if left == len(text) {
		return span{s.start, s.start}
	}
	return span{s.start + left, s.start + len(strings.TrimRightFunc(text, unicode.IsSpace))}
}
