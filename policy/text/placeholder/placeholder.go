// Package placeholder knows texts that stand for a value which a tool fills in before an object
// is applied: ${VAR} of envsubst and Flux, {{ … }} of Helm and its like, and _name_ of sed
// scripts.
package placeholder

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
)

// underscored is _name_. A single underscore at both ends is what tells it from a name.
var underscored = regexp.MustCompile(`^_[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?_$`)

// Is says whether a text as a whole is a placeholder, or made of nothing but what a template
// writes.
func Is(text string) bool {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "${"):
		return len(text) > len("${}") && strings.HasSuffix(text, "}")
	case strings.HasPrefix(text, "{{"):
		return len(text) > len("{{}}") && strings.HasSuffix(text, "}}")
	default:
		return underscored.MatchString(text)
	}
}

// Span is where a placeholder stands in a text: from its first byte up to End, in bytes. A
// string of JSON has its quotes with it.
type Span struct {
	Start, End int
	// Text is the placeholder itself.
	Text string
}

// maxSpans is how many placeholders of one text are found: all that a person wrote by hand.
const maxSpans = 200

// Find finds the placeholders in a text: the text itself, or strings in it where it is JSON.
// Keys are none of them.
func Find(text string) []Span {
	switch {
	case !mayHave(text):
		return nil
	case Is(text):
		return []Span{{0, len(text), strings.TrimSpace(text)}}
	case jsonplace.FaultOffset(text) >= 0:
		return nil
	}
	var spans []Span
	for at := strings.IndexByte(text, '"'); at >= 0 && len(spans) < maxSpans; {
		end := at + 1
		for ; text[end] != '"'; end++ {
			if text[end] == '\\' {
				end++
			}
		}
		end++
		isKey := strings.HasPrefix(strings.TrimLeft(text[end:], jsonplace.Space), ":")
		if value := (jsonplace.Value{Start: at, Raw: text[at:end]}).Text(); !isKey && Is(value) {
			spans = append(spans, Span{at, end, strings.TrimSpace(value)})
		}
		next := strings.IndexByte(text[end:], '"')
		if next < 0 {
			break
		}
		at = end + next
	}
	return spans
}

// mayHave is a quick look that spares most texts the search.
func mayHave(text string) bool {
	return strings.Contains(text, "${") || strings.Contains(text, "{{") || strings.Contains(text, "_\"") || strings.HasPrefix(strings.TrimSpace(text), "_") ||
		strings.Contains(text, `\u`)
}

// unknownIPAM is the type of a plugin of which nothing is known.
const unknownIPAM = `{"type":"later"}`

// TakeOut makes of a CNI configuration one in which what its placeholders concern is not known:
// their keys are empty, an IPAM plugin is one that nobody knows, and a master is some link,
// the same for the same placeholder. Everything stands where it stood. It is empty for a
// configuration that is a placeholder as a whole.
func TakeOut(config string, spans []Span) string {
	if len(spans) == 0 {
		return config
	}
	if Is(config) {
		return ""
	}
	t := &taker{out: []byte(config), spans: spans}
	t.plugin(jsonplace.Root(config))
	return string(t.out)
}

type taker struct {
	out   []byte
	spans []Span
}

// has says whether a value has placeholders in it.
func (t *taker) has(v jsonplace.Value) bool {
	for _, s := range t.spans {
		if s.Start >= v.Start && s.End <= v.Start+len(v.Raw) {
			return true
		}
	}
	return false
}

// plugin takes the placeholders out of a plugin, or of a list of plugins.
func (t *taker) plugin(object jsonplace.Value) {
	for key, value := range object.Entries() {
		if !t.has(value) {
			continue
		}
		name := strings.ToLower(key.Text())
		switch {
		case name == "plugins" && value.Kind() == jsonplace.List:
			for _, plugin := range value.Members() {
				t.plugin(plugin)
			}
		case name == "ipam" && value.Kind() == jsonplace.Object:
			t.put(value, unknownIPAM)
		case value.Kind() != jsonplace.String:
			t.put(value, "null")
		case name == "name":
			t.put(value, `""`)
		case name == "type", name == "master":
			t.put(value, standIn(value))
		case name == "cniversion":
			t.put(value, `"1.0.0"`)
		default:
			t.put(value, "null")
		}
	}
}

// put writes something shorter in the place of a value.
func (t *taker) put(value jsonplace.Value, text string) {
	if len(text) > len(value.Raw) {
		text = "null"
	}
	copy(t.out[value.Start:], text+strings.Repeat(" ", len(value.Raw)-len(text)))
}

// standIn is a name that a link or a plugin can have, the same for the same value and no
// longer than that.
func standIn(value jsonplace.Value) string {
	h := fnv.New64a()
	h.Write([]byte(strings.TrimSpace(value.Text())))
	name := fmt.Sprintf("p%013x", h.Sum64()&(1<<52-1))
	return `"` + name[:min(len(name), len(value.Raw)-2)] + `"`
}
