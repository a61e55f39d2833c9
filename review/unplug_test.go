package review_test

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

const (
	secondNetwork    = "kube-system/vlan200-with-default"
	hostLocalNetwork = "kube-system/vlan300-host-local"
	bothNetworks     = pooledNetwork + "," + secondNetwork
	// bothPools is what is filled in for both.
	bothPools = `[{"interface":"net1","ipv4":["vlan100-v4"]},{"interface":"net2","ipv4":["vlan200-v4"]}]`
)

// TestUnplug is what becomes of a running pod that was right and loses networks: controllers
// take them out of the list and leave all else as it is, which is no reason to refuse that. What
// makes the others wrong is.
func TestUnplug(t *testing.T) {
	inv := given.Inventory(t, string(fixtures.Inventory()))
	const none = ""
	for _, tt := range []struct {
		name     string
		old, now annotations
		want     string
	}{
		{"one of two is unplugged", annotations{"networks": bothNetworks, "ippools": bothPools}, annotations{"networks": pooledNetwork, "ippools": bothPools},
			"stays ippools-interface-unknown"},
		{"the first of two is unplugged", annotations{"networks": bothNetworks, "ippools": bothPools}, annotations{"networks": secondNetwork, "ippools": bothPools},
			"stays ippools-interface-unknown, stays ippool-network-mismatch"},
		{"the first of two with names is unplugged", annotations{"networks": pooledNetwork + "@net1," + secondNetwork + "@net2", "ippools": bothPools},
			annotations{"networks": secondNetwork + "@net2", "ippools": bothPools}, "warn interface-name-unsupported, stays ippools-interface-unknown"},
		{"one that Spiderpool does not serve is unplugged before one that it does", annotations{"networks": hostLocalNetwork + "," + pooledNetwork, "ippools": strings.ReplaceAll(pool100, "net1", "net2")},
			annotations{"networks": pooledNetwork, "ippools": strings.ReplaceAll(pool100, "net1", "net2")}, "stays ippools-interface-missing, stays ippools-interface-unknown"},
		{"all of two are unplugged", annotations{"networks": bothNetworks, "ippools": bothPools}, annotations{"networks": "[]", "ippools": bothPools}, "warn ippools-interface-unknown"},
		{"the list of two goes", annotations{"networks": bothNetworks, "ippools": bothPools}, annotations{"ippools": bothPools}, "warn ippools-interface-unknown"},
		{"names collide when one is unplugged", annotations{"networks": overlayNetwork + "@a," + overlayNetwork + "@b," + overlayNetwork + "," + overlayNetwork + "@net2"},
			annotations{"networks": overlayNetwork + "@a," + overlayNetwork + "," + overlayNetwork + "@net2"}, "stays interface-name-conflict, warn interface-name-unsupported"},
		{"one of two is unplugged, and what is said of its address goes too", annotations{"networks": bothNetworks, "ippools": bothPools, "subnet": "vlan300", "ip": "auto"},
			annotations{"networks": pooledNetwork, "ippools": bothPools}, "stays ippools-interface-unknown"},
		{"one of two is exchanged", annotations{"networks": bothNetworks, "ippools": bothPools}, annotations{"networks": pooledNetwork + "," + pooledNetwork, "ippools": bothPools},
			"deny ippool-network-mismatch"},
		{"one of two is unplugged, and the pools become others", annotations{"networks": bothNetworks, "ippools": bothPools}, annotations{"networks": secondNetwork, "ippools": pool100},
			"deny ippool-network-mismatch"},
		{"the first interface goes, and one of the others", annotations{"default": standaloneNetwork, "networks": standaloneNetwork + "," + standaloneNetwork}, annotations{"networks": standaloneNetwork},
			"deny standalone-on-overlay-pod"},
		{"a standalone one is unplugged beside its like", annotations{"default": standaloneNetwork, "networks": standaloneNetwork + "," + standaloneNetwork},
			annotations{"default": standaloneNetwork, "networks": standaloneNetwork}, none},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, mode := range []verdict.Mode{verdict.ModeEnforce, verdict.ModeWarn} {
				c := config.Default()
				c.Multus.ClusterNetwork = new(string)
				judge := func(o review.Operation, old, now annotations) verdict.Verdict {
					outcome, err := review.Judge(t.Context(), inv, c, review.Change{
						APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Operation: o, Final: true, Mode: mode,
						Old: []byte(podWith(old, "", "")), New: []byte(podWith(now, "", "")),
					})
					if err != nil {
						t.Fatal(err)
					}
					return outcome.Verdict
				}
				if v := judge(review.Create, nil, tt.old); v.Refuses() {
					t.Fatalf("it was wrong before: %s", said(&v))
				}
				v, want := judge(review.Update, tt.old, tt.now), tt.want
				if mode == verdict.ModeWarn {
					want = strings.ReplaceAll(want, "deny", "warn")
				}
				if got := said(&v); got != want || v.Undecided != nil {
					t.Errorf("mode %s: %s, want %s\n%s", mode, got, want, v.Explanation(verdict.Warn))
				}
				line := "a new Pod with these annotations would be refused, and this one may fail when its sandbox is created again: "
				if mode == verdict.ModeWarn {
					line = "in mode enforce, " + line
				}
				if all := v.Warnings(); strings.Contains(want, "stays") && (len(all) == 0 || !strings.HasPrefix(all[0], line)) {
					t.Errorf("mode %s: warnings %q", mode, all)
				}
			}
		})
	}
}

// A network that asked for the default route does not leave it to another where the platform wants
// that to be refused: the pod would start so.
func TestUnplugDefaultRoute(t *testing.T) {
	inv := given.Inventory(t, string(fixtures.Inventory()))
	c := config.Default()
	c.Multus.ClusterNetwork = new(string)
	before := annotations{"networks": `[{"name":"uplink-ranged"},{"name":"lan-ranged","default-route":["10.30.0.1"]}]`}
	for action, want := range map[verdict.Action]string{verdict.Warn: "warn default-route-taken", verdict.Deny: "deny default-route-taken"} {
		c.Rules = map[string]verdict.Action{"default-route-taken": action}
		for now, want := range map[string]string{`[{"name":"uplink-ranged"}]`: want, `[{"name":"lan-ranged","default-route":["10.30.0.1"]}]`: ""} {
			outcome, err := review.Judge(t.Context(), inv, c, review.Change{
				APIVersion: "v1", Kind: "Pod", Namespace: "default", Operation: review.Update, Final: true,
				Old: []byte(podWith(before, "", "")), New: []byte(podWith(annotations{"networks": now}, "", "")),
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := said(&outcome.Verdict); got != want {
				t.Errorf("%s: %s, want %s\n%s", now, got, want, outcome.Verdict.Explanation(verdict.Warn))
			}
		}
	}
}
