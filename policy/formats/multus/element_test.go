package multus

import "testing"

func TestParseDefaultNetwork(t *testing.T) {
	for _, value := range []string{"macvlan@eth0", "/macvlan@eth0", `[{"name":"macvlan","interface":"eth0"}]`} {
		elements, faults := ParseDefaultNetwork(value, "kube-system")
		checkFaults(t, value, faults)
		if len(elements) != 1 {
			t.Errorf("%q: %d elements, want 1", value, len(elements))
			continue
		}
		if e := elements[0]; e.Namespace != "kube-system" || e.NamespaceGiven || e.Name != "macvlan" || e.Interface != "eth0" {
			t.Errorf("%q: element %+v", value, e)
		}
	}
}

func TestParseDefaultNetworkFaults(t *testing.T) {
	tests := []struct {
		value    string
		elements int
		want     []found
	}{
		{"", 0, []found{{ProblemSyntax, -1, "", 0, "", "is empty"}}},
		{" ", 1, []found{{ProblemName, 0, "name", 0, "", "has no name"}}},
		{"a,b", 2, []found{{ProblemCount, -1, "", 2, "", "names 2 networks"}}},
		{"a,B, c", 3, []found{
			{ProblemName, 1, "name", 2, "B", "has an upper case letter in it"},
			{ProblemCount, -1, "", 2, "", "names 3 networks"}}},
		{"[]", 0, []found{{ProblemCount, -1, "", 0, "", "is a list without any network"}}},
		{"[null]", 1, []found{{ProblemName, 0, "", 1, "null", "is in the place of a network"}}},
		{`[{"name":"a"}, {"name":"b"},null]`, 3, []found{
			{ProblemCount, -1, "", 15, "", "names 3 networks"},
			{ProblemName, 2, "", 28, "null", "is in the place of a network"}}},
		{`{"name":"a"}`, 0, []found{{ProblemSyntax, -1, "", 0, "", "is an object and must be a list: put it between [ and ]"}}},
		{`[{"name":"a","interface":"x:"}]`, 1, []found{{ProblemInterface, 0, "interface", 25, "x:", "has a : in it"}}},
	}
	for _, tt := range tests {
		elements, faults := ParseDefaultNetwork(tt.value, "kube-system")
		checkFaults(t, tt.value, faults, tt.want...)
		if len(elements) != tt.elements {
			t.Errorf("%q: %d elements, want %d", tt.value, len(elements), tt.elements)
		}
	}
}
