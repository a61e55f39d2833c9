package cniconf

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/utils"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/field"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// chain is a config taken apart. The bytes of each plugin have been through a
// decoded form once, as they are before a plugin reads them on its standard
// input: 1500.0 arrives there as 1500.
type chain struct {
	// name is the network's, which plugins are called with.
	name       string
	cniVersion string
	plugins    []*libcni.PluginConfig
	// list says that the configuration is a list of plugins, not a single one.
	list bool
	// versions says that the list has "cniVersions", of which the highest counts that is known.
	versions bool
	// listIPAM says that "ipam" stands beside "plugins", where nobody reads it.
	listIPAM bool
	// listed are the capabilities that a list of plugins declares for itself.
	listed []string
}

// nullName is the one name that Multus neither refuses nor completes.
const nullName = `its "name" is null, not a string`

// notCNI begins the clause about a config that is JSON but no CNI config.
const notCNI = "its config is not a CNI configuration: "

// readChain takes a config that is not empty apart as Multus and libcni do, or
// says why they refuse it. networkName is the name of the object.
func readChain(config, networkName string) (chain, string) {
	conf := []byte(config)
	var top map[string]any
	if err := json.Unmarshal(conf, &top); err != nil {
		return chain{}, topFault(config, err)
	}
	if top == nil {
		return chain{}, notCNI + "it is null, not an object"
	}

	// Multus completes a missing or empty name. A name of another type stays,
	// and null is such a type. An object that has no name yet will have one.
	if name, ok := top["name"]; !ok || name == "" {
		top["name"] = cmp.Or(networkName, "unnamed")
		completed, err := json.Marshal(top)
		if err != nil {
			return chain{}, notCNI + quote.Value(err.Error())
		}
		conf = completed
	}

	// Multus decodes every config as a plugin first, and as a list only when
	// that plugin has no type.
	var single types.PluginConf
	if err := json.Unmarshal(conf, &single); err != nil {
		return chain{}, notCNI + field.Fault("", err)
	}
	var c chain
	var name, fault string
	if single.Type != "" {
		name = single.Name
		c, fault = onePlugin(conf, top)
	} else {
		name, c, fault = pluginList(conf, top)
	}
	if fault != "" {
		return chain{}, notCNI + fault
	}
	if name == "" {
		return chain{}, notCNI + nullName
	}
	if err := utils.ValidateNetworkName(name); err != nil {
		return chain{}, notCNI + "its name " + quote.Value(name) +
			" is not made of letters, digits, dots, underscores and dashes with a letter or digit first"
	}
	c.name = name
	for i, p := range c.plugins {
		if strings.Contains(p.Network.Type, "/") {
			return chain{}, fmt.Sprintf("%splugins[%d] has the type %s, and the name of a plugin has no slash",
				notCNI, i, quote.Value(p.Network.Type))
		}
	}
	return c, ""
}

// onePlugin reads a config that is a single plugin.
func onePlugin(conf []byte, top map[string]any) (chain, string) {
	plugin, err := libcni.NetworkPluginConfFromBytes(conf)
	if err != nil {
		return chain{}, field.Fault("", err)
	}
	if plugin.Bytes, err = json.Marshal(top); err != nil {
		return chain{}, quote.Value(err.Error())
	}
	return chain{cniVersion: plugin.Network.CNIVersion, plugins: []*libcni.PluginConfig{plugin}}, ""
}

// pluginList reads a config that is a list of plugins. It answers the name too.
func pluginList(conf []byte, top map[string]any) (string, chain, string) {
	var shape types.NetConfList
	if err := json.Unmarshal(conf, &shape); err != nil {
		return "", chain{}, listFault(top, err)
	}
	if shape.Plugins == nil {
		return "", chain{}, `it has neither "type" nor "plugins"`
	}
	if top["name"] == nil {
		return "", chain{}, nullName
	}
	list, err := libcni.NetworkConfFromBytes(conf)
	if err != nil {
		return "", chain{}, listFault(top, err)
	}
	// libcni looks for the key in this spelling only, while Multus takes any.
	if len(list.Plugins) == 0 {
		return "", chain{}, `its key "plugins" is not written in small letters`
	}
	c := chain{cniVersion: list.CNIVersion, plugins: list.Plugins, list: true, versions: top["cniVersions"] != nil, listIPAM: top["ipam"] != nil}
	capabilities, _ := top["capabilities"].(map[string]any)
	for name, value := range capabilities {
		if value == true {
			c.listed = append(c.listed, name)
		}
	}
	return list.Name, c, ""
}

// listFault says what is wrong with a list that Multus or libcni refused. Their
// errors tell neither the plugin nor the field in words, so look again.
func listFault(top map[string]any, refusal error) string {
	plugins, ok := top["plugins"].([]any)
	if ok && len(plugins) == 0 {
		return `its list "plugins" is empty`
	}
	for i, p := range plugins {
		path := fmt.Sprintf("plugins[%d]", i)
		if p == nil {
			return path + " is null, not an object"
		}
		conf, err := json.Marshal(p)
		if err != nil {
			return path + ": " + quote.Value(err.Error())
		}
		plugin := types.PluginConf{}
		if err := json.Unmarshal(conf, &plugin); err != nil {
			return field.Fault(path, err)
		}
		if plugin.Type == "" {
			return path + ` has no "type"`
		}
	}
	return field.Fault("", refusal)
}

// topFault says why a config is no JSON object.
func topFault(config string, err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		_, detail := jsonplace.SyntaxFault(config)
		return "its config " + detail
	}
	return notCNI + field.Fault("", err)
}
