package links

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Lengths of names in bytes: IFNAMSIZ and ALTIFNAMSIZ of linux/if.h, without the
// byte that ends them.
const (
	nameBytes    = 15
	altNameBytes = 127
)

// lastVLAN is the highest ID that the kernel makes: 4095 is reserved.
const lastVLAN = 4094

// names are the names that are taken.
type names map[string]bool

// take says what keeps a link from standing beside those taken before, as a clause
// about it that begins with the field: `name "a/b" is not ...`. If nothing does,
// its names are taken and the clause is empty.
func (n names) take(l Link) string {
	if fault := nameFault(l.Name, nameBytes); fault != "" {
		return fmt.Sprintf("name %s %s", quote.Value(l.Name), fault)
	}
	own := names{}
	for _, name := range append([]string{l.Name}, l.AltNames...) {
		if n[name] || own[name] {
			return fmt.Sprintf("name %s occurs twice", quote.Value(name))
		}
		own[name] = true
	}
	for _, name := range l.AltNames {
		if fault := nameFault(name, altNameBytes); fault != "" {
			return fmt.Sprintf("altNames: %s %s", quote.Value(name), fault)
		}
	}
	// Links may not exist that others are on or in.
	for _, reference := range []struct{ field, name string }{{"parent", l.Parent}, {"memberOf", l.MemberOf}} {
		if reference.name == "" {
			continue
		}
		if fault := nameFault(reference.name, nameBytes); fault != "" {
			return fmt.Sprintf("%s %s %s", reference.field, quote.Value(reference.name), fault)
		}
	}
	switch {
	case l.Kind == "":
		return "kind is missing"
	case l.VLAN < 0 || l.VLAN > lastVLAN:
		return fmt.Sprintf("vlan %d is not from 0 to %d", l.VLAN, lastVLAN)
	case l.MTU < 0:
		return fmt.Sprintf("mtu %d is negative", l.MTU)
	}
	for name := range own {
		n[name] = true
	}
	return ""
}

// nameFault says why the kernel gives no link this name (dev_valid_name in
// net/core/dev.c), or why it cannot be written in JSON, as no network could then
// name it; empty when there is no reason.
func nameFault(name string, most int) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > most:
		return fmt.Sprintf("is longer than %d bytes", most)
	case name == "." || name == "..", strings.ContainsAny(name, "/:"), strings.ContainsFunc(name, unicode.IsSpace), !utf8.ValidString(name):
		return "is not the name of a link"
	}
	return ""
}
