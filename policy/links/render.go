package links

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
)

// worth is the order in which links are kept when there is no room for all: first
// those that are most likely made to be masters. There are few bonds, and VLANs
// are what an administrator makes one by one; bridges and the rest are often made
// by programs.
var worth = map[Kind]int{Bond: 0, VLAN: 1, Physical: 2, Bridge: 3, Other: 4}

// Render writes the value of the annotation. The same links give the same text, in
// whatever order they come. Links whose names cannot be written, or are taken, are
// left out. When there are more than [MaxLinks], or they take more than
// [MaxBytes], bonds are kept first, then VLANs, physical links, bridges and
// others, each by name; the rest is counted as [Node.Omitted].
func Render(links []Link) string {
	links = slices.Clone(links)
	for i := range links {
		if _, known := worth[links[i].Kind]; !known {
			links[i].Kind = Other
		}
		links[i].AltNames = slices.Sorted(slices.Values(links[i].AltNames))
	}
	slices.SortFunc(links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(worth[a.Kind], worth[b.Kind]), cmp.Compare(a.Name, b.Name))
	})
	type written struct {
		name string
		json []byte
	}
	var (
		kept    []written
		taken   = names{}
		omitted int
		// What stands around the links, with the longest number.
		size = len(`{"links":[],"omitted":}`) + len(strconv.Itoa(len(links)))
	)
	for _, link := range links {
		if taken.take(link) != "" {
			continue
		}
		text := encode(link)
		// One for the comma.
		if len(kept) == MaxLinks || size+len(text)+1 > MaxBytes {
			omitted++
			continue
		}
		size += len(text) + 1
		kept = append(kept, written{link.Name, text})
	}
	slices.SortFunc(kept, func(a, b written) int { return cmp.Compare(a.name, b.name) })
	var b bytes.Buffer
	b.WriteString(`{"links":[`)
	for i, link := range kept {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(link.json)
	}
	b.WriteByte(']')
	if omitted > 0 {
		b.WriteString(`,"omitted":` + strconv.Itoa(omitted))
	}
	b.WriteByte('}')
	return b.String()
}

func encode(link Link) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	// People read this value, and nobody reads it as HTML.
	encoder.SetEscapeHTML(false)
	// Strings, numbers and flags: there is nothing that cannot be encoded, and a
	// buffer takes everything.
	_ = encoder.Encode(link)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
