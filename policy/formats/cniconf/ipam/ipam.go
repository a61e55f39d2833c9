// Package ipam reads what a CNI configuration says about the addresses of a network:
// one file for each IPAM plugin, and one interface, [Plugin], by which the rest of the
// program asks. Nobody outside asks which plugin it is.
//
// To add a plugin, write a file with its type and its reader, and add a line to known.
// A question that only the new plugin answers in its own way becomes a method of
// [Plugin]; [ordinary] answers it for the others.
package ipam

import (
	"net/netip"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
)

// Plugin is an IPAM plugin with its part of one network's configuration. It is
// immutable.
type Plugin interface {
	// Type is the plugin's name on the node; empty for a network without addresses
	// (layer 2). It is as written in the configuration: quote it before it is shown.
	Type() string
	// Fault says why the plugin refuses its own fields for every pod, as in
	// `"ipam.log_file_max_size" holds a string where ...`; empty where it does not. The
	// other methods then answer by what was read before.
	Fault() string
	// VersionFault says why the plugin refuses a version of the CNI specification that
	// others accept, as in `cniVersion "1.1.0" is not one of ...`; empty where it does
	// not. The version is empty where the configuration names none.
	VersionFault(cniVersion string) string

	// Flaws are what the plugin refuses or ignores of its own fields, beside its Fault; their
	// paths begin with "ipam". Nil where there is nothing to say.
	Flaws() []flaw.Flaw

	// AddressFaults says what comes in the way of the addresses that a pod asks for; nil
	// where it gets them all, and where nothing can be said. There is at least one address,
	// and the plugin has no [Plugin.Fault].
	AddressFaults(asked Request, chain Chain) []AddressFault
	// Given is what an interface gets that asks for the addresses of a request, or for none.
	Given(asked Request, chain Chain) Given
	// Fails says why the plugin, or the kernel after it, refuses what the network itself
	// says for an attachment with a request, as in `its IPAM static has no address, and …`;
	// empty where it does not. What fails every pod is a flaw, and not said again.
	Fails(asked Request, chain Chain) string
	// Routes are those that the plugin hands on, in order; nil without any.
	Routes() []Route
	// Assigns says whether an address that a pod asks for reaches its interface, where
	// AddressFaults knows nothing against it; plain is one without a prefix length.
	Assigns(plain bool, chain Chain) bool

	// Heeds says which of the ways in which addresses are asked for decide what an interface
	// gets, and whether the network's own addresses do.
	Heeds(asked Ways) Ways

	// Spans are the addresses that the plugin hands out by itself, in no order; nil
	// where they come from elsewhere, such as a DHCP server or pools in the cluster.
	Spans() []Span
	// Shares says that what another network has handed out of its Spans is seen by the plugin,
	// so that the two never hand out an address twice on one node.
	Shares(with Plugin) bool
	// Room is how many interfaces in the cluster can have an address of the network at once;
	// negative where that is not known.
	Room() int
	// Ledgers name the objects of the cluster in which the plugin notes which addresses are in
	// use, one for each range; nil where it notes nothing there, and where they are not known.
	Ledgers() []string
	// Full says which range has no address left, as in `all 5 addresses of 10.0.0.5-10.0.0.9
	// are in use (IPPool "10.0.0.0-24")`; empty where each has, and where that is not known.
	// The function says what is in use by a name of Ledgers, nil for what is not known.
	Full(reserved func(ledger string) *Reserved) string
	// NodeLocal says that each node hands out all addresses of Spans by itself.
	NodeLocal() bool
	// Pools are the pools of Spiderpool that the network names for pods and namespaces
	// that name none; nil unless the addresses come from Spiderpool.
	Pools() *Pools
}

// Span is the first and last address of a range that is handed out.
type Span struct{ First, Last netip.Addr }

// Pools are names of Spiderpool's pools. Entries may be patterns.
type Pools struct{ IPv4, IPv6 []string }

// Source is what an IPAM plugin is compiled from.
type Source struct {
	// Type is "ipam.type" of the main plugin's configuration.
	Type string
	// Caller is the type of the main plugin.
	Caller string
	// Main is the main plugin's configuration in JSON. Nothing of it is kept.
	Main []byte
	// Completed says that the main plugin calls the IPAM plugin with another
	// configuration, which it makes of its own one on the node.
	Completed bool
	// Network is the name that plugins are called with, CNIVersion the version of the
	// specification; empty where none is named.
	Network, CNIVersion string
}

// reader compiles the configuration of one plugin.
type reader struct {
	kind string
	// asWritten says that the plugin's fields mean what they say only where the main
	// plugin hands them on as they are.
	asWritten bool
	read      func(Source) Plugin
}

// known are the plugins with a file of their own.
var known = []reader{
	{noneType, true, readNone},
	{hostLocalType, true, readHostLocal},
	{staticType, true, readStatic},
	{dhcpType, true, readDHCP},
	{whereaboutsType, true, readWhereabouts},
	{spiderpoolType, false, readSpiderpool},
}

// Compile reads the part of a configuration that is about addresses. It never fails:
// what cannot be used is said in [Plugin.Fault].
func Compile(s Source) Plugin {
	for _, r := range known {
		if r.kind == s.Type && !(r.asWritten && s.Completed) {
			return r.read(s)
		}
	}
	return readOther(s)
}

// ordinary answers as most plugins do. Plugins embed it as their first field, where it
// takes no memory, and answer themselves what is different.
type ordinary struct{}

func (ordinary) Fault() string                      { return "" }
func (ordinary) VersionFault(string) string         { return "" }
func (ordinary) Flaws() []flaw.Flaw                 { return nil }
func (ordinary) Given(Request, Chain) Given         { return Given{} }
func (ordinary) Fails(Request, Chain) string        { return "" }
func (ordinary) Routes() []Route                    { return nil }
func (ordinary) Assigns(bool, Chain) bool           { return false }
func (ordinary) Heeds(asked Ways) Ways              { return Ways{IPs: asked.IPs} }
func (ordinary) Spans() []Span                      { return nil }
func (ordinary) Shares(Plugin) bool                 { return false }
func (ordinary) Room() int                          { return -1 }
func (ordinary) Ledgers() []string                  { return nil }
func (ordinary) NodeLocal() bool                    { return false }
func (ordinary) Full(func(string) *Reserved) string { return "" }
func (ordinary) Pools() *Pools                      { return nil }
