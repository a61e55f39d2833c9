package cniconf

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/field"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// ModePassthru is the mode in which a master carries one interface, and no other.
const ModePassthru = "passthru"

// Macvlan holds the fields of the macvlan plugin (containernetworking/plugins
// 1.10.0, plugins/main/macvlan/macvlan.go).
type Macvlan struct {
	// Master is the interface on the node that pods' interfaces hang on. Empty
	// means the one with the node's default route.
	Master string
	// Mode is bridge, private, vepa or passthru, bridge where none is named;
	// anything else has a MacvlanFault.
	Mode string
	// MTU in bytes; 0 means that of the master.
	MTU int
	// MAC is the hardware address of pods that ask for none, as written.
	MAC string
	// MACFault says why no interface can have that address, as in `is a multicast
	// address`; empty when one can.
	MACFault string
	// BCQueueLen is the length of the broadcast queue; 0 leaves the kernel's.
	BCQueueLen uint32
	// LinkInContainer says that the master is looked up in the pod.
	LinkInContainer bool
	// VLANKey is the key by which the config seems to ask for a VLAN ("vlan" or
	// "vlanId"); empty without, and where it is 0 or null, as templates write for none.
	// macvlan has no such field and ignores it.
	VLANKey string

	faultKey string
}

// FaultKey is the key that a MacvlanFault is about; empty where it names none.
func (m *Macvlan) FaultKey() string { return m.faultKey }

// readMacvlan reads the plugin's own fields, and says why the plugin will fail
// for every pod. What could not be read is zero.
func readMacvlan(conf []byte) (*Macvlan, string) {
	var f struct {
		Master          string `json:"master"`
		Mode            string `json:"mode"`
		MTU             int    `json:"mtu"`
		MAC             string `json:"mac"`
		LinkInContainer bool   `json:"linkInContainer"`
		BCQueueLen      uint32 `json:"bcqueuelen"`
		// Whether one is named is all that counts, whatever the type.
		VLAN   json.RawMessage `json:"vlan"`
		VLANID json.RawMessage `json:"vlanId"`
	}
	err := json.Unmarshal(conf, &f)
	m := &Macvlan{
		Master:          interned(f.Master),
		Mode:            interned(f.Mode),
		MTU:             f.MTU,
		MAC:             f.MAC,
		BCQueueLen:      f.BCQueueLen,
		LinkInContainer: f.LinkInContainer,
	}
	if f.MAC != "" {
		m.MACFault = mac.Fault(f.MAC)
	}
	switch {
	case namesVLAN(f.VLAN):
		m.VLANKey = "vlan"
	case namesVLAN(f.VLANID):
		m.VLANKey = "vlanId"
	}
	if m.Mode == "" {
		m.Mode = "bridge"
	}
	if err != nil {
		var mismatch *json.UnmarshalTypeError
		if errors.As(err, &mismatch) {
			m.faultKey = mismatch.Field
		}
		return m, field.Fault("", err)
	}
	switch m.Mode {
	case "bridge", "private", "vepa", ModePassthru:
	default:
		m.faultKey = "mode"
		return m, "mode " + quote.Value(m.Mode) + " is not one of bridge, private, vepa and passthru"
	}
	if m.MTU < 0 {
		m.faultKey = "mtu"
		return m, fmt.Sprintf("mtu %d is negative", m.MTU)
	}
	if m.MTU != 0 && !possibleMTU(m.MTU) {
		m.faultKey = "mtu"
		return m, fmt.Sprintf("mtu %d fits no link, which takes %d to %d", m.MTU, leastMTU, mostMTU)
	}
	if fault := linkName(m.Master); fault != "" {
		m.faultKey = "master"
		return m, "master " + quote.Value(m.Master) + " " + fault
	}
	if m.Master == "lo" {
		m.faultKey = "master"
		return m, `master "lo" is the loopback interface, which carries no macvlan`
	}
	return m, ""
}

// narrow says that the MTU is too small for IPv6.
func (m *Macvlan) narrow() bool { return m.MTU > 0 && m.MTU < leastMTUOfIPv6 }

// readMaster is the master that a plugin names on the node, or in the pod; empty without one.
func readMaster(conf []byte) (onNode, inPod string) {
	var f struct {
		Master          string `json:"master"`
		LinkInContainer bool   `json:"linkInContainer"`
	}
	switch {
	case json.Unmarshal(conf, &f) != nil:
		return "", ""
	case f.LinkInContainer:
		return "", f.Master
	default:
		return interned(f.Master), ""
	}
}

// namesVLAN is false for a key that is absent or says that there is no VLAN.
func namesVLAN(value json.RawMessage) bool {
	return value != nil && string(value) != "null" && string(value) != "0"
}
