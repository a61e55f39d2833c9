package nad

import (
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/spelling"
)

// configKeys are keys under which people write a CNI configuration, beside misspelled ones.
var configKeys = []string{"config", "conf", "cniconfig", "cniconf", "netconf", "networkconfig", "configuration"}

// misplacedConfig is the path of what looks like a CNI configuration in an object that has
// none under spec.config; empty where there is no such thing. An API server drops what the
// kind does not have, so only files have any.
func misplacedConfig(object string) string {
	for key, value := range jsonplace.Root(object).Entries() {
		name := key.Text()
		if isConfig(name, value) {
			return name
		}
		if !slices.Contains([]string{"spec", "data", "metadata", "stringData"}, name) {
			continue
		}
		for key, value := range value.Entries() {
			if inner := key.Text(); isConfig(inner, value) {
				return name + "." + inner
			}
		}
	}
	return ""
}

// isConfig says whether a key and its value look like a configuration: an object, or the text
// of one.
func isConfig(key string, value jsonplace.Value) bool {
	if strings.ContainsAny(key, ".[]") {
		return false
	}
	if _, near := spelling.Nearest(key, configKeys[:1]); !near && !slices.Contains(configKeys, strings.ToLower(key)) {
		return false
	}
	return value.Kind() == jsonplace.Object || value.Kind() == jsonplace.String && strings.HasPrefix(strings.TrimSpace(value.Text()), "{")
}
