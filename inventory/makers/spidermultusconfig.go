package makers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// What follows is what Spiderpool 1.2.2 does (pkg/multuscniconfig): its webhook fills in
// what is left out and refuses what cannot be (multusconfig_mutate.go,
// multusconfig_validate.go), and its controller makes a network of the rest
// (multusconfig_informer.go).
const (
	spiderpoolGroup = "spiderpool.spidernet.io"
	// SpiderMultusConfigVersion is the version of the API that has the kind, and
	// SpiderMultusConfig its name.
	SpiderMultusConfigVersion = spiderpoolGroup + "/v2beta1"
	SpiderMultusConfig        = "SpiderMultusConfig"

	// nadNameAnnotation names the NetworkAttachmentDefinition, configNameAnnotation the
	// configuration in it, and versionAnnotation the version of that.
	nadNameAnnotation    = "multus.spidernet.io/cr-name"
	configNameAnnotation = "cni.spidernet.io/cniconfig-name"
	versionAnnotation    = "multus.spidernet.io/cni-version"

	// ovsResource is the domain of the resources that the OVS plugin's devices are.
	ovsResource = "ovs-cni.network.kubevirt.io"

	custom = "custom"
)

// spiderMultusConfig is what decides what the network says.
type spiderMultusConfig struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		CNIType           string         `json:"cniType"`
		Macvlan           *spiderLink    `json:"macvlan"`
		IPVlan            *spiderLink    `json:"ipvlan"`
		VLAN              *spiderLink    `json:"vlan"`
		Sriov             *spiderDevice  `json:"sriov"`
		IBSriov           *spiderDevice  `json:"ibsriov"`
		IPoIB             *spiderIPoIB   `json:"ipoib"`
		OVS               *spiderOVS     `json:"ovs"`
		EnableCoordinator *bool          `json:"enableCoordinator"`
		DisableIPAM       bool           `json:"disableIPAM"`
		Coordinator       map[string]any `json:"coordinator"`
		CustomCNI         string         `json:"customCNI"`
		ChainCNIJSONData  []string       `json:"chainCNIJsonData"`
	} `json:"spec"`
}

// spiderPools are the pools that the network gives to pods which name none.
type spiderPools struct {
	IPv4              []string `json:"ipv4"`
	IPv6              []string `json:"ipv6"`
	MatchMasterSubnet bool     `json:"matchMasterSubnet"`
}

// spiderLink is for the plugins that hang on links of a node.
type spiderLink struct {
	Master   []string     `json:"master"`
	VLANMode string       `json:"vlanMode"`
	VLANID   *int         `json:"vlanID"`
	MTU      *int         `json:"mtu"`
	Bond     *spiderBond  `json:"bond"`
	Pools    *spiderPools `json:"ippools"`
}

type spiderBond struct {
	Name    string `json:"name"`
	Mode    int    `json:"mode"`
	Options string `json:"options,omitempty"`
}

// spiderDevice is for the plugins that move a device of a resource into the pod.
type spiderDevice struct {
	ResourceName string       `json:"resourceName"`
	Pools        *spiderPools `json:"ippools"`

	VLANID        *int  `json:"vlanID"`
	MTU           int   `json:"mtu"`
	MinTxRate     *int  `json:"minTxRateMbps"`
	MaxTxRate     *int  `json:"maxTxRateMbps"`
	RDMAIsolation *bool `json:"rdmaIsolation"`

	Pkey               *string `json:"pkey"`
	LinkState          *string `json:"linkState"`
	EnableIBKubernetes *bool   `json:"enableIbKubernetes"`
}

type spiderIPoIB struct {
	Master string       `json:"master"`
	Pools  *spiderPools `json:"ippools"`
}

type spiderOVS struct {
	Bridge   string       `json:"bridge"`
	VLAN     *int         `json:"vlan"`
	Trunk    []any        `json:"trunk"`
	DeviceID string       `json:"deviceID"`
	Pools    *spiderPools `json:"ippools"`
}

// spiderFault is why Spiderpool's webhook refuses an object, and the field that it is about.
type spiderFault struct{ field, problem string }

// ofSpiderMultusConfig makes the network of a SpiderMultusConfig. It has the annotations of
// the object, and none of its labels.
func ofSpiderMultusConfig(namespace string, object []byte) ([]nad.Made, error) {
	var c spiderMultusConfig
	if err := decode(object, &c); err != nil {
		return nil, err
	}
	meta := &c.Metadata
	n := nad.Made{
		Source: cniconf.Source{
			Namespace:   cmp.Or(namespace, meta.Namespace),
			Name:        cmp.Or(meta.Annotations[nadNameAnnotation], meta.Name, meta.GenerateName),
			Annotations: maps.Clone(meta.Annotations),
		},
		NameBegins: meta.Annotations[nadNameAnnotation] == "" && meta.Name == "",
		Origin:     nad.Origin{Maker: "Spiderpool"},
	}
	cniType := cmp.Or(c.Spec.CNIType, custom)
	if cniType == custom {
		n.Source.Config = c.Spec.CustomCNI
		n.Origin.Field, n.Origin.Verbatim = "spec.customCNI", true
		return []nad.Made{n}, nil
	}
	plugins, made, resource, fault := c.plugins(cniType)
	if made == "" {
		// A later version may know the type: nothing can be told of such a network.
		n.Origin.Field = "spec"
		return []nad.Made{n}, nil
	}
	n.Origin.Field = made
	if fault == nil {
		fault = c.chain(&plugins)
	}
	if fault != nil {
		n.Origin.FaultField, n.Origin.Fault = fault.field, fault.problem
		return []nad.Made{n}, nil
	}
	if resource != "" {
		if n.Source.Annotations == nil {
			n.Source.Annotations = map[string]string{}
		}
		n.Source.Annotations[cniconf.ResourceNameAnnotation] = resource
	}
	n.Source.Config = text(fields{
		"cniVersion": cmp.Or(meta.Annotations[versionAnnotation], "0.3.1"),
		"name":       cmp.Or(meta.Annotations[configNameAnnotation], n.Source.Name),
		"plugins":    plugins,
	})
	return []nad.Made{n}, nil
}

// spiderPlugins are those of one network, around the ones that the user chains.
type spiderPlugins struct{ before, after []any }

// plugins are those that Spiderpool makes of the part that belongs to a type, the field of
// that part, and the resource of its devices. The field is empty for a type that is not known.
func (c *spiderMultusConfig) plugins(cniType string) (p spiderPlugins, field, resource string, fault *spiderFault) {
	s := &c.Spec
	switch cniType {
	case "macvlan":
		p.before, fault = c.onLink(cniType, "spec.macvlan", s.Macvlan)
		return p, "spec.macvlan", "", fault
	case "ipvlan":
		p.before, fault = c.onLink(cniType, "spec.ipvlan", s.IPVlan)
		return p, "spec.ipvlan", "", fault
	case "vlan":
		p.before, fault = c.onLink(cniType, "spec.vlan", s.VLAN)
		return p, "spec.vlan", "", fault
	case "sriov":
		if fault = s.Sriov.fault("spec.sriov", cniType); fault == nil {
			p, resource = c.sriov(s.Sriov), s.Sriov.ResourceName
		}
		return p, "spec.sriov", resource, fault
	case "ib-sriov":
		if fault = s.IBSriov.fault("spec.ibsriov", cniType); fault == nil {
			p.before, resource = []any{c.ibSriov(s.IBSriov)}, s.IBSriov.ResourceName
		}
		return p, "spec.ibsriov", resource, fault
	case "ipoib":
		switch {
		case s.IPoIB == nil:
			fault = missingPart("spec.ipoib", cniType)
		case s.IPoIB.Master == "":
			fault = &spiderFault{"spec.ipoib", "master is missing, and it names the link under the pods"}
		default:
			p.before = []any{c.withIPAM(fields{"type": cniType, "master": s.IPoIB.Master}, s.IPoIB.Pools, cniType)}
		}
		return p, "spec.ipoib", "", fault
	case "ovs":
		if s.OVS == nil {
			return p, "spec.ovs", "", missingPart("spec.ovs", cniType)
		}
		if s.OVS.DeviceID != "" {
			resource = ovsResource + "/" + s.OVS.Bridge
		}
		p.before = []any{c.ovs(s.OVS)}
		return p, "spec.ovs", resource, nil
	default:
		return p, "", "", nil
	}
}

func missingPart(field, cniType string) *spiderFault {
	return &spiderFault{"spec.cniType", "cniType is " + quote.Value(cniType) + ", and " + field + " is missing"}
}

// withIPAM adds Spiderpool's IPAM to a main plugin.
func (c *spiderMultusConfig) withIPAM(main fields, pools *spiderPools, cniType string) fields {
	if c.Spec.DisableIPAM {
		return main
	}
	ipam := fields{"type": "spiderpool"}
	if pools != nil {
		if len(pools.IPv4) > 0 {
			ipam["default_ipv4_ippool"] = pools.IPv4
		}
		if len(pools.IPv6) > 0 {
			ipam["default_ipv6_ippool"] = pools.IPv6
		}
		if cniType == "sriov" {
			set(ipam, "match_master_subnet", pools.MatchMasterSubnet)
		}
	}
	main["ipam"] = ipam
	return main
}

// maxVLAN is what the CRD and the webhook take at most.
const maxVLAN = 4094

func vlanFault(field string, vlan *int) *spiderFault {
	if vlan == nil || *vlan >= 0 && *vlan <= maxVLAN {
		return nil
	}
	return &spiderFault{field, strconv.Itoa(*vlan) + " is not a VLAN ID; accepted: a number from 0 (none) to " + strconv.Itoa(maxVLAN)}
}

// onLink are ifacer, where there is a link to be made, and the plugin on top of it. Ifacer
// makes a bond of several masters, and of that or of the only one a VLAN, unless that is what
// the plugin itself is for.
func (c *spiderMultusConfig) onLink(cniType, field string, l *spiderLink) ([]any, *spiderFault) {
	switch {
	case l == nil:
		return nil, missingPart(field, cniType)
	case len(l.Master) == 0:
		return nil, &spiderFault{field, "master is empty, and it names the link under the pods"}
	case len(l.Master) > 1 && (l.Bond == nil || l.Bond.Name == ""):
		return nil, &spiderFault{field + ".master", fmt.Sprintf("master names %d links, and bond.name, which names the bond that is made of them, is missing", len(l.Master))}
	}
	if fault := vlanFault(field+".vlanID", l.VLANID); fault != nil {
		return nil, fault
	}
	master, vlan := l.Master[0], 0
	if l.VLANID != nil {
		vlan = *l.VLANID
	}
	if len(l.Master) > 1 {
		master = l.Bond.Name
	}
	main := fields{"type": cniType}
	switch cniType {
	case "macvlan":
		main["mode"] = "bridge"
	case "vlan":
		// Without a VLAN of its own, ifacer still makes the bond.
		mode := cmp.Or(l.VLANMode, "manual")
		main["vlanMode"] = mode
		if mode == "manual" {
			main["vlanId"] = vlan
		}
		vlan = 0
	}
	if vlan != 0 {
		master += "." + strconv.Itoa(vlan)
	}
	main["master"] = master
	setGiven(main, "mtu", l.MTU)
	plugins := []any{c.withIPAM(main, l.Pools, cniType)}
	if vlan == 0 && len(l.Master) == 1 {
		return plugins, nil
	}
	ifacer := fields{"type": "ifacer", "interfaces": l.Master}
	set(ifacer, "vlanID", vlan)
	setGiven(ifacer, "bond", l.Bond)
	return append([]any{ifacer}, plugins...), nil
}

// fault is why Spiderpool refuses the part of a device's plugin.
func (d *spiderDevice) fault(field, cniType string) *spiderFault {
	switch {
	case d == nil:
		return missingPart(field, cniType)
	case d.ResourceName == "":
		return &spiderFault{field, "resourceName is missing, and it names the resource that the devices are"}
	default:
		return vlanFault(field+".vlanID", d.VLANID)
	}
}

func (c *spiderMultusConfig) sriov(d *spiderDevice) spiderPlugins {
	main := fields{"type": "sriov"}
	setGiven(main, "vlan", d.VLANID)
	setGiven(main, "min_tx_rate", d.MinTxRate)
	setGiven(main, "max_tx_rate", d.MaxTxRate)
	p := spiderPlugins{before: []any{c.withIPAM(main, d.Pools, "sriov")}}
	if d.RDMAIsolation != nil && *d.RDMAIsolation {
		p.before = append(p.before, fields{"type": "rdma"})
	}
	if d.MTU > 0 {
		p.after = []any{fields{"type": "tuning", "mtu": d.MTU}}
	}
	return p
}

func (c *spiderMultusConfig) ibSriov(d *spiderDevice) fields {
	main := fields{"type": "ib-sriov", "link_state": "enable", "rdmaIsolation": true, "ibKubernetesEnabled": false}
	setGiven(main, "pkey", d.Pkey)
	setGiven(main, "link_state", d.LinkState)
	setGiven(main, "rdmaIsolation", d.RDMAIsolation)
	setGiven(main, "ibKubernetesEnabled", d.EnableIBKubernetes)
	return c.withIPAM(main, d.Pools, "ib-sriov")
}

func (c *spiderMultusConfig) ovs(o *spiderOVS) fields {
	main := fields{"type": "ovs", "bridge": o.Bridge}
	setGiven(main, "vlan", o.VLAN)
	set(main, "deviceID", o.DeviceID)
	if len(o.Trunk) > 0 {
		main["trunk"] = o.Trunk
	}
	return c.withIPAM(main, o.Pools, "ovs")
}

// chain puts the plugins that the user chains, and the coordinator after them, between the
// others.
func (c *spiderMultusConfig) chain(p *spiderPlugins) *spiderFault {
	for i, text := range c.Spec.ChainCNIJSONData {
		var plugin map[string]any
		field := fmt.Sprintf("spec.chainCNIJsonData[%d]", i)
		if err := json.Unmarshal([]byte(text), &plugin); err != nil {
			return &spiderFault{field, "the text is not the configuration of a plugin in JSON: " + quote.Value(err.Error())}
		}
		if name, _ := plugin["type"].(string); name == "" {
			return &spiderFault{field, `the plugin has no "type"`}
		}
		p.before = append(p.before, plugin)
	}
	if c.Spec.EnableCoordinator == nil || *c.Spec.EnableCoordinator {
		p.before = append(p.before, c.coordinator())
	}
	return nil
}

// coordinatorFields are those that are handed on, by their names in the object.
var coordinatorFields = map[string]string{
	"podDefaultRouteNIC": "podDefaultRouteNic",
	"hijackCIDR":         "hijackCIDR", "policyRoutes": "policyRoutes", "podMACPrefix": "podMACPrefix", "podRPFilter": "podRPFilter",
	"tunePodRoutes": "tunePodRoutes", "txQueueLen": "txQueueLen", "vethLinkAddress": "vethLinkAddress", "vethMTU": "vethMTU",
}

// coordinator is the plugin of that name. Its mode is always written: auto where the object
// names none, so that the SpiderCoordinator's does not count.
func (c *spiderMultusConfig) coordinator() fields {
	plugin := fields{"type": "coordinator", "mode": "auto"}
	if mode := c.Spec.Coordinator["mode"]; mode != nil {
		plugin["mode"] = mode
	}
	for _, name := range slices.Sorted(maps.Keys(coordinatorFields)) {
		if value := c.Spec.Coordinator[name]; value != nil {
			plugin[coordinatorFields[name]] = value
		}
	}
	return plugin
}

// MarshalJSON writes the list in its order.
func (p spiderPlugins) MarshalJSON() ([]byte, error) {
	return json.Marshal(slices.Concat(p.before, p.after))
}
