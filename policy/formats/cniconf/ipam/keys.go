package ipam

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// foreign are keys that a plugin does not know and passes over, in small letters, with what
// to write instead. They are those of other plugins, and slips of which it is plain what was
// meant: whatever else it does not know may be a remark.
type foreign map[string]string

// notChosen are keys that choose addresses, for plugins that let nobody choose them so.
func notChosen(want string, also foreign) foreign {
	f := foreign{}
	for _, key := range []string{
		"subnet", "range", "ranges", "ipranges", "rangestart", "rangeend", "range_start", "range_end", "exclude", "gateway", "address",
	} {
		f[key] = want
	}
	maps.Copy(f, also)
	return f
}

// slips of any plugin that has routes.
var routeSlip = foreign{"route": `write "routes"`}

// whereaboutsRangeKeys are foreign to whereabouts and to the elements of its "ipRanges".
var whereaboutsRangeKeys = foreign{
	"subnet": `write "range"`, "rangestart": `write "range_start"`, "rangeend": `write "range_end"`,
	"excludes": `write "exclude"`, "omitranges": `write "exclude"`, "omit_ranges": `write "exclude"`,
}

// hostLocalRangeKeys are foreign to host-local and to the elements of its "ranges".
var hostLocalRangeKeys = foreign{
	"range": `write "subnet", with "rangeStart" and "rangeEnd" for a part of it`, "range_start": `write "rangeStart"`, "range_end": `write "rangeEnd"`,
	"exclude":    `write two ranges, one on either side: host-local leaves nothing out`,
	"omitranges": `write two ranges, one on either side: host-local leaves nothing out`,
}

func with(f foreign, more ...foreign) foreign {
	f = maps.Clone(f)
	for _, m := range more {
		maps.Copy(f, m)
	}
	return f
}

// foreignKeys are those of each plugin, in "ipam".
var foreignKeys = map[string]foreign{
	whereaboutsType: with(whereaboutsRangeKeys, routeSlip, foreign{
		"ranges": `write "ipRanges", a list of objects with a "range" each`, "ip_ranges": `write "ipRanges"`, "networkname": `write "network_name"`,
	}),
	hostLocalType: with(hostLocalRangeKeys, routeSlip, foreign{
		"ipranges": `write "ranges", a list of lists of objects with a "subnet" each`, "addresses": `write the IPAM plugin static for fixed addresses`,
	}),
	staticType: notChosen(`write "addresses": static gives those in it and no others`, with(routeSlip, foreign{
		"gateway": `write it into the element of "addresses" whose gateway it is`, "address": `write "addresses"`,
	})),
	dhcpType: notChosen("remove it: the DHCP server chooses the addresses", foreign{"addresses": "remove it: the DHCP server chooses the addresses"}),
	noneType: notChosen(`write the "type" of the IPAM plugin that is meant`, foreign{"addresses": `write the "type" of the IPAM plugin that is meant`}),
}

// IgnoredKeys are keys in "ipam" that have no effect, though they look as if they had.
func IgnoredKeys(s Source) []flaw.Flaw {
	var f struct {
		Capabilities map[string]bool            `json:"capabilities"`
		IPAM         map[string]json.RawMessage `json:"ipam"`
	}
	if s.Completed || json.Unmarshal(s.Main, &f) != nil || len(f.IPAM) == 0 {
		return nil
	}
	var flaws []flaw.Flaw
	add := func(path []any, why, want string) {
		if len(flaws) < mostFlaws {
			key := path[len(path)-1].(string)
			flaws = append(flaws, flaw.Flaw{
				Kind: flaw.IPAMKey, Effect: flaw.Ignored, Path: path,
				Text: "the key " + quote.Value(key) + ` of "` + pathText(path[:len(path)-1]) + `" has no effect: ` + why, Want: want,
			})
		}
	}
	why := s.Type + " does not know it"
	if s.Type == noneType {
		why = `"ipam" names no "type", and so no plugin`
	}
	look := func(path []any, in map[string]json.RawMessage, strange foreign) {
		for _, key := range slices.Sorted(maps.Keys(in)) {
			want, ok := strange[strings.ToLower(key)]
			if ok && !vacant(in[key]) && !repeated(s.Type, key, in) {
				add(under(path, key), why, want)
			}
		}
	}
	look([]any{"ipam"}, f.IPAM, foreignKeys[s.Type])
	for _, key := range slices.Sorted(maps.Keys(f.IPAM)) {
		value := f.IPAM[key]
		switch lower := strings.ToLower(key); {
		case lower == "capabilities":
			var inner map[string]bool
			if json.Unmarshal(value, &inner) == nil && undeclared(inner, f.Capabilities) {
				add([]any{"ipam", key}, "it belongs to the plugin, and not to its IPAM", `write it beside the plugin's "type"`)
			}
		case lower == "dns" && s.Caller == "macvlan" && slices.Contains([]string{whereaboutsType, hostLocalType, staticType}, s.Type) && !vacant(value):
			add([]any{"ipam", key}, "the plugin macvlan does not hand it on", `remove it, and write "dnsConfig" in the pod`)
		case lower == "ipranges" && s.Type == whereaboutsType:
			var ranges []map[string]json.RawMessage
			_ = json.Unmarshal(value, &ranges) // what cannot be read has no keys
			for i, r := range ranges {
				look([]any{"ipam", key, i}, r, with(whereaboutsRangeKeys, foreign{"gateway": `write it beside "ipRanges": there is one for all of them`}))
			}
		case lower == "ranges" && s.Type == hostLocalType:
			var sets [][]map[string]json.RawMessage
			_ = json.Unmarshal(value, &sets)
			for i, set := range sets {
				for j, r := range set {
					look([]any{"ipam", key, i, j}, r, hostLocalRangeKeys)
				}
			}
		}
	}
	return flaws
}

// undeclared says whether a capability is asked for that the plugin does not declare.
func undeclared(asked, declared map[string]bool) bool {
	for name, yes := range asked {
		if yes && !declared[name] {
			return true
		}
	}
	return false
}

// vacant says that a value says nothing.
func vacant(value json.RawMessage) bool {
	return slices.Contains([]string{"null", `""`, "[]", "{}", "false"}, string(value))
}

// repeated says that static has in its addresses what a key says once more.
func repeated(kind, key string, in map[string]json.RawMessage) bool {
	return kind == staticType && bytes.Contains(in["addresses"], in[key])
}
