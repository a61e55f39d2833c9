package cniconf

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// LocateFault is where a config begins to be no JSON, as an offset in bytes; 0 for
// one that is JSON.
func LocateFault(config string) int {
	var value any
	var syntax *json.SyntaxError
	if err := json.Unmarshal([]byte(config), &value); !errors.As(err, &syntax) {
		return 0
	}
	// The offset counts the bytes that were read, the culprit among them.
	return min(max(int(syntax.Offset)-1, 0), len(config))
}

// Locate is where the value at a path stands in a config, as an offset in bytes;
// path elements are a string for a key and an int, from 0, for an index. Where there
// is no such value it is that of the last one on the way.
//
// It reads the config again, so it is for reports only.
func Locate(config string, path ...any) int {
	at, _ := locate(config, path)
	return at
}

// Locate is where a key of the main plugin stands in the config that the network was
// compiled from, or else the plugin.
func (n *Network) Locate(config, key string) int {
	var single struct {
		Type string `json:"type"`
	}
	// A config that cannot be decoded has no plugins, and is located by its fault.
	if json.Unmarshal([]byte(config), &single) != nil || len(n.Plugins) == 0 {
		return 0
	}
	if single.Type != "" {
		return Locate(config, key)
	}
	return Locate(config, "plugins", mainIndex(n.Plugins), key)
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

// locate finds a value as encoding/json does: keys match in any case, and the last
// of equal ones counts.
func locate(text string, path []any) (at int, found bool) {
	begin := len(text) - len(strings.TrimLeft(text, " \t\r\n"))
	if len(path) == 0 {
		return begin, true
	}
	d := json.NewDecoder(strings.NewReader(text))
	open, err := d.Token()
	at = begin
	if open != json.Delim('{') && open != json.Delim('[') {
		return at, false
	}
	for index := 0; err == nil && d.More(); index++ {
		var key json.Token = index
		if open == json.Delim('{') {
			if key, err = d.Token(); err != nil {
				break
			}
		}
		var value json.RawMessage
		if err = d.Decode(&value); err != nil {
			break
		}
		if leads(path[0], key) {
			inner, complete := locate(string(value), path[1:])
			at, found = int(d.InputOffset())-len(value)+inner, complete
		}
	}
	return at, found
}

// leads says whether an element of a path leads to a key or index.
func leads(element any, key json.Token) bool {
	name, ok := element.(string)
	if !ok {
		return element == key
	}
	text, ok := key.(string)
	return ok && strings.EqualFold(name, text)
}
