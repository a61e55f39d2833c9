package node

import (
	"slices"
	"strings"
	"testing"
)

// exception is a verdict that a node contradicts, and that is let stand.
type exception struct {
	// title is in that of the trials, says in what the node says; either may be empty.
	title, says string
	why         string
}

// beyond are those that will stay: what decides is on the node, or luck.
var beyond = []exception{
	{"", "invalid MTU 9000, must be [0, master MTU(1500)]", "how large packets a master takes only its node knows"},
	{"tuning mtu above the master's", "", "the same, of tuning"},
	{"tuning sysctl that is not there", "nosuch: no such file or directory", "which settings there are only the kernel knows"},
	{"in container", "Link not found", "links of the pod may be made by what nobody here knows of"},
	{"in container", "no default route interface found", "the same of the pod's default route"},
	{"route-invalid/pass/second-range.yaml", "network is unreachable", "of a set with several ranges any may be the pod's; here it is always the first"},
}

// known are those that are faults of ours. Each is to go, none to be added.
var known = []exception{}

// excepted says whether a fault is one of some that are let stand, and which.
func excepted(list []exception, f *fault) int {
	return slices.IndexFunc(list, func(e exception) bool {
		return strings.Contains(f.title, e.title) && strings.Contains(f.says, e.says)
	})
}

// except takes what is let stand out of the faults of reports. An exception without a fault
// is one itself.
func except(t *testing.T, name string, list []exception, reports ...*report) {
	t.Helper()
	met := make([]int, len(list))
	for _, r := range reports {
		r.faults = slices.DeleteFunc(r.faults, func(f fault) bool {
			i := excepted(list, &f)
			if i >= 0 {
				met[i]++
			}
			return i >= 0
		})
	}
	for i, e := range list {
		if met[i] == 0 {
			t.Errorf("%q, %q is let stand (%s), but it is right: take it out of the list %s", e.title, e.says, e.why, name)
		}
	}
	if len(list) > 0 {
		t.Logf("let stand: %v of %s", met, name)
	}
}
