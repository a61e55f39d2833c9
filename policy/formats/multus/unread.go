package multus

import (
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/spelling"
)

// UnreadKey is a key of an annotation in JSON that Multus passes over, with what was asked
// for there. Only keys that ask for something are meant: nothing is lost with a null, an
// empty string, list or object.
type UnreadKey struct {
	// Element is the index of the network in the list.
	Element int
	// In is the field of the element whose object has the key, such as "bandwidth"; ""
	// for a key of the element itself.
	In string
	// Key is as it was written, without quotes and escapes. It is as long as its author
	// made it.
	Key string
	// Offset is where its opening quote stands in the value, in bytes.
	Offset int
	// Known are the keys that Multus knows there.
	Known []string
	// Meant is the one of them that was probably meant; "" where that cannot be told.
	Meant string
	// Want says what the value of the one that was meant must be; "" within an object of
	// the element.
	Want string
	// Outdated marks the old name of a key, which Multus 4.3.0 still reads and others, as
	// network-attachment-definition-client, do not.
	Outdated bool
	// OfConfig says that it is a key of a network's configuration.
	OfConfig bool
}

// maxUnread is how many keys are found at most: all that a person wrote by hand.
const maxUnread = 100

// mayHaveUnread is a quick look at the strings that a colon follows, which spares nearly all
// annotations the search for keys: those that it does not know may still be arguments of a
// plugin, or known ones in other letters.
func mayHaveUnread(value string) bool {
	for at := strings.IndexByte(value, '"'); at >= 0; {
		start := at + 1
		for at = start; at < len(value) && value[at] != '"'; at++ {
			if value[at] == '\\' {
				at++
			}
		}
		if at >= len(value) {
			return true
		}
		text := value[start:at]
		at++
		for at < len(value) && strings.IndexByte(jsonplace.Space, value[at]) >= 0 {
			at++
		}
		if at < len(value) && value[at] == ':' {
			switch text {
			case "name", "namespace", "ips", "mac", "infiniband-guid", "interface", "deviceID", "cni-args", "default-route",
				"portMappings", "hostPort", "containerPort", "protocol", "hostIP",
				"bandwidth", "ingressRate", "ingressBurst", "egressRate", "egressBurst":
			default:
				return true
			}
		}
		next := strings.IndexByte(value[at:], '"')
		if next < 0 {
			return false
		}
		at += next
	}
	return false
}

// UnreadKeys are the keys of an annotation that Multus passes over. It knows those of
// NetworkSelectionElement, PortMapEntry and BandwidthEntry (pkg/types/types.go), in letters
// of either case. Keys that other programs read, and comments, are none of them.
//
// It reads the value again, the whole of it only where there is a key that is not written as
// Multus writes it.
func UnreadKeys(value string) []UnreadKey {
	if !mayHaveUnread(value) || jsonplace.FaultOffset(value) >= 0 {
		return nil
	}
	return findUnread(value)
}

func findUnread(value string) []UnreadKey {
	var found []UnreadKey
	for i, element := range jsonplace.Root(value).Members() {
		for key, v := range element.Entries() {
			if len(found) >= maxUnread {
				return found
			}
			switch name, _ := fieldOf(key.Text()); name {
			case "":
				if one, lost := unread(key, v, selectionKeys); lost {
					one.Element = i
					_, one.Want = fieldOf(one.Meant)
					one.OfConfig = one.Meant == "" && slices.Contains(configKeys, strings.ToLower(one.Key))
					found = append(found, one)
				}
			case "interfaceRequest":
				if now, given := element.Field("interface"); v.Text() != "" && v.Kind() == jsonplace.String && (!given || now.Text() == "" || now.Kind() == jsonplace.Null) {
					found = append(found, UnreadKey{Element: i, Key: key.Text(), Offset: key.Start, Known: selectionKeys, Meant: "interface", Want: "a string", Outdated: true})
				}
			case "bandwidth":
				found = appendUnread(found, i, name, v, bandwidthKeys)
			case "portMappings":
				for _, mapping := range v.Members() {
					found = appendUnread(found, i, name, mapping, portMappingKeys)
				}
			}
		}
	}
	return found
}

// appendUnread adds the keys of an object within an element.
func appendUnread(found []UnreadKey, element int, in string, object jsonplace.Value, known []string) []UnreadKey {
	for key, v := range object.Entries() {
		if len(found) >= maxUnread || slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, key.Text()) }) {
			continue
		}
		if one, lost := unread(key, v, known); lost {
			one.Element, one.In = element, in
			found = append(found, one)
		}
	}
	return found
}

// unread describes a key that is none of those known, and says whether anything is lost
// with it.
func unread(key, value jsonplace.Value, known []string) (UnreadKey, bool) {
	name := key.Text()
	if isEmpty(value) || isComment(name) || slices.ContainsFunc(foreignKeys, func(k string) bool { return strings.EqualFold(k, name) }) {
		return UnreadKey{}, false
	}
	one := UnreadKey{Key: name, Offset: key.Start, Known: known}
	if meant := otherNames[strings.ToLower(name)]; slices.Contains(known, meant) {
		one.Meant = meant
	} else if meant, near := spelling.Nearest(name, known); near {
		one.Meant = meant
	}
	return one, true
}

// isEmpty says whether a value asks for nothing.
func isEmpty(v jsonplace.Value) bool {
	switch v.Kind() {
	case jsonplace.Null, jsonplace.None:
		return true
	case jsonplace.String:
		return v.Text() == ""
	case jsonplace.List, jsonplace.Object:
		return strings.Trim(v.Raw[1:len(v.Raw)-1], jsonplace.Space) == ""
	default:
		return false
	}
}

// isComment says whether a key is one of those that people put notes under, since JSON has
// no comments.
func isComment(key string) bool {
	switch strings.ToLower(key) {
	case "comment", "comments", "description", "note", "notes", "todo":
		return true
	}
	return strings.HasPrefix(key, "_") || strings.HasPrefix(key, "//") || strings.HasPrefix(key, "#") || strings.HasPrefix(key, "$") || strings.HasPrefix(key, "x-")
}

var (
	selectionKeys = []string{
		"name", "namespace", "ips", "mac", "infiniband-guid", "interface", "portMappings", "bandwidth", "deviceID", "cni-args", "default-route",
	}
	portMappingKeys = []string{"hostPort", "containerPort", "protocol", "hostIP"}
	bandwidthKeys   = []string{"ingressRate", "ingressBurst", "egressRate", "egressBurst"}

	// foreignKeys are read by others: OVN-Kubernetes and KubeVirt's ipam-extensions agree
	// on the claim that keeps a virtual machine's addresses
	// (NetworkSelectionElement of network-attachment-definition-client).
	foreignKeys = []string{"ipam-claim-reference"}

	// otherNames are keys that people write, in small letters, and what they mean: the
	// names of other formats (network-status, Kubernetes, Compose) and older drafts.
	otherNames = map[string]string{
		"gateway": "default-route", "gateways": "default-route", "gw": "default-route", "defaultgateway": "default-route",
		"default-gateway": "default-route", "default_gateway": "default-route", "gatewayrequest": "default-route", "defaultroutes": "default-route",
		"ip": "ips", "ipaddress": "ips", "ipaddresses": "ips", "ip-address": "ips", "ip-addresses": "ips", "ip_address": "ips", "ip_addresses": "ips",
		"address": "ips", "addresses": "ips", "staticip": "ips", "static-ip": "ips", "iprequest": "ips",
		"macaddress": "mac", "mac-address": "mac", "mac_address": "mac", "hwaddr": "mac", "hwaddress": "mac", "macrequest": "mac",
		"ifname": "interface", "iface": "interface", "nic": "interface",
		"interfacename": "interface", "interface-name": "interface", "interface_name": "interface", "interface-request": "interface", "interface_request": "interface",
		"ns": "namespace", "network": "name", "networkname": "name", "network-name": "name",
		"args": "cni-args", "ports": "portMappings", "guid": "infiniband-guid", "infinibandguid": "infiniband-guid",
		"pciaddress": "deviceID", "pci-address": "deviceID",
	}

	// configKeys are keys of CNI configurations, in small letters.
	configKeys = []string{
		"type", "cniversion", "master", "mode", "mtu", "ipam", "vlan", "vlanid", "bridge", "routes", "route", "dns", "subnet", "range", "plugins", "capabilities", "promisc", "sysctl",
	}
)
