package cniconf

import (
	"encoding/json"
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Macvlan holds the fields of the macvlan plugin (containernetworking/plugins
// 1.9.1, plugins/main/macvlan/macvlan.go).
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
	// BCQueueLen is the length of the broadcast queue; 0 leaves the kernel's.
	BCQueueLen uint32
	// LinkInContainer says that the master is looked up in the pod.
	LinkInContainer bool
	// VLANKey is the key by which the config seems to ask for a VLAN ("vlan" or
	// "vlanId"); empty without. macvlan has no such field and ignores it.
	VLANKey string
}

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
		// Present or not is all that counts, whatever the type.
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
	switch {
	case f.VLAN != nil:
		m.VLANKey = "vlan"
	case f.VLANID != nil:
		m.VLANKey = "vlanId"
	}
	if m.Mode == "" {
		m.Mode = "bridge"
	}
	if err != nil {
		return m, fieldFault("", err)
	}
	switch m.Mode {
	case "bridge", "private", "vepa", "passthru":
	default:
		return m, "mode " + quote.Value(m.Mode) + " is not one of bridge, private, vepa and passthru"
	}
	if m.MTU < 0 {
		return m, fmt.Sprintf("mtu %d is negative", m.MTU)
	}
	return m, ""
}
