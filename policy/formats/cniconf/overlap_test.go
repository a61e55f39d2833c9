package cniconf

import (
	"fmt"
	"testing"
)

func compileIPAM(name, ipam string) *Network {
	return Compile(Source{Namespace: "default", Name: name, Config: fmt.Sprintf(`{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth0","ipam":%s}]}`, ipam)})
}

// pool is an IPAM configuration of whereabouts.
func pool(fields string) string { return `{"type":"whereabouts",` + fields + `}` }

func TestOverlap(t *testing.T) {
	const hostLocal = `{"type":"host-local","ranges":[
		[{"subnet":"10.0.0.0/24","rangeStart":"10.0.0.50","rangeEnd":"10.0.0.99"},{"subnet":"10.0.0.0/24","rangeStart":"10.0.0.10","rangeEnd":"10.0.0.19"}],
		[{"subnet":"fd00::/64"}]]}`
	const static = `{"type":"static","addresses":[{"address":"10.0.0.200/24"},{"address":"10.0.0.60/24"}]}`
	tests := []struct {
		name, a, b string
		want       string
	}{
		{"a range within another", hostLocal, `{"type":"host-local","subnet":"10.0.0.0/16","rangeStart":"10.0.0.15","rangeEnd":"10.0.0.17"}`, "10.0.0.15-10.0.0.17"},
		{"a range over another's end", hostLocal, `{"type":"host-local","subnet":"10.0.0.0/16","rangeStart":"10.0.0.90","rangeEnd":"10.0.3.0"}`, "10.0.0.90-10.0.0.99"},
		{"the other family", hostLocal, `{"type":"host-local","subnet":"fd00::/16","rangeStart":"fd00::5","rangeEnd":"fd00::6"}`, "fd00::5-fd00::6"},
		{"a static address in a range", hostLocal, static, "10.0.0.60-10.0.0.60"},
		{"the same static address", static, `{"type":"static","addresses":[{"address":"10.0.0.200/16"}]}`, "10.0.0.200-10.0.0.200"},
		{"between the ranges", hostLocal, `{"type":"host-local","subnet":"10.0.0.0/16","rangeStart":"10.0.0.20","rangeEnd":"10.0.0.49"}`, ""},
		{"behind the ranges", hostLocal, `{"type":"host-local","subnet":"10.0.0.0/16","rangeStart":"10.0.0.100","rangeEnd":"10.0.0.110"}`, ""},
		{"addresses noted in another folder", `{"type":"host-local","subnet":"10.0.0.0/30"}`, `{"type":"host-local","subnet":"10.0.0.0/30","dataDir":"/run/cni"}`, "10.0.0.1-10.0.0.2"},
		{"one pool of whereabouts", pool(`"range":"10.0.0.0/24"`), pool(`"range":"10.0.0.7/24","range_start":"10.0.0.9"`), ""},
		{"one pool, and one looks into no other", pool(`"range":"10.0.0.0/24"`), pool(`"range":"10.0.0.0/24","enable_overlapping_ranges":false`), ""},
		{"one pool of one name", pool(`"range":"10.0.0.0/24","network_name":"x"`), pool(`"range":"10.0.0.0/24","network_name":"x"`), ""},
		{"pools of two names", pool(`"range":"10.0.0.0/24","network_name":"x"`), pool(`"range":"10.0.0.0/24","network_name":"y"`), "10.0.0.1-10.0.0.254"},
		{"pools with a name and without", pool(`"range":"10.0.0.0/24","network_name":"x"`), pool(`"range":"10.0.0.0/24"`), "10.0.0.1-10.0.0.254"},
		{"pools that look into each other", pool(`"range":"10.0.0.0/24"`), pool(`"range":"10.0.0.0/25"`), ""},
		{"pools of which one does not", pool(`"range":"10.0.0.0/24"`), pool(`"range":"10.0.0.0/25","enable_overlapping_ranges":false`), "10.0.0.1-10.0.0.126"},
		{"pools that do not, apart", pool(`"range":"10.0.0.0/25","enable_overlapping_ranges":false`), pool(`"range":"10.0.0.128/25","enable_overlapping_ranges":false`), ""},
		{"what whereabouts excludes", pool(`"range":"10.0.0.0/24","exclude":["10.0.0.0/25"]`), `{"type":"host-local","subnet":"10.0.0.0/25"}`, ""},
		{"what it does not", pool(`"range":"10.0.0.0/24","exclude":["10.0.0.0/28"]`), `{"type":"host-local","subnet":"10.0.0.0/27"}`, "10.0.0.16-10.0.0.30"},
		{"an address of host-local that every pod gets", pool(`"addresses":[{"address":"10.0.0.60/24"}]`), hostLocal, "10.0.0.60-10.0.0.60"},
		{"a range that is divided among the nodes", pool(`"range":"10.0.0.0/24","node_slice_size":"/28"`), `{"type":"host-local","subnet":"10.0.0.0/24"}`, ""},
		{"no address that is known here", hostLocal, `{"type":"dhcp"}`, ""},
		{"a range that host-local refuses", hostLocal, `{"type":"host-local","subnet":"10.0.0.1/24"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, order := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
				set := compileIPAM("a", order[0]).AddressSet()
				first, last, found := set.Overlap(compileIPAM("b", order[1]))
				got := ""
				if found {
					got = first.String() + "-" + last.String()
				}
				if got != tt.want {
					t.Errorf("overlap %q, want %q", got, tt.want)
				}
			}
		})
	}
	shared := compileIPAM("a", `{"type":"host-local","subnet":"10.0.0.0/24"}`)
	set := shared.AddressSet()
	if _, _, found := set.Overlap(Compile(Source{Namespace: "team-a", Name: "a", Config: `{"type":"macvlan","ipam":{"type":"host-local","subnet":"10.0.0.0/24"}}`})); found {
		t.Error("two networks of one name share what host-local has noted")
	}
}

func TestLocate(t *testing.T) {
	const list = `{ "cniVersion": "0.3.1",
  "plugins": [{"type": "ifacer"},
    {"TYPE": "macvlan", "Mode": "bridge", "mode": "l2", "ipam": {"ranges": [[], [7]]}}]}`
	tests := []struct {
		name, config string
		path         []any
		want         string
	}{
		{"the whole", list, nil, "{ \"cni"},
		{"a key", list, []any{"cniversion"}, `"0.3.1"`},
		{"the last of equal keys, in any case", list, []any{"plugins", 1, "mode"}, `"l2"`},
		{"deep", list, []any{"plugins", 1, "ipam", "ranges", 1, 0}, `7]]`},
		{"absent: the last on the way", list, []any{"plugins", 1, "mtu"}, `{"TYPE"`},
		{"an index beyond the end", list, []any{"plugins", 5, "mtu"}, `[{"type"`},
		{"below a string", list, []any{"cniVersion", "a"}, `"0.3.1"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if at := Locate(tt.config, tt.path...); len(tt.config[at:]) < len(tt.want) || tt.config[at:at+len(tt.want)] != tt.want {
				t.Errorf("at %d stands %.20q, want %q", at, tt.config[at:], tt.want)
			}
		})
	}
	faults := []struct{ name, config, key, want string }{
		{"of the main plugin in a list", list, "mode", `"l2"`},
		{"of a single plugin", `{"type":"macvlan","mode":"l2"}`, "mode", `"l2"`},
		{"a trailing comma", `{"type":"macvlan",}`, "", `}`},
		{"the end", `{"type":"macvlan"`, "", `"`},
		{"a coordinator's mode", `{"plugins":[{"type":"macvlan"},{"type":"coordinator","mode":"x"}]}`, "", `"x"}]}`},
		{"no plugins", `{"plugins":[]}`, "", `[]}`},
	}
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			n := Compile(Source{Namespace: "default", Name: "a", Config: tt.config})
			at := n.LocateUnusable(tt.config)
			if tt.key != "" {
				at = n.Locate(tt.config, tt.key)
			}
			if got := tt.config[at:]; len(got) < len(tt.want) || got[:len(tt.want)] != tt.want {
				t.Errorf("at %d stands %.20q, want %q", at, got, tt.want)
			}
		})
	}
}
