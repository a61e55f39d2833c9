package cniconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/containernetworking/cni/libcni"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/field"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// tuning is what tuning plugins make of an interface.
type tuning struct {
	// mac is the hardware address of pods that ask for none; the zero Address where it is
	// left as it is. macFault says why no interface can have the address that is written.
	mac      mac.Address
	macFault string
	// argMAC is that of args.cni, which comes before what pods ask for by "mac".
	argMAC mac.Address
	// mtu in bytes; 0 leaves it as it is.
	mtu int
	// noIPv6 says that a sysctl switches IPv6 off.
	noIPv6 bool
	// plugin is the index of the last of them.
	plugin int
}

// pluginFlaws are those of the fields of one plugin, as the reference plugins 1.10.0 read
// them, but for macvlan ([Macvlan]) and IPAM. Their kind and plugin are not filled in.
func pluginFlaws(index int, p *libcni.PluginConfig, resource string, t *tuning) []flaw.Flaw {
	switch p.Network.Type {
	case "tuning":
		t.plugin = index
		return tuningFlaws(p.Bytes, t)
	case "bandwidth":
		return bandwidthFlaws(p.Bytes)
	case "vrf":
		return vrfFlaws(p.Bytes)
	case pluginSBR:
		return sbrFlaws(p.Bytes)
	case "vlan":
		return vlanFlaws(p.Bytes)
	case "bridge":
		return bridgeFlaws(p.Bytes)
	case pluginIPvlan:
		return ipvlanFlaws(p.Bytes)
	case pluginHostDevice:
		return hostDeviceFlaws(p.Bytes, resource)
	default:
		return nil
	}
}

// fails is a flaw of a field that the plugin refuses.
func fails(text, want string, at ...any) flaw.Flaw {
	return flaw.Flaw{Effect: flaw.FailsAll, Path: at, Text: text, Want: want}
}

// undecodable is the flaw of a configuration that a plugin cannot decode.
func undecodable(plugin string, err error) []flaw.Flaw {
	f := fails("the plugin "+plugin+" cannot read its configuration: "+field.Fault("", err), "correct the value, or remove it")
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Field != "" {
		for key := range strings.SplitSeq(mismatch.Field, ".") {
			f.Path = append(f.Path, key)
		}
	}
	return []flaw.Flaw{f}
}

// tuningFlaws follows plugins/meta/tuning/tuning.go. Which sysctls a node allows, and which
// values its kernel takes, is known there only.
func tuningFlaws(conf []byte, t *tuning) []flaw.Flaw {
	var f struct {
		SysCtl   map[string]string `json:"sysctl"`
		Mac      string            `json:"mac"`
		Promisc  bool              `json:"promisc"`
		Mtu      int               `json:"mtu"`
		TxQLen   *int              `json:"txQLen"`
		Allmulti *bool             `json:"allmulti"`
		Args     struct {
			CNI struct {
				Mac string `json:"mac"`
			} `json:"cni"`
		} `json:"args"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		if flaws := sysctlsOfOtherTypes(conf); flaws != nil {
			return flaws
		}
		return undecodable("tuning", err)
	}
	var flaws []flaw.Flaw
	for _, key := range slices.Sorted(maps.Keys(f.SysCtl)) {
		name := path.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
		if !strings.HasPrefix(name, "/proc/sys/net/") {
			flaws = append(flaws, fails("the plugin tuning refuses the sysctl "+quote.Value(key)+": it sets those that begin with net.", "remove it, or set it in securityContext.sysctls of the pod", "sysctl", key))
			continue
		}
		t.noIPv6 = t.noIPv6 || strings.HasSuffix(name, "/IFNAME/disable_ipv6") && strings.TrimSpace(f.SysCtl[key]) == "1"
	}
	if f.Mac != "" {
		address, fault := mac.Parse(f.Mac)
		if fault != "" {
			broken := fails("mac "+quote.Value(f.Mac)+" of the plugin tuning "+fault, "remove mac, or write the address of one interface", "mac")
			broken.Effect = flaw.FailsSome
			flaws = append(flaws, broken)
		}
		t.mac, t.macFault = address, fault
	}
	if address, fault := mac.Parse(f.Args.CNI.Mac); fault == "" {
		t.argMAC = address
	}
	if f.Mtu != 0 && !possibleMTU(f.Mtu) {
		flaws = append(flaws, fails(fmt.Sprintf("mtu %d of the plugin tuning fits no link", f.Mtu), fmt.Sprintf("write a number from %d to %d, or remove it", leastMTU, mostMTU), "mtu"))
	} else if f.Mtu != 0 {
		t.mtu = f.Mtu
	}
	return flaws
}

// sysctlsOfOtherTypes are the values of sysctls that are no text, which people write as the
// numbers they are; nil where there is none. Of these encoding/json names only the object
// that they stand in.
func sysctlsOfOtherTypes(conf []byte) []flaw.Flaw {
	var f struct {
		SysCtl map[string]json.RawMessage `json:"sysctl"`
	}
	if json.Unmarshal(conf, &f) != nil {
		return nil
	}
	var flaws []flaw.Flaw
	for _, key := range slices.Sorted(maps.Keys(f.SysCtl)) {
		var text string
		err := json.Unmarshal(f.SysCtl[key], &text)
		if err == nil {
			continue
		}
		want := "write the value as a text"
		var mismatch *json.UnmarshalTypeError
		if errors.As(err, &mismatch) && (strings.HasPrefix(mismatch.Value, "number") || mismatch.Value == "bool") {
			want = "write it in quotes"
		}
		flaws = append(flaws, fails("the plugin tuning cannot read the sysctl "+quote.Value(key)+": "+field.Fault("", err), want, "sysctl", key))
	}
	return flaws
}

// MTUs that an Ethernet link can have, in bytes: ETH_MIN_MTU and ETH_MAX_MTU of the kernel.
const (
	leastMTU = 68
	mostMTU  = 65535
)

func possibleMTU(mtu int) bool { return mtu >= leastMTU && mtu <= mostMTU }

// limits says whether a bandwidth plugin has something to do by itself.
func limits(conf []byte) bool {
	var f struct {
		IngressRate uint64 `json:"ingressRate"`
		EgressRate  uint64 `json:"egressRate"`
	}
	return json.Unmarshal(conf, &f) == nil && (f.IngressRate > 0 || f.EgressRate > 0)
}

// bandwidthFlaws follows plugins/meta/bandwidth/main.go.
func bandwidthFlaws(conf []byte) []flaw.Flaw {
	var f struct {
		IngressRate  uint64 `json:"ingressRate"`
		IngressBurst uint64 `json:"ingressBurst"`
		EgressRate   uint64 `json:"egressRate"`
		EgressBurst  uint64 `json:"egressBurst"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		return undecodable("bandwidth", err)
	}
	var flaws []flaw.Flaw
	for _, way := range []struct {
		name        string
		rate, burst uint64
	}{{"ingress", f.IngressRate, f.IngressBurst}, {"egress", f.EgressRate, f.EgressBurst}} {
		rate, burst := way.name+"Rate", way.name+"Burst"
		switch {
		case way.rate != 0 && way.burst == 0:
			flaws = append(flaws, fails("the plugin bandwidth has "+rate+" and no "+burst, "write both, or neither", rate))
		case way.rate == 0 && way.burst != 0:
			flaws = append(flaws, fails("the plugin bandwidth has "+burst+" and no "+rate, "write both, or neither", burst))
		case way.burst/8 >= math.MaxUint32:
			flaws = append(flaws, fails(burst+" of the plugin bandwidth is more than 4 GB", "write a smaller one", burst))
		}
	}
	return flaws
}

// vrfFlaws follows plugins/meta/vrf/main.go.
func vrfFlaws(conf []byte) []flaw.Flaw {
	var f struct {
		VRFName string `json:"vrfname"`
		Table   uint32 `json:"table"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		return undecodable("vrf", err)
	}
	if f.VRFName == "" {
		return []flaw.Flaw{fails(`the plugin vrf has no "vrfname"`, `write "vrfname"`)}
	}
	return nil
}

// sbrFlaws follows plugins/meta/sbr/main.go. Only versions from 1.10.0 on read "gateways".
func sbrFlaws(conf []byte) []flaw.Flaw {
	var f struct {
		Table *int `json:"table"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		return undecodable(pluginSBR, err)
	}
	return nil
}

// mostLinkName is how long the name of a link can be, in bytes: IFNAMSIZ of Linux without the
// zero at the end.
const mostLinkName = 15

// hostDeviceFlaws follows plugins/main/host-device/host-device.go. Multus fills in the device
// of a network with a resource.
func hostDeviceFlaws(conf []byte, resource string) []flaw.Flaw {
	var d hostDevice
	if err := json.Unmarshal(conf, &d); err != nil {
		return undecodable(pluginHostDevice, err)
	}
	if resource == "" && !d.named() {
		return []flaw.Flaw{fails("the plugin host-device names no device", `write "device", "hwaddr", "kernelpath" or "pciBusID", or the annotation k8s.v1.cni.cncf.io/resourceName`)}
	}
	return nil
}

// mostVLAN is the largest ID of a VLAN (IEEE 802.1Q); 4095 is reserved.
const mostVLAN = 4094

// vlanFlaws follows plugins/main/vlan/vlan.go.
func vlanFlaws(conf []byte) []flaw.Flaw {
	var f struct {
		Master          string `json:"master"`
		VlanID          int    `json:"vlanId"`
		MTU             int    `json:"mtu"`
		LinkInContainer bool   `json:"linkInContainer"`
		// Other plugins have this key.
		VLAN json.RawMessage `json:"vlan"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		return undecodable("vlan", err)
	}
	var flaws []flaw.Flaw
	if f.VlanID == 0 && namesVLAN(f.VLAN) {
		flaws = append(flaws, flaw.Flaw{
			Effect: flaw.Ignored, Path: []any{"vlan"},
			Text: `the plugin vlan does not know the key "vlan", and makes VLAN 0`, Want: `write "vlanId"`,
		})
	}
	if f.Master == "" {
		flaws = append(flaws, fails(`the plugin vlan has no "master"`, "write the link that carries the VLAN"))
	}
	if f.VlanID < 0 || f.VlanID > mostVLAN {
		flaws = append(flaws, fails(fmt.Sprintf("vlanId %d is no VLAN", f.VlanID), fmt.Sprintf("write a number from 1 to %d", mostVLAN), "vlanId"))
	}
	if f.MTU < 0 || f.MTU > mostMTU {
		flaws = append(flaws, fails(fmt.Sprintf("mtu %d of the plugin vlan fits no link", f.MTU), "remove mtu, which is then that of the master", "mtu"))
	}
	return flaws
}

// isDefaultGateway says that a bridge is the default gateway of its pods.
func isDefaultGateway(conf []byte) bool {
	var f struct {
		IsDefaultGateway bool `json:"isDefaultGateway"`
	}
	return json.Unmarshal(conf, &f) == nil && f.IsDefaultGateway
}

// bridgeFlaws follows plugins/main/bridge/bridge.go.
func bridgeFlaws(conf []byte) []flaw.Flaw {
	var f struct {
		Bridge                    string `json:"bridge"`
		Vlan                      int    `json:"vlan"`
		HairpinMode               bool   `json:"hairpinMode"`
		PromiscMode               bool   `json:"promiscMode"`
		DisableContainerInterface bool   `json:"disableContainerInterface"`
		// Decoded for their types alone.
		IsGateway           bool `json:"isGateway"`
		IsDefaultGateway    bool `json:"isDefaultGateway"`
		ForceAddress        bool `json:"forceAddress"`
		IPMasq              bool `json:"ipMasq"`
		PreserveDefaultVlan bool `json:"preserveDefaultVlan"`
		MacSpoofChk         bool `json:"macspoofchk"`
		EnableDad           bool `json:"enabledad"`
		PortIsolation       bool `json:"portIsolation"`
		MTU                 int  `json:"mtu"`
		IPAM                struct {
			Type string `json:"type"`
		} `json:"ipam"`
		VlanTrunk []struct {
			MinID *int `json:"minID"`
			MaxID *int `json:"maxID"`
			ID    *int `json:"id"`
		} `json:"vlanTrunk"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		return undecodable("bridge", err)
	}
	var flaws []flaw.Flaw
	if f.Vlan < 0 || f.Vlan > mostVLAN {
		flaws = append(flaws, fails(fmt.Sprintf("vlan %d is no VLAN", f.Vlan), fmt.Sprintf("write a number from 1 to %d", mostVLAN), "vlan"))
	}
	isVLAN := func(id *int) bool { return id == nil || *id > 0 && *id <= mostVLAN }
	for i, t := range f.VlanTrunk {
		switch {
		case (t.MinID == nil) != (t.MaxID == nil):
			flaws = append(flaws, fails(fmt.Sprintf("vlanTrunk[%d] has one of minID and maxID, and needs both", i), "write both, or id", "vlanTrunk", i))
		case !isVLAN(t.ID) || !isVLAN(t.MinID) || !isVLAN(t.MaxID):
			flaws = append(flaws, fails(fmt.Sprintf("vlanTrunk[%d] names no VLAN", i), fmt.Sprintf("write numbers from 1 to %d", mostVLAN), "vlanTrunk", i))
		case t.MinID != nil && *t.MaxID < *t.MinID:
			flaws = append(flaws, fails(fmt.Sprintf("vlanTrunk[%d] has a minID greater than its maxID", i), "write the smaller one as minID", "vlanTrunk", i))
		}
	}
	if len(f.Bridge) > mostLinkName {
		flaws = append(flaws, fails(fmt.Sprintf("bridge %s has %d bytes, and the name of a link has up to %d", quote.Value(f.Bridge), len(f.Bridge), mostLinkName), "write a shorter name", "bridge"))
	}
	// One below 0 is left out.
	if f.MTU > 0 && !possibleMTU(f.MTU) {
		flaws = append(flaws, fails(fmt.Sprintf("mtu %d of the plugin bridge fits no link", f.MTU), fmt.Sprintf("write a number from %d to %d, or remove it", leastMTU, mostMTU), "mtu"))
	}
	if f.HairpinMode && f.PromiscMode {
		flaws = append(flaws, fails("the plugin bridge takes hairpinMode or promiscMode, not both", "remove one of them", "hairpinMode"))
	}
	if f.DisableContainerInterface && f.IPAM.Type != "" {
		flaws = append(flaws, fails("the plugin bridge takes no ipam beside disableContainerInterface", "remove one of them", "disableContainerInterface"))
	}
	return flaws
}

// ipvlanFlaws follows plugins/main/ipvlan/ipvlan.go.
func ipvlanFlaws(conf []byte) []flaw.Flaw {
	var f struct {
		Master          string `json:"master"`
		Mode            string `json:"mode"`
		MTU             int    `json:"mtu"`
		LinkInContainer bool   `json:"linkInContainer"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		return undecodable("ipvlan", err)
	}
	var flaws []flaw.Flaw
	switch f.Mode {
	case "", "l2", "l3", "l3s":
	default:
		flaws = append(flaws, fails("mode "+quote.Value(f.Mode)+" of the plugin ipvlan is not one of l2, l3 and l3s", "set a valid mode, or remove it (default: l2)", "mode"))
	}
	if fault := linkName(f.Master); fault != "" {
		flaws = append(flaws, fails("master "+quote.Value(f.Master)+" "+fault, "write the name of the link on the nodes", "master"))
	}
	return flaws
}
