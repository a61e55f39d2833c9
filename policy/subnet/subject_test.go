package subnet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A rule that is off is not run.
func TestRulesThatAreOff(t *testing.T) {
	before := Rules
	defer func() { Rules = before }()
	Rules = []Rule{{ID: "a", Default: verdict.Off, Check: func(*view) []verdict.Finding { t.Error("it was run"); return nil }}}
	decode(t, 1, nil).Judge(Facts{}, config.Default())
}

// Who mends some of many faults is not refused for those that were not said before.
func TestInheritOfManyFaults(t *testing.T) {
	const many = 2 * verdict.MaxFindings
	for ranges, want := range map[int]verdict.Action{many: verdict.Warn, many - 1: verdict.Warn, many / 2: verdict.Warn, 3: verdict.Warn, many + 1: verdict.Deny} {
		old := subnetOf(many)
		if v := decode(t, ranges, &old).Judge(Facts{}, config.Default()); v.Decision() != want {
			t.Errorf("%d wrong ranges instead of %d: %s, want %s", ranges, many, v.Decision(), want)
		}
	}
}

// subnetOf has a number of ranges, and none of them is one.
func subnetOf(ranges int) string {
	var list []string
	for i := range ranges {
		list = append(list, fmt.Sprintf(`{"from":"a%d","to":"10.0.0.9"}`, i))
	}
	return `{"metadata":{"name":"vlan100","namespace":"` + flatnetwork.V2.SubnetNamespace() + `"},"spec":{"master":"eth1","vlan":100,"cidr":"10.0.0.0/24","ranges":[` + strings.Join(list, ",") + `]}}`
}

func decode(t *testing.T, ranges int, old *string) *Subject {
	t.Helper()
	var before []byte
	if old != nil {
		before = []byte(*old)
	}
	s, err := Decode(flatnetwork.V2, "", []byte(subnetOf(ranges)), before)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
