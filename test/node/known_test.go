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
	{passedFails, "", "invalid range set 0: gateway", "host-local takes it before version 1.10.0, so that networks are warned of it and pods pass"},
}

// known are those that are faults of ours. Each is to go, none to be added.
var known = []exception{
	{passedFails, "args", "failed to allocate", "an address in args that the network asks for, twice in a pod"},
	{passedFails, "runtimeConfig; twice", "is not available in range set", "an address that the network asks for, twice in a pod"},
	{passedFails, "master: 16 bytes", "Link not found", "pods on a network whose master no link can be"},
	{passedFails, "host-device; before macvlan", "Link not found", "host-device takes away the master of another network"},
	{passedFails, "; first", "failed to find network info for sandbox", "a default network that gives no address"},
	{passedFails, "; twice", "no IP addresses available in range set", "a range that is too small for this pod alone"},
	{passedFails, "mac; twice", "address already in use", "a MAC address of the network, twice in a pod"},

	{unfulfilled, "", "in place of", "a MAC address of the network that passthru does not take"},

	{undeletable, "version  of a list", "no IP ranges specified", "a list without a version, which Multus writes anew for DEL and leaves the ranges out of"},
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
