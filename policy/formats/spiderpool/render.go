package spiderpool

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Render writes the value of [PoolsAnnotation]: compact JSON, with the fields
// interface, ipv4, ipv6 in this order and those that are empty left out. For
// selections that name their interfaces it begins with [{" and, as long as
// their strings are UTF-8, [Parse] reads the same selections from it.
func Render(selections []Selection) string {
	if len(selections) == 0 {
		return "[]"
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	// People read this value, and nobody reads it as HTML.
	encoder.SetEscapeHTML(false)
	// Strings, lists of them and a bool: there is nothing that cannot be
	// encoded, and a buffer takes everything.
	_ = encoder.Encode(selections)
	return strings.TrimSuffix(b.String(), "\n")
}
