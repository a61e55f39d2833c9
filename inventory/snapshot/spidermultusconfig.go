package snapshot

import (
	"encoding/json"
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
)

const (
	spiderMultusConfigKind = "SpiderMultusConfig"
	// crNameAnnotation on a SpiderMultusConfig names the
	// NetworkAttachmentDefinition that Spiderpool makes of it.
	crNameAnnotation = "multus.spidernet.io/cr-name"
)

// spiderMultusConfig is the part of a SpiderMultusConfig that decides what the
// NetworkAttachmentDefinition made of it says.
type spiderMultusConfig struct {
	Metadata struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Annotations map[string]string `json:"annotations"`
		Labels      map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		CNIType           string         `json:"cniType"`
		Macvlan           *spiderLink    `json:"macvlan"`
		IPVlan            *spiderLink    `json:"ipvlan"`
		Sriov             *spiderLink    `json:"sriov"`
		EnableCoordinator *bool          `json:"enableCoordinator"`
		DisableIPAM       bool           `json:"disableIPAM"`
		Coordinator       map[string]any `json:"coordinator"`
		CustomCNI         string         `json:"customCNI"`
		ChainCNIJSONData  []string       `json:"chainCNIJsonData"`
	} `json:"spec"`
}

type spiderLink struct {
	Master []string `json:"master"`
	VLANID int      `json:"vlanID"`
	MTU    int      `json:"mtu"`
	Bond   *struct {
		Name string `json:"name"`
	} `json:"bond"`
	IPPools *struct {
		IPv4 []string `json:"ipv4"`
		IPv6 []string `json:"ipv6"`
	} `json:"ippools"`
}

// compileSpiderMultusConfig is the network of the NetworkAttachmentDefinition
// that Spiderpool's controller makes of a SpiderMultusConfig: the main plugin on
// its (bonded, VLAN) master, a coordinator unless that is switched off, then the
// plugins chained by the user. An object of type custom carries the whole
// configuration itself.
func compileSpiderMultusConfig(o *Object, namespace string) (*cniconf.Network, error) {
	var c spiderMultusConfig
	if err := o.decode(&c); err != nil {
		return nil, err
	}
	source := cniconf.Source{
		Namespace:   c.Metadata.Namespace,
		Name:        c.Metadata.Name,
		Annotations: c.Metadata.Annotations,
		Labels:      c.Metadata.Labels,
		Config:      c.Spec.CustomCNI,
	}
	if source.Namespace == "" {
		source.Namespace = namespace
	}
	if name := c.Metadata.Annotations[crNameAnnotation]; name != "" {
		source.Name = name
	}
	if c.Spec.CNIType != "" && c.Spec.CNIType != "custom" {
		config, err := c.config(source.Name)
		if err != nil {
			return nil, err
		}
		source.Config = config
	}
	return nad.Compile(source), nil
}

// generatedName is how an object that cannot be decoded calls the network that is made of
// it; empty where it does not say.
func generatedName(o *Object) string {
	var m struct {
		Metadata struct {
			Annotations map[string]any `json:"annotations"`
		} `json:"metadata"`
	}
	// What else is wrong has been said.
	_ = o.decode(&m)
	name, _ := m.Metadata.Annotations[crNameAnnotation].(string)
	return name
}

func (c *spiderMultusConfig) config(name string) (string, error) {
	main := map[string]any{"type": c.Spec.CNIType}
	link := map[string]*spiderLink{"macvlan": c.Spec.Macvlan, "ipvlan": c.Spec.IPVlan, "sriov": c.Spec.Sriov}[c.Spec.CNIType]
	ipam := map[string]any{"type": "spiderpool"}
	if link != nil {
		if master := link.master(); master != "" {
			main["master"] = master
		}
		if link.MTU != 0 {
			main["mtu"] = link.MTU
		}
		if link.IPPools != nil {
			ipam["default_ipv4_ippool"], ipam["default_ipv6_ippool"] = link.IPPools.IPv4, link.IPPools.IPv6
		}
	}
	if !c.Spec.DisableIPAM {
		main["ipam"] = ipam
	}
	plugins := []any{main}
	if c.Spec.EnableCoordinator == nil || *c.Spec.EnableCoordinator {
		coordinator := map[string]any{"type": "coordinator"}
		if mode, ok := c.Spec.Coordinator["mode"]; ok {
			coordinator["mode"] = mode
		}
		plugins = append(plugins, coordinator)
	}
	for i, text := range c.Spec.ChainCNIJSONData {
		var plugin map[string]any
		if err := json.Unmarshal([]byte(text), &plugin); err != nil {
			return "", fmt.Errorf("spec.chainCNIJsonData[%d]: %w", i, err)
		}
		plugins = append(plugins, plugin)
	}
	config, err := json.Marshal(map[string]any{"cniVersion": "0.3.1", "name": name, "plugins": plugins})
	return string(config), err
}

// master is the link that Spiderpool puts under the pods: the only master or the
// bond over several, and of that the VLAN.
func (l *spiderLink) master() string {
	var name string
	switch {
	case l.Bond != nil && len(l.Master) > 1:
		name = l.Bond.Name
	case len(l.Master) > 0:
		name = l.Master[0]
	}
	if name != "" && l.VLANID != 0 {
		name = fmt.Sprintf("%s.%d", name, l.VLANID)
	}
	return name
}
