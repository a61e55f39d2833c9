package multus

import (
	"encoding/json"
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/tally"
)

const (
	wantList   = `a list of objects: [{"name": "..."}, ...]`
	wantObject = `an object such as {"name": "..."}`
)

// syntaxFault says in people's words where and why a value is not JSON.
func syntaxFault(value string) Fault {
	f := Fault{Problem: ProblemSyntax, Element: -1, Want: wantList}
	root := jsonplace.Root(value)
	if root.Raw != "" && !IsJSON(root.Raw[:1]) {
		f.Offset, f.Value = root.Start, jsonplace.Word(value, root.Start)
		f.Detail = `is read as JSON, because it has a [, { or " in it, and JSON cannot begin with ` + quote.Value(f.Value)
		return f
	}
	f.Offset, f.Detail = jsonplace.SyntaxFault(value)
	return f
}

// notListFault is for JSON that is something else than a list. It can only be
// an object or a string, since no other JSON without a [ has a { or " in it.
func notListFault(root jsonplace.Value) Fault {
	f := Fault{Problem: ProblemSyntax, Element: -1, Offset: root.Start, Want: wantList}
	if root.Kind() == jsonplace.Object {
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
	faults []Fault
	// own is where those of the element begin that is being read: of others there may be
	// thousands.
	own int
}

func explainJSON(list jsonplace.Value, namespace string) ([]Element, []Fault) {
	var x explainer
	elements := []Element{}
	for i, at := range list.Members() {
		x.own = len(x.faults)
		elements = append(elements, x.element(i, at).element(namespace))
	}
	return elements, inOrder(x.faults)
}

// element reports the faults of one element and returns what can be read of it.
func (x *explainer) element(i int, object jsonplace.Value) *selection {
	s := &selection{}
	switch object.Kind() {
	case jsonplace.Null:
		x.report(ProblemName, i, "", object, "is in the place of a network", wantObject)
		return s
	case jsonplace.Object:
	default:
		x.report(ProblemSyntax, i, "", object, "is not an object", wantObject)
		return s
	}
	misfit := map[string]bool{}
	for key, value := range object.Entries() {
		name, want := fieldOf(key.Text())
		if name == "" {
			continue
		}
		if json.Unmarshal([]byte("{"+key.Raw+":"+value.Raw+"}"), s) != nil {
			misfit[name] = true
			x.misfit(i, name, want, value)
		}
	}
	x.strings(i, object, s, misfit)
	if list, given := place(object, "ips"); given {
		x.ips(i, s.IPs, list)
	}
	return s
}

// report adds a fault whose culprit is a value of the text.
func (x *explainer) report(p Problem, i int, field string, at jsonplace.Value, detail, want string) {
	last := tally.Full(x.faults[x.own:], maxFaults, func(k *Fault) bool { return k.Problem == p && k.Field == field })
	if last != nil {
		last.More++
		return
	}
	x.faults = append(x.faults, Fault{Problem: p, Element: i, Field: field, Offset: at.Start, Value: at.Text(), Detail: detail, Want: want})
}

// misfit reports a field that does not decode: the members at fault of the two
// lists of strings, any other value as a whole.
func (x *explainer) misfit(i int, name, want string, value jsonplace.Value) {
	detail := fmt.Sprintf("does not fit: %q must be %s", name, want)
	before := len(x.faults)
	if name == "ips" || name == "default-route" {
		for _, member := range value.Members() {
			switch kind := member.Kind(); {
			case kind != jsonplace.Null && kind != jsonplace.String:
				x.report(ProblemSyntax, i, name, member, detail, want)
			case name == "default-route" && kind == jsonplace.String && gatewayDetail(member.Text()) != "":
				x.report(ProblemIP, i, name, member, gatewayDetail(member.Text()), wantGateway)
			}
		}
	}
	if len(x.faults) == before {
		x.report(ProblemSyntax, i, name, value, detail, want)
	}
}

// strings reports the strings that decode and are refused for what they say.
func (x *explainer) strings(i int, object jsonplace.Value, s *selection, misfit map[string]bool) {
	checks := s.checks()
	for j := range checks {
		c := &checks[j]
		detail := c.result()
		if detail == "" || misfit[c.field] {
			continue
		}
		at, given := place(object, c.field)
		if !given {
			at = object
		}
		x.faults = append(x.faults, Fault{Problem: c.problem, Element: i, Field: c.field, Offset: at.Start, Value: c.value, Detail: detail, Want: c.want})
	}
}

// ips reports the addresses that are none. Members and decoded strings stand
// for each other one by one; what is no string at all is reported already.
func (x *explainer) ips(i int, ips []string, list jsonplace.Value) {
	for j, member := range list.Members() {
		if kind := member.Kind(); j >= len(ips) || kind != jsonplace.Null && kind != jsonplace.String {
			continue
		}
		if detail := ipDetail(ips[j]); detail != "" {
			x.report(ProblemIP, i, "ips", member, detail, wantIP)
		}
	}
}
