package pod

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// firstContainer is what rules read of a pod's containers: of the first one, the
// names in its resource limits.
type firstContainer struct{ limits []string }

// UnmarshalJSON reads the first container and ignores the others. What is not
// as Kubernetes wants it is for the API server to refuse.
func (c *firstContainer) UnmarshalJSON(text []byte) error {
	*c = firstContainer{}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('[') || !d.More() {
		return nil
	}
	var first struct {
		Resources struct {
			Limits map[string]json.RawMessage `json:"limits"`
		} `json:"resources"`
	}
	if d.Decode(&first) == nil {
		c.limits = slices.Sorted(maps.Keys(first.Resources.Limits))
	}
	return nil
}
