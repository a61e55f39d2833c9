package cniconf

import (
	"encoding/json"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
)

// LocateFault is where a config begins to be no JSON, as an offset in bytes; 0 for
// one that is JSON. Where only the end is missing it is the last byte.
func LocateFault(config string) int {
	return max(0, min(jsonplace.FaultOffset(config), len(config)-1))
}

// Locate is where the value at a path stands in a config, as an offset in bytes;
// path elements are a string for a key and an int, from 0, for an index. Where there
// is no such value it is that of the last one on the way.
//
// It reads the config again, so it is for reports only.
func Locate(config string, path ...any) int {
	return jsonplace.Root(config).At(path...).Start
}

// Locate is where a key of the main plugin stands in the config that the network was
// compiled from, or else the plugin.
func (n *Network) Locate(config, key string) int {
	// A config that cannot be decoded has no plugins, and is located by its fault.
	if len(n.Plugins) == 0 {
		return 0
	}
	if !isList(config) {
		return Locate(config, key)
	}
	return Locate(config, "plugins", mainIndex(n.Plugins), key)
}

// isList says whether a config is a list of plugins, as Multus tells it from a single one.
func isList(config string) bool {
	var single struct {
		Type string `json:"type"`
	}
	return json.Unmarshal([]byte(config), &single) == nil && single.Type == ""
}

// LocateUnusable is where the reason stands that [Network.Unusable] names.
func (n *Network) LocateUnusable(config string) int {
	// With plugins known, only a coordinator among them can be at fault.
	if i := slices.Index(n.Plugins, pluginCoordinator); i >= 0 {
		return Locate(config, "plugins", i, "mode")
	}
	if at := LocateFault(config); at > 0 {
		return at
	}
	return Locate(config, "plugins")
}
