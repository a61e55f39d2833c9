package node

import (
	"slices"
	"strings"
	"testing"
)

// exception is a verdict that a node contradicts, and that is let stand.
type exception struct {
	kind string
	// title is in that of the trials, says in what the node says; either may be empty.
	title, says string
	why         string
}

// beyond are those that will stay: what decides is on the node, or luck.
var beyond = []exception{
	{passedFails, "", "invalid MTU 9000, must be [0, master MTU(1500)]", "how large packets a master takes only its node knows"},
	{passedFails, "tuning mtu above the master's", "", "the same, of tuning"},
	{passedFails, "", "/nosuch: no such file or directory", "which settings there are only the kernel knows"},
	{passedFails, "in container", "Link not found", "links of the pod may be made by what nobody here knows of"},
	{passedFails, "in container", "no default route interface found", "the same of the pod's default route"},
	{passedFails, "route-invalid/pass/second-range.yaml", "network is unreachable", "of a set with several ranges any may be the pod's; here it is always the first"},
	{passedFails, "network-config-unusable/pass/link-of-others.yaml", "Link not found", "links of the pod may be made by what nobody here knows of"},
	{passedFails, "master: 16 bytes", "Link not found", "a link may have a longer name besides (altname), which its node knows: the network is refused, its pods are not"},
	{passedFails, "host-device; before macvlan", "Link not found", "a device that one network takes away may be there again for another, on another node"},
	{passedFails, "nad-ipam-key-ignored/pass/host-local.yaml", "/etc/resolv.conf", "the file is on nodes, and not where the tests run"},
	{unfulfilled, "passthru with a mac", "in place of", "that the network's own mac has no effect is said of the network"},
	{passedFails, "", "invalid range set 0: gateway", "host-local takes it before version 1.10.0, so that networks are warned of it and pods pass"},
}

// excepted says whether a fault is one of some that are let stand, and which.
func excepted(list []exception, f *fault) int {
	return slices.IndexFunc(list, func(e exception) bool {
		return f.kind == e.kind && strings.Contains(f.title, e.title) && strings.Contains(f.says, e.says)
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
				t.Logf("let stand: %s: %s\n%s", f.kind, f.title, f.text)
			}
			return i >= 0
		})
	}
	for i, e := range list {
		if met[i] == 0 {
			t.Errorf("let stand in the list %s, but it is right, so it can go: %s; %q; %q: %s", name, e.kind, e.title, e.says, e.why)
		}
	}
	if len(list) > 0 {
		t.Logf("let stand: %v of %s", met, name)
	}
}
