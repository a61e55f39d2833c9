package cni

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/vishvananda/netlink"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// refusals are the IDs of the rules that refuse a NetworkAttachmentDefinition with this
// configuration.
func refusals(t *testing.T, c string) []string {
	t.Helper()
	object, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"name": "judged", "namespace": "default"},
		"spec":     map[string]any{"config": c},
	})
	if err != nil {
		t.Fatal(err)
	}
	subject, err := nad.Decode("default", object, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := subject.Judge(nad.Facts{}, config.Default())
	var rules []string
	for _, f := range v.Findings {
		if f.Action == verdict.Deny {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// attach does with a configuration what Multus does with that of a
// NetworkAttachmentDefinition: it is read by libcni, and its plugins are called.
func attach(t *testing.T, config string, c container) error {
	t.Helper()
	folder, err := plugins()
	if err != nil {
		t.Fatal(err)
	}
	// A config without a list is a plugin alone.
	list, err := libcni.NetworkConfFromBytes([]byte(config))
	if err != nil || len(list.Plugins) == 0 {
		plugin, pluginErr := libcni.NetworkPluginConfFromBytes([]byte(config))
		if pluginErr != nil {
			return fmt.Errorf("as a list: %v; as a plugin: %w", err, pluginErr)
		}
		if list, err = libcni.NetworkConfFromBytes(fmt.Appendf(nil, `{"cniVersion":%q,"name":%q,"plugins":[%s]}`, plugin.Network.CNIVersion, plugin.Network.Name, config)); err != nil {
			return err
		}
	}
	cni := libcni.NewCNIConfigWithCacheDir([]string{folder}, t.TempDir(), nil)
	// What a failed ADD has left is taken away, as runtimes do.
	t.Cleanup(func() { _ = cni.DelNetworkList(context.Background(), list, c.runtime) })
	_, err = cni.AddNetworkList(t.Context(), list, c.runtime)
	return err
}

// What the rules of networks refuse fails on a node, with the real libcni and plugins;
// what they accept works.
func TestVerdictsOnNetworks(t *testing.T) {
	needNode(t)
	lan(t, "eth0")
	lan(t, "enp129s0f1np1.x") // 15 bytes
	tests := []struct {
		name, config string
		// rule refuses it; empty for what works.
		rule string
		// why is what the node says.
		why string
	}{
		{"bridge", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","mode":"bridge"}`, "", ""},
		{"vepa, in a list", `{"cniVersion":"1.0.0","name":"a","plugins":[{"type":"macvlan","master":"eth0","mode":"vepa"}]}`, "", ""},
		{"a smaller MTU", `{"cniVersion":"1.1.0","name":"a","type":"macvlan","master":"eth0","mtu":1400}`, "", ""},
		{"the longest queue", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","bcqueuelen":4294967295}`, "", ""},
		{"a MAC address", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","mac":"02:00:00:00:00:09"}`, "", ""},
		{"no version", `{"name":"a","type":"macvlan","master":"eth0","ipam":{"type":"static","addresses":[{"address":"172.16.9.3/16"}]}}`, "", ""},
		{"a VLAN that is ignored", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","vlan":100}`, "", ""},
		{"15 bytes", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"enp129s0f1np1.x"}`, "", ""},
		{"host-local", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","ipam":{"type":"host-local","subnet":"172.16.0.0/16","rangeStart":"172.16.9.1"}}`, "", ""},
		{"static", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","ipam":{"type":"static","addresses":[{"address":"172.16.9.2/16"}]}}`, "", ""},

		{"a mode of ipvlan", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","mode":"l2"}`, "nad-macvlan-invalid", "unknown macvlan mode"},
		{"a negative MTU", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","mtu":-1}`, "nad-macvlan-invalid", "invalid MTU -1"},
		{"an MTU in quotes", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","mtu":"1500"}`, "nad-macvlan-invalid", "failed to load netconf"},
		{"a negative queue", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","bcqueuelen":-1}`, "nad-macvlan-invalid", "failed to load netconf"},
		{"a queue too long", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","bcqueuelen":4294967296}`, "nad-macvlan-invalid", "failed to load netconf"},
		{"no MAC address", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","mac":"zz"}`, "nad-macvlan-invalid", "MAC addr"},
		{"a multicast address", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","mac":"01:00:5e:00:00:01"}`, "nad-macvlan-invalid", "failed to create macvlan"},
		{"a MAC address of eight bytes", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","mac":"02:00:00:00:00:00:00:01"}`, "nad-macvlan-invalid", ""},
		{"nothing but zeros", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","mac":"00:00:00:00:00:00"}`, "nad-macvlan-invalid", ""},
		{"16 bytes", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"enp129s0f1np1.xx"}`, "nad-master-name-too-long", "Link not found"},
		{"a trailing comma", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0",}`, "nad-config-invalid", "invalid character"},
		{"no type", `{"cniVersion":"0.3.1","name":"a","master":"eth0"}`, "nad-config-invalid", "missing 'type'"},
		{"no plugins", `{"cniVersion":"0.3.1","name":"a","plugins":[]}`, "nad-config-invalid", ""},
		{"a plugin without a type", `{"cniVersion":"0.3.1","name":"a","plugins":[{"type":"macvlan","master":"eth0"},{"mode":"l2"}]}`, "nad-config-invalid", ""},
		{"a name with a space", `{"cniVersion":"0.3.1","name":"a b","type":"macvlan","master":"eth0"}`, "nad-config-invalid", "invalid characters"},
		{"a range outside the subnet", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","ipam":{"type":"host-local","subnet":"172.16.0.0/16","rangeStart":"172.17.0.1"}}`, "nad-config-invalid", "not in network"},
		{"no subnet", `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","ipam":{"type":"host-local"}}`, "nad-config-invalid", "no IP ranges"},
		{"no version, without addresses", `{"name":"a","type":"macvlan","master":"eth0"}`, "nad-cni-version-unsupported", "no valid IP addresses"},
		{"no version, in a list", `{"name":"a","plugins":[{"type":"macvlan","master":"eth0"}]}`, "nad-cni-version-unsupported", "no valid IP addresses"},
		{"an old version, without addresses", `{"cniVersion":"0.2.0","name":"a","type":"macvlan","master":"eth0"}`, "nad-cni-version-unsupported", "no valid IP addresses"},
		{"an old version, with addresses", `{"cniVersion":"0.2.0","name":"a","type":"macvlan","master":"eth0","ipam":{"type":"static","addresses":[{"address":"172.16.9.4/16"}]}}`, "", ""},
		{"an unreleased version", `{"cniVersion":"0.3.7","name":"a","type":"macvlan","master":"eth0"}`, "nad-cni-version-unsupported", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.rule != "" {
				want = []string{tt.rule}
			}
			if got := refusals(t, tt.config); !slices.Equal(got, want) {
				t.Errorf("refused by %q, want %q", got, want)
			}
			err := attach(t, tt.config, newContainer(t))
			if (err != nil) != (tt.rule != "") {
				t.Fatalf("ADD: %v, refused by %q", err, tt.rule)
			}
			if err != nil && !strings.Contains(err.Error(), tt.why) {
				t.Errorf("ADD: %v, want %q", err, tt.why)
			}
		})
	}
}

// A name of more than 15 bytes finds a link after all where it is an alternative name of
// it: that is why nad-master-name-too-long says how it is relaxed.
func TestAlternativeNameOfMaster(t *testing.T) {
	needNode(t)
	lan(t, "eth0")
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	const name = "enp129s0f1np1.1000"
	if err := netlink.LinkAddAltName(link, name); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":%q}`, name)
	if got := refusals(t, config); !slices.Equal(got, []string{"nad-master-name-too-long"}) {
		t.Errorf("refused by %q", got)
	}
	if err := attach(t, config, newContainer(t)); err != nil {
		t.Errorf("ADD: %v", err)
	}
}

// The VLAN in the configuration has no effect: the interface hangs on the master itself.
func TestVLANKeyIsIgnored(t *testing.T) {
	needNode(t)
	lan(t, "eth0")
	c := newContainer(t)
	if err := attach(t, `{"cniVersion":"0.3.1","name":"a","type":"macvlan","master":"eth0","vlan":100}`, c); err != nil {
		t.Fatal(err)
	}
	below, err := netlink.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	inside(t, c, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if link.Attrs().ParentIndex != below.Attrs().Index {
			t.Errorf("the interface hangs on link %d, want %d, which is the master", link.Attrs().ParentIndex, below.Attrs().Index)
		}
		return nil
	})
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if strings.HasSuffix(link.Name, ".100") {
			t.Errorf("the plugin has made a VLAN: %s", link.Name)
		}
	}
}

// What host-local takes up to version 1.9.1 and refuses from 1.10.0 on is refused of pods
// that end as well: their interface and their address stay. Here the network is made worse
// instead of the plugin newer.
func TestDatedNetworksKeepTheirPods(t *testing.T) {
	needNode(t)
	lan(t, "eth0")
	tests := []struct{ name, fine, dated, why string }{
		{"gateway", `"rangeStart":"172.16.78.1"`, `"rangeStart":"172.16.78.1","gateway":"172.17.0.1"`, "gateway 172.17.0.1 not in network 172.16.0.0/16"},
		{"family", `"rangeStart":"172.16.78.1"`, `"rangeStart":"172.16.78.1","gateway":"fd00:16::254"`, "gateway fd00:16::254 not in network 172.16.0.0/16"},
		{"start", `"rangeStart":"172.16.78.1"`, `"rangeStart":"172.16.255.255"`, "RangeStart 172.16.255.255 is after RangeEnd 172.16.255.254"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := func(ipam string) string {
				return fmt.Sprintf(`{"cniVersion":"1.0.0","name":"dated-%s","plugins":[{"type":"macvlan","master":"eth0","ipam":{"type":"host-local","subnet":"172.16.0.0/16",%s}}]}`, tt.name, ipam)
			}
			if got := refusals(t, config(tt.dated)); got != nil {
				t.Errorf("refused by %q, and older plugins take it", got)
			}
			if err := attach(t, config(tt.dated), newContainer(t)); err == nil || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("ADD: %v, want %q", err, tt.why)
			}
			c := newContainer(t)
			fine := installed(t, config(tt.fine))
			fine.add(t, c)
			reservation := filepath.Join("/var/lib/cni/networks", "dated-"+tt.name, "172.16.78.1")
			for range 2 {
				list, err := libcni.NetworkConfFromBytes([]byte(config(tt.dated)))
				if err != nil {
					t.Fatal(err)
				}
				if err := fine.cni.DelNetworkList(t.Context(), list, c.runtime); err == nil || !strings.Contains(err.Error(), tt.why) {
					t.Fatalf("DEL: %v, want %q", err, tt.why)
				}
				if got := c.addresses(t, "eth0"); !slices.Contains(got, netip.MustParseAddr("172.16.78.1")) || !exists(t, reservation) {
					t.Errorf("after DEL the interface has %v, and the reservation is there: %t; want both", got, exists(t, reservation))
				}
			}
			fine.del(t, c)
			gone(t, c)
			if exists(t, reservation) {
				t.Error("with the configuration corrected, DEL leaves the reservation")
			}
		})
	}
}

// Two networks of one name share what host-local has noted, and two of other names do not:
// that is when nad-address-overlap is said.
func TestHostLocalStore(t *testing.T) {
	needNode(t)
	lan(t, "eth0")
	address := func(name string) string {
		t.Helper()
		c := newContainer(t)
		if err := attach(t, fmt.Sprintf(`{"cniVersion":"0.3.1","name":%q,"type":"macvlan","master":"eth0","ipam":{"type":"host-local","subnet":"172.16.0.0/16","rangeStart":"172.16.77.1"}}`, name), c); err != nil {
			t.Fatal(err)
		}
		found := ""
		inside(t, c, func() error {
			link, err := netlink.LinkByName("eth0")
			if err != nil {
				return err
			}
			addresses, err := netlink.AddrList(link, netlink.FAMILY_V4)
			if err != nil || len(addresses) != 1 {
				return fmt.Errorf("addresses %v: %w", addresses, err)
			}
			found = addresses[0].IP.String()
			return nil
		})
		return found
	}
	first, same, other := address("store-a"), address("store-a"), address("store-b")
	if first != "172.16.77.1" || same != "172.16.77.2" || other != first {
		t.Errorf("addresses %s, %s in the same store, %s in another", first, same, other)
	}
}
