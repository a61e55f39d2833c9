package links

import (
	"cmp"
	"fmt"
	"slices"

	kjson "sigs.k8s.io/json"
)

// Parse reads the value of the annotation. It is strict about what it knows and
// ignores fields that it does not; a kind that it does not know is [Other]. An
// error says what is wrong and is about the annotation as a whole: nothing is
// known of the node then.
func Parse(value string) (Node, error) {
	if len(value) > MaxBytes {
		return Node{}, fault("has %d bytes, more than %d", len(value), MaxBytes)
	}
	var read struct {
		// A list that is missing is no empty one.
		Links   *[]Link `json:"links"`
		Omitted int     `json:"omitted"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts([]byte(value), &read); err != nil {
		return Node{}, fault("cannot be read: %w", err)
	}
	switch {
	case read.Links == nil:
		return Node{}, fault(`has no list "links"`)
	case len(*read.Links) > MaxLinks:
		return Node{}, fault("has %d links, more than %d", len(*read.Links), MaxLinks)
	case read.Omitted < 0:
		return Node{}, fault("says that %d links are omitted", read.Omitted)
	}
	node := Node{Links: *read.Links, Omitted: read.Omitted}
	taken := names{}
	for i := range node.Links {
		link := &node.Links[i]
		if clause := taken.take(*link); clause != "" {
			return Node{}, fault("is wrong in links[%d]: %s", i, clause)
		}
		if _, known := worth[link.Kind]; !known {
			link.Kind = Other
		}
		slices.Sort(link.AltNames)
	}
	slices.SortFunc(node.Links, func(a, b Link) int { return cmp.Compare(a.Name, b.Name) })
	return node, nil
}

// fault names the annotation, and the way out.
func fault(format string, args ...any) error {
	return fmt.Errorf("annotation "+Annotation+" "+format+": remove it, and the installer on the node writes it again", args...)
}
