package multus

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	wantList   = `a list of objects: [{"name": "..."}, ...]`
	wantObject = `an object such as {"name": "..."}`
)

// syntaxFault says in people's words where and why a value is not JSON.
func syntaxFault(value string) Fault {
	f := Fault{Problem: ProblemSyntax, Element: -1, Offset: badByte(value), Want: wantList}
	first := skipSpace(value, 0)
	switch {
	case first < len(value) && strings.IndexByte(`[{"`, value[first]) < 0:
		f.Offset, f.Value = first, word(value, first)
		f.Detail = fmt.Sprintf(`cannot stand at byte %d: with a [, { or " anywhere in it, the value is read as JSON`, first+1)
		return f
	case f.Offset == len(value):
		f.Detail = fmt.Sprintf("ends too early, after %d bytes: a bracket, brace or quote is not closed", len(value))
		return f
	}
	f.Value = word(value, f.Offset)
	f.Detail = fmt.Sprintf("cannot stand at byte %d", f.Offset+1)
	found, _ := utf8.DecodeRuneInString(f.Value)
	before := strings.TrimRight(value[:f.Offset], jsonSpace)
	switch {
	case strings.ContainsRune("]}", found) && strings.HasSuffix(before, ","):
		f.Detail += ": the comma before it is one too many"
	case strings.ContainsRune("'`‘’“”", found):
		f.Detail += `: names and strings stand in straight double quotes, "`
	case found < ' ':
		f.Detail += ": a string has no line breaks or control characters in it"
	}
	return f
}

// badByte is the offset of the first byte that keeps a value from being JSON,
// the value's length when it only ends too early. The NUL byte, which JSON
// allows nowhere, makes the decoder count the same way in both cases.
func badByte(value string) int {
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal([]byte(value+"\x00"), new(json.RawMessage)), &syntax) {
		return min(max(0, int(syntax.Offset)-1), len(value))
	}
	return 0
}

// word is what stands at at, up to the next thing that JSON separates by.
func word(value string, at int) string {
	_, size := utf8.DecodeRuneInString(value[at:])
	if strings.IndexByte(`[]{}",:`, value[at]) < 0 {
		if end := strings.IndexAny(value[at:], `[]{}",:`+jsonSpace); end > size {
			size = end
		} else if end < 0 {
			size = len(value) - at
		}
	}
	return value[at : at+size]
}

// notListFault is for JSON that is something else than a list. It can only be
// an object or a string, since no other JSON without a [ has a { or " in it.
func notListFault(value string, top int) Fault {
	f := Fault{Problem: ProblemSyntax, Element: -1, Offset: top, Want: wantList}
	if startsWith(value, top, '{') {
		f.Detail = "is an object and must be a list: put it between [ and ]"
	} else {
		f.Detail = `is a string in double quotes, which makes it JSON, and must then be a list in [ ]`
		f.Want += ", or " + wantComma + ", without quotes"
	}
	return f
}

// explainer reads a list with faults once more, element by element and key by
// key, because encoding/json stops at the first error and keeps no places.
type explainer struct {
	value  string
	faults []Fault
}

func explainJSON(value, namespace string, top int) ([]Element, []Fault) {
	x := explainer{value: value}
	elements := []Element{}
	for i, at := range members(value, top) {
		elements = append(elements, x.element(i, at).element(namespace))
	}
	return elements, inOrder(x.faults)
}

// element reports the faults of one element and returns what can be read of it.
func (x *explainer) element(i int, at span) *selection {
	s := &selection{}
	switch raw := at.of(x.value); {
	case raw == "null":
		x.report(ProblemName, i, "", at, "stands where a network must be", wantObject)
		return s
	case raw[0] != '{':
		x.report(ProblemSyntax, i, "", at, "is not an object", wantObject)
		return s
	}
	misfit := map[string]bool{}
	for key, val := range entries(x.value, at.start) {
		name, want := fieldOf(key.of(x.value))
		if name == "" {
			continue
		}
		if json.Unmarshal([]byte("{"+key.of(x.value)+":"+val.of(x.value)+"}"), s) != nil {
			misfit[name] = true
			x.misfit(i, name, want, val)
		}
	}
	places := fieldPlaces(x.value, at.start)
	x.strings(i, at, s, places, misfit)
	if place, given := places["ips"]; given {
		x.ips(i, s.IPs, place)
	}
	return s
}

// report adds a fault whose culprit is the JSON text at a place.
func (x *explainer) report(p Problem, i int, field string, at span, detail, want string) {
	x.faults = append(x.faults, Fault{p, i, field, at.start, plain(at.of(x.value)), detail, want})
}

// misfit reports a field that does not decode: the members at fault of the two
// lists of strings, any other value as a whole.
func (x *explainer) misfit(i int, name, want string, val span) {
	detail := fmt.Sprintf("does not fit: %q must be %s", name, want)
	before := len(x.faults)
	if name == "ips" || name == "default-route" {
		for _, at := range members(x.value, val.start) {
			switch raw := at.of(x.value); {
			case raw != "null" && raw[0] != '"':
				x.report(ProblemSyntax, i, name, at, detail, want)
			case name == "default-route" && raw != "null" && gatewayDetail(plain(raw)) != "":
				x.report(ProblemIP, i, name, at, gatewayDetail(plain(raw)), wantGateway)
			}
		}
	}
	if len(x.faults) == before {
		x.report(ProblemSyntax, i, name, val, detail, want)
	}
}

// strings reports the strings that decode and are refused for what they say.
func (x *explainer) strings(i int, element span, s *selection, places map[string]span, misfit map[string]bool) {
	checks := s.checks()
	for j := range checks {
		c := &checks[j]
		detail := c.result()
		if detail == "" || misfit[c.field] {
			continue
		}
		place, given := places[c.field]
		if !given {
			place = element
		}
		x.faults = append(x.faults, Fault{c.problem, i, c.field, place.start, c.value, detail, c.want})
	}
}

// ips reports the addresses that are none. Members and decoded strings stand
// for each other one by one; what is no string at all is reported already.
func (x *explainer) ips(i int, ips []string, place span) {
	for j, at := range members(x.value, place.start) {
		if raw := at.of(x.value); j >= len(ips) || raw != "null" && raw[0] != '"' {
			continue
		}
		if detail := ipDetail(ips[j]); detail != "" {
			x.report(ProblemIP, i, "ips", at, detail, wantIP)
		}
	}
}
