package spiderpool

import (
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
)

// shape is what the JSON of an annotation must look like.
type shape struct {
	// list says that the annotation holds a list of objects, not just one;
	// names that it holds a list of strings.
	list, names bool

	fields []field
	// want is an example of the whole.
	want string
	// renamed are keys that Spiderpool does not know, in lower case, and what
	// to write instead.
	renamed map[string]string
}

// field is a key that Spiderpool knows.
type field struct {
	name string
	kind fieldKind
}

// fieldKind is the Go type of a field in Spiderpool's pkg/types/k8s.go.
type fieldKind int

const (
	text fieldKind = iota
	texts
	flag
)

func (k fieldKind) want() string {
	return [...]string{"a string", "a list of strings", "true or false"}[k]
}

// fieldSet is a set of indices into a shape's fields.
type fieldSet uint8

const allFields fieldSet = 1<<8 - 1

const (
	ifaceField   = "interface"
	ipv4Field    = "ipv4"
	ipv6Field    = "ipv6"
	dstField     = "dst"
	gatewayField = "gw"
)

// oldNames are the names that fields had up to Spiderpool 0.2, and others that
// people write.
var oldNames = map[string]string{
	"ipv4pools": ipv4Field, "ipv4pool": ipv4Field, "ipv4ippool": ipv4Field, "v4": ipv4Field,
	"ipv6pools": ipv6Field, "ipv6pool": ipv6Field, "ipv6ippool": ipv6Field, "v6": ipv6Field,
	"nic": ifaceField, "iface": ifaceField, "ifname": ifaceField,
}

var (
	poolShape = shape{
		fields:  []field{{ipv4Field, texts}, {ipv6Field, texts}},
		want:    `an object such as {"ipv4":["pool"],"ipv6":["pool"]}`,
		renamed: oldNames,
	}
	poolsShape = shape{
		list:    true,
		fields:  []field{{ipv4Field, texts}, {ipv6Field, texts}, {ifaceField, text}, {"cleangateway", flag}},
		want:    `a list of objects such as [{"interface":"net1","ipv4":["pool"]}]`,
		renamed: oldNames,
	}
	subnetShape = shape{
		fields:  []field{{ipv4Field, texts}, {ipv6Field, texts}, {ifaceField, text}},
		want:    `an object such as {"interface":"net1","ipv4":["subnet"]}`,
		renamed: oldNames,
	}
	subnetsShape = shape{
		list:    true,
		fields:  subnetShape.fields,
		want:    `a list of objects such as [{"interface":"net1","ipv4":["subnet"]}]`,
		renamed: oldNames,
	}
	routesShape = shape{
		list:   true,
		fields: []field{{dstField, text}, {gatewayField, text}},
		want:   `a list of objects such as [{"dst":"10.0.0.0/16","gw":"192.168.1.1"}]`,
		renamed: map[string]string{
			"destination": dstField, "to": dstField, "cidr": dstField,
			"gateway": gatewayField, "via": gatewayField, "nexthop": gatewayField,
		},
	}
	namesShape = shape{names: true, want: `a list of strings such as ["pool"]`}
)

// field is the index of the field that a key fills, -1 for none: encoding/json
// compares without regard to case.
func (s *shape) field(key string) int {
	for i := range s.fields {
		if strings.EqualFold(key, s.fields[i].name) {
			return i
		}
	}
	return -1
}

// find is where the value of a field stands in an object, if it has one.
func (s *shape) find(object jsonplace.Value, name string) (value jsonplace.Value, found bool) {
	if s.field(name) < 0 {
		return value, false
	}
	return object.Field(name)
}
