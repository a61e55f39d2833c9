package multus

import (
	"net"
	"strings"
	"unicode"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
)

// What is accepted, for [Fault].Want.
const (
	wantNamespace = "a namespace: up to 63 lower case letters, digits and -, a letter or digit first and last"
	wantCommaName = "the name of a network: lower case letters, digits and -, a letter or digit first and last; a name with dots needs the JSON form"
	wantJSONName  = "the name of a network: up to 253 lower case letters, digits, - and dots, a letter or digit at both ends of each part"
	wantInterface = "up to 15 bytes without white space, /, : or %"
	wantMAC       = "a unicast address of six bytes, such as 02:00:00:00:00:01"
	wantIP        = "an IP address, with or without a prefix length, such as 10.1.2.3/24 or fd00::3"
	wantGateway   = "an IP address without a prefix length"
	wantGUID      = "hexadecimal bytes separated by colons, such as 02:00:00:00:00:00:00:01"
)

const (
	// maxNamespace and maxName are the lengths, in bytes, of a DNS label and a
	// DNS subdomain as Kubernetes takes them for namespaces and for custom
	// resources (k8s.io/apimachinery/pkg/util/validation).
	maxNamespace = 63
	maxName      = 253
	// maxInterface is IFNAMSIZ less the closing NUL byte.
	maxInterface = 15
)

func namespaceDetail(s string) string { return nameDetail(s, maxNamespace, false) }

// commaNameDetail knows no dots: Multus takes single labels in the comma form.
func commaNameDetail(s string) string { return nameDetail(s, maxName, false) }

func jsonNameDetail(s string) string { return nameDetail(s, maxName, true) }

// nameDetail says what keeps s from being the name of an object: a DNS label,
// or with dots a DNS subdomain. It is "" for a good name.
func nameDetail(s string, longest int, dots bool) string {
	if s == "" {
		return "has no name"
	}
	for i, r := range s {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
		case r == '-':
			if i == 0 || s[i-1] == '.' || i+1 == len(s) || s[i+1] == '.' {
				return "has a - where a letter or digit must be"
			}
		case r == '.' && dots:
			if i == 0 || s[i-1] == '.' || i+1 == len(s) {
				return "has a dot where a letter or digit must be"
			}
		case r == '.':
			return "has a dot in it"
		case r == '/':
			return "has a / in it"
		case r == '@':
			return "has an @ in it"
		case 'A' <= r && r <= 'Z':
			return "has an upper case letter in it"
		case unicode.IsSpace(r):
			return "has white space in it"
		default:
			return "has a character in it that is not allowed in names"
		}
	}
	if len(s) > longest {
		if longest == maxNamespace {
			return "is longer than 63 bytes"
		}
		return "is longer than 253 bytes"
	}
	return ""
}

// interfaceDetail says what keeps an interface from having this name; "" for
// nothing. Length, white space, slash, colon and the dots are refused by
// libcni and the kernel alike. The rest is the kernel's alone: a % makes the
// name a template, "all" and "default" are taken in /proc/sys/net, and its
// isspace() goes by Latin-1, in which the byte A0 is a space even within a
// character of UTF-8. That "lo" is taken is for [InterfaceNames] to say.
func interfaceDetail(s string) string {
	if len(s) > maxInterface {
		return "is longer than 15 bytes"
	}
	switch s {
	case ".", "..", "all", "default":
		return "is a name reserved by the kernel"
	}
	for _, r := range s {
		switch {
		case r == '/':
			return "has a / in it"
		case r == ':':
			return "has a : in it"
		case r == '%':
			return "has a % in it, which the kernel takes for a template"
		case r == 0:
			return "has a NUL byte in it"
		case unicode.IsSpace(r):
			return "has white space in it"
		}
	}
	if strings.IndexByte(s, 0xA0) >= 0 {
		return "has a byte A0 in it, which the kernel takes for a space"
	}
	return ""
}

// macDetail adds to what the kernel wants what Multus, which parses the address,
// cannot read.
func macDetail(s string) string {
	if _, err := net.ParseMAC(s); err == nil && unseparated(s) {
		return unseparatedDetail
	}
	return mac.Fault(s)
}

const unseparatedDetail = "has no separators between its bytes, which Multus 4.3.0 does not accept"

// unseparated finds bare digits such as 020000000001. net.ParseMAC reads them
// since Go 1.26 only, and Multus 4.3.0 is released as built with Go 1.25.
func unseparated(s string) bool { return !strings.ContainsAny(s, ":-.") }

func ipDetail(s string) string {
	if strings.IndexByte(s, '/') >= 0 {
		if _, _, err := net.ParseCIDR(s); err != nil {
			return "is not an IP address with a prefix length"
		}
		return ""
	}
	if net.ParseIP(s) == nil {
		return "is not an IP address"
	}
	return ""
}

// gatewayDetail is the test of [net.IP]'s UnmarshalText, which lets "" pass.
func gatewayDetail(s string) string {
	if s != "" && net.ParseIP(s) == nil {
		return "is not an IP address"
	}
	return ""
}

// guidDetail knows no length, as Multus does not.
func guidDetail(s string) string {
	_, err := net.ParseMAC(s)
	switch {
	case err != nil:
		return "is not an InfiniBand GUID"
	case unseparated(s):
		return unseparatedDetail
	}
	return ""
}
