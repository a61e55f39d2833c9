package ipam

import (
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Unknown stands for whatever a configuration says that cannot be seen or read.
var Unknown Plugin = &other{}

// other is a plugin of which nothing but the type is known: one without a file here, or
// one whose fields the main plugin writes on the node.
type other struct {
	ordinary
	name string
}

func readOther(s Source) Plugin { return &other{name: s.Type} }

func (o *other) Type() string { return o.name }

func (o *other) Fault() string {
	if strings.Contains(o.name, "/") {
		return `"ipam.type" is ` + quote.Value(o.name) + ", and the name of a plugin has no slash"
	}
	return ""
}

func (*other) AddressFaults(asked Request, chain Chain) []AddressFault {
	return argumentFaults(asked.IPs, chain.PlainReader)
}
