package multus

import (
	"net"
	"reflect"
	"strings"
	"testing"
)

func TestFieldsAreThoseOfSelection(t *testing.T) {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	var tags []string
	for f := range reflect.TypeFor[selection]().Fields() {
		tags = append(tags, f.Tag.Get("json"))
	}
	if !reflect.DeepEqual(names, tags) {
		t.Errorf("fields %q, want the keys of selection %q", names, tags)
	}
}

func TestParseNetworksJSON(t *testing.T) {
	ip := net.ParseIP
	tests := []struct {
		value string
		want  []Element
	}{
		{`[]`, []Element{}},
		{" [ ] \n", []Element{}},
		{`[{"name":"a"}]`, []Element{{Namespace: "pod", Name: "a"}}},
		{"\n[\n  {\"name\": \"a\"},\n  {\"name\": \"b\", \"namespace\": \"ns\"}\n]", []Element{
			{Namespace: "pod", Name: "a"}, {Namespace: "ns", NamespaceGiven: true, Name: "b"}}},
		{`[{"name":"bond0.100","namespace":""}]`, []Element{{Namespace: "pod", Name: "bond0.100"}}},
		{`[{"NAME":"a","NameSpace":"ns"}]`, []Element{{Namespace: "ns", NamespaceGiven: true, Name: "a"}}},
		{`[{"name":"a","name":"b"}]`, []Element{{Namespace: "pod", Name: "b"}}},
		{`[{"name":"a","name":null}]`, []Element{{Namespace: "pod", Name: "a"}}},
		{`[{"n\u0061me":"\u0061"}]`, []Element{{Namespace: "pod", Name: "a"}}},
		{`[{"name":"a","unknown":{"x":[1,"]"]}}]`, []Element{{Namespace: "pod", Name: "a"}}},
		{`[{"name":"a","interface":"a,b"}]`, []Element{{Namespace: "pod", Name: "a", Interface: "a,b"}}},
		{`[{"name":"a","interfaceRequest":"x"}]`, []Element{{Namespace: "pod", Name: "a", Interface: "x"}}},
		{`[{"name":"a","interface":"","interfaceRequest":"x"}]`, []Element{{Namespace: "pod", Name: "a", Interface: "x"}}},
		{`[{"name":"a","interface":"y","interfaceRequest":"no way"}]`, []Element{{Namespace: "pod", Name: "a", Interface: "y"}}},
		{`[{"name":"a","mac":"02:00:00:00:00:01","infiniband-guid":"02:00:00:00:00:00:00:01","ips":["10.1.2.3/24","fd00::3"]}]`, []Element{
			{Namespace: "pod", Name: "a", MAC: "02:00:00:00:00:01", GUID: "02:00:00:00:00:00:00:01", IPs: []string{"10.1.2.3/24", "fd00::3"}}}},
		{`[{"name":"a","mac":"","ips":null,"default-route":null}]`, []Element{{Namespace: "pod", Name: "a"}}},
		{`[{"name":"a","ips":["zz"],"ips":null}]`, []Element{{Namespace: "pod", Name: "a"}}},
		{`[{"name":"a","default-route":[]}]`, []Element{{Namespace: "pod", Name: "a", DefaultRoutes: []net.IP{}, HasDefaultRoute: true}}},
		{`[{"name":"a","default-route":["10.1.2.1","fd00::1","",null]}]`, []Element{
			{Namespace: "pod", Name: "a", DefaultRoutes: []net.IP{ip("10.1.2.1"), ip("fd00::1"), nil, nil}, HasDefaultRoute: true}}},
		{`[{"name":"a","cni-args":{"x":1},"deviceID":"d","portMappings":[{"hostPort":1},null],"bandwidth":{"ingressRate":-1}}]`, []Element{
			{Namespace: "pod", Name: "a"}}},
	}
	for _, tt := range tests {
		elements, faults := ParseNetworks(tt.value, "pod")
		checkFaults(t, tt.value, faults)
		for i := range tt.want {
			tt.want[i].Offset = -1
		}
		if !reflect.DeepEqual(elements, tt.want) {
			t.Errorf("%q: elements\n%+v, want\n%+v", tt.value, elements, tt.want)
		}
	}
}

func TestParseNetworksJSONFaults(t *testing.T) {
	misfit := func(field, want string) string { return `does not fit: "` + field + `" must be ` + want }
	tests := []struct {
		value    string
		elements int
		want     []found
	}{
		{`[null]`, 1, []found{{ProblemName, 0, "", 1, "null", "is in the place of a network"}}},
		{`["a",5,[],true]`, 4, []found{
			{ProblemSyntax, 0, "", 1, "a", "is not an object"},
			{ProblemSyntax, 1, "", 5, "5", "is not an object"},
			{ProblemSyntax, 2, "", 7, "[]", "is not an object"},
			{ProblemSyntax, 3, "", 10, "true", "is not an object"}}},
		{`[{}]`, 1, []found{{ProblemName, 0, "name", 1, "", "has no name"}}},
		{`[{"name":""}]`, 1, []found{{ProblemName, 0, "name", 9, "", "has no name"}}},
		{`[{"name":"kube-system/a"}]`, 1, []found{{ProblemName, 0, "name", 9, "kube-system/a", "has a / in it"}}},
		{`[{"name":"a","namespace":"n.s"}]`, 1, []found{{ProblemName, 0, "namespace", 25, "n.s", "has a dot in it"}}},
		{`[{"name":5,"namespace":{}}]`, 1, []found{
			{ProblemSyntax, 0, "name", 9, "5", misfit("name", "a string")},
			{ProblemSyntax, 0, "namespace", 23, "{}", misfit("namespace", "a string")}}},
		{`[{"name":"a","interface":"sixteencharsname"}]`, 1, []found{
			{ProblemInterface, 0, "interface", 25, "sixteencharsname", "is longer than 15 bytes"}}},
		{`[{"name":"a","interfaceRequest":"x\u0000"}]`, 1, []found{
			{ProblemInterface, 0, "interfaceRequest", 32, "x\x00", "has a NUL byte in it"}}},
		{`[{"name":"a","mac":"zz"}]`, 1, []found{{ProblemMAC, 0, "mac", 19, "zz", "is not a MAC address"}}},
		{`[{"name":"a","infiniband-guid":"zz"}]`, 1, []found{
			{ProblemGUID, 0, "infiniband-guid", 31, "zz", "is not an InfiniBand GUID"}}},
		{`[{"name":"a","ips":["1.2.3.4","1.2.3.999","1.2.3.4/99",""]}]`, 1, []found{
			{ProblemIP, 0, "ips", 30, "1.2.3.999", "is not an IP address"},
			{ProblemIP, 0, "ips", 42, "1.2.3.4/99", "is not an IP address with a prefix length"},
			{ProblemIP, 0, "ips", 55, "", "is not an IP address"}}},
		{`[{"name":"a","ips":[null]}]`, 1, []found{{ProblemIP, 0, "ips", 20, "null", "is not an IP address"}}},
		{`[{"name":"a","ips":"10.1.2.3"}]`, 1, []found{{ProblemSyntax, 0, "ips", 19, "10.1.2.3", misfit("ips", "a list of strings")}}},
		{`[{"name":"a","ips":["zz",5]}]`, 1, []found{
			{ProblemIP, 0, "ips", 20, "zz", "is not an IP address"},
			{ProblemSyntax, 0, "ips", 25, "5", misfit("ips", "a list of strings")}}},
		{`[{"name":"a","default-route":"10.1.2.1"}]`, 1, []found{
			{ProblemSyntax, 0, "default-route", 29, "10.1.2.1", misfit("default-route", "a list of strings")}}},
		{`[{"name":"a","default-route":["x",["y"],"10.1.2.1/24"]},{"name":"B"}]`, 2, []found{
			{ProblemIP, 0, "default-route", 30, "x", "is not an IP address"},
			{ProblemSyntax, 0, "default-route", 34, `["y"]`, misfit("default-route", "a list of strings")},
			{ProblemIP, 0, "default-route", 40, "10.1.2.1/24", "is not an IP address"},
			{ProblemName, 1, "name", 64, "B", "has an upper case letter in it"}}},
		{`[{"name":"a","portMappings":[{"hostPort":"80"}]}]`, 1, []found{
			{ProblemSyntax, 0, "portMappings", 28, `[{"hostPort":"80"}]`, misfit("portMappings", fields[7].want)}}},
		{`[{"name":"a","bandwidth":{"ingressRate":1.5}}]`, 1, []found{
			{ProblemSyntax, 0, "bandwidth", 25, `{"ingressRate":1.5}`, misfit("bandwidth", fields[8].want)}}},
		{`[{"name":"a","cni-args":{"x":1e999}}]`, 1, []found{
			{ProblemSyntax, 0, "cni-args", 24, `{"x":1e999}`, misfit("cni-args", fields[10].want)}}},
		{`[{"name":"A","Name":"B","mac":5,"mac":"zz"}]`, 1, []found{
			{ProblemName, 0, "name", 20, "B", "has an upper case letter in it"},
			{ProblemSyntax, 0, "mac", 30, "5", misfit("mac", "a string")}}},
	}
	for _, tt := range tests {
		elements, faults := ParseNetworks(tt.value, "pod")
		checkFaults(t, tt.value, faults, tt.want...)
		if len(elements) != tt.elements {
			t.Errorf("%q: %d elements, want %d", tt.value, len(elements), tt.elements)
		}
	}
}

// TestFaultyElementsKeepWhatCanBeRead: one bad field hides neither the others
// nor the other elements.
func TestFaultyElementsKeepWhatCanBeRead(t *testing.T) {
	value := `[{"name":"a","default-route":["x"],"interface":"x1"},null,{"ips":5,"name":"b","namespace":"ns"}]`
	elements, faults := ParseNetworks(value, "pod")
	if len(faults) != 3 || len(elements) != 3 {
		t.Fatalf("%d faults and %d elements, want 3 and 3", len(faults), len(elements))
	}
	if e := elements[0]; e.Name != "a" || e.Interface != "x1" || e.Namespace != "pod" {
		t.Errorf("first element is %+v", e)
	}
	if e := elements[1]; e.Name != "" || e.Namespace != "pod" {
		t.Errorf("second element is %+v", e)
	}
	if e := elements[2]; e.Name != "b" || e.Namespace != "ns" || e.IPs != nil {
		t.Errorf("third element is %+v", e)
	}
}

func TestParseNetworksNotAList(t *testing.T) {
	const (
		readAsJSON = `is read as JSON, because it has a [, { or " in it, and JSON cannot begin with `
		notJSON    = "is not valid JSON: line 1, column "
	)
	tests := []struct {
		value  string
		offset int
		culp   string
		detail string
	}{
		{`{"name":"a"}`, 0, "", "is an object and must be a list: put it between [ and ]"},
		{" {}", 1, "", "is an object and must be a list: put it between [ and ]"},
		{`"ns/a"`, 0, "", "is a string in double quotes, which makes it JSON, and must then be a list in [ ]"},
		{`a[b`, 0, "a", readAsJSON + `"a"`},
		{` a,"b"`, 1, "a", readAsJSON + `"a"`},
		{`1 [`, 0, "1", readAsJSON + `"1"`},
		{`[{"name":"a"}`, 13, "", notJSON + "14: it ends before it is complete: the bracket opened at column 1 is not closed"},
		{`[{"name":"a`, 11, "", notJSON + "12: it ends before it is complete: the text that begins at column 10 has no closing quote"},
		{`[{"name":"a"] `, 12, "", notJSON + "13: this must be a comma or a closing brace, not ']': the brace opened at column 2 is not closed"},
		{`[{"name":"a"}] garbage, x`, 15, "", notJSON + "16: this must be the end, not 'g'"},
		{`[{"name":"a"},]`, 14, "", notJSON + "15: this must be a value, not ']': the comma before it is one too many"},
		{`[{name:"a"}]`, 2, "", notJSON + "3: this must be a key in double quotes, not 'n'"},
		{"[" + strings.Repeat("[", 10000), 10000, "", notJSON + "10001: values cannot be nested more than 10000 deep, not '['"},
	}
	for _, tt := range tests {
		elements, faults := ParseNetworks(tt.value, "pod")
		checkFaults(t, tt.value, faults, found{ProblemSyntax, -1, "", tt.offset, tt.culp, tt.detail})
		if elements != nil {
			t.Errorf("%q: elements %+v, want none", tt.value, elements)
		}
	}
}
