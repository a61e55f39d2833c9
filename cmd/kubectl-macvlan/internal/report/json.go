package report

import (
	"encoding/json"
	"io"
)

// JSON writes the report as one JSON object, indented.
func JSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
