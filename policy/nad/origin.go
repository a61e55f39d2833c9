package nad

import (
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Origin is where a network comes from that a program makes of another object: that one is
// what people write, and what findings are about.
type Origin struct {
	// Maker is the program, as in "Spiderpool".
	Maker string
	// Field is what the configuration is made of, such as spec.macvlan.
	Field string
	// Verbatim says that Field is the text of the configuration.
	Verbatim bool
	// Fault says why the program makes no network of the object, as a sentence, and
	// FaultField what that is about; empty when it makes one.
	Fault, FaultField string
}

// Made is the network that a program makes of an object.
type Made struct {
	// Source is what it says; without a Config where that is not known.
	Source cniconf.Source
	// NameBegins says that the name is only the beginning of one.
	NameBegins bool
	Origin     Origin
}

// OfMade is the subject of a network that a program makes of an object which is written.
// The old one is made of what that replaces; nil for none.
func OfMade(made, old *Made) *Subject {
	s := &Subject{
		Namespace: made.Source.Namespace, Name: made.Source.Name,
		source: made.Source, compiled: cniconf.Compile(made.Source), origin: &made.Origin,
	}
	if made.NameBegins {
		s.Name += "*"
	}
	if old != nil {
		s.old, s.oldSource, s.oldOrigin = cniconf.Compile(old.Source), &old.Source, &old.Origin
	}
	return s
}

// assembled says that nobody has written the configuration.
func (o *Origin) assembled() bool { return o != nil && !o.Verbatim }

// place moves findings about the configuration to the field that it is made of. Annotations
// are those of the object, which the network inherits.
func (o *Origin) place(found []verdict.Finding) []verdict.Finding {
	if o == nil {
		return found
	}
	for i := range found {
		f := &found[i]
		f.Message, f.Remedy = strings.ReplaceAll(f.Message, configField, o.Field), strings.ReplaceAll(f.Remedy, configField, o.Field)
		if f.Place.String() != configField {
			continue
		}
		offset := f.Place.Offset
		if !o.Verbatim {
			offset = 0
		}
		f.Place = object.AtField(o.Field).At(offset)
	}
	return found
}
