package file

import "github.com/macvlan-webhook/macvlan-webhook/policy/object"

// Placeholder is a value in an object that a tool fills in before the object is applied.
type Placeholder struct {
	// Place is where it begins, in the object. It goes up to End, an offset as that of the
	// place.
	Place object.Place
	End   int
	// Text is the placeholder itself.
	Text string
}

// Covers says whether a place is within the value.
func (p *Placeholder) Covers(place object.Place) bool {
	return p.Place.String() == place.String() && p.Place.Offset <= place.Offset && place.Offset < max(p.End, p.Place.Offset+1)
}
