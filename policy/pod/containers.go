package pod

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// containers is what rules read of a list of containers.
type containers struct {
	// first are the names in the resource limits of the first one.
	first []string
	// devices are those of all that are not the own resources of Kubernetes, such as
	// example.com/vf, each as often as it is named.
	devices []string
}

// maxDevices bounds what is kept of one list. More than that, no node has room for.
const maxDevices = 1000

// UnmarshalJSON reads the limits: of such a resource Kubernetes takes no request that
// differs from them. What is not as Kubernetes wants it is for the API server to refuse.
func (c *containers) UnmarshalJSON(text []byte) error {
	*c = containers{}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return nil
	}
	devices := mayNameDevices(text)
	for n := 0; d.More() && (n == 0 || devices); n++ {
		var one struct {
			Resources struct {
				Limits map[string]json.RawMessage `json:"limits"`
			} `json:"resources"`
		}
		if d.Decode(&one) != nil {
			return nil
		}
		if n == 0 {
			c.first = slices.Sorted(maps.Keys(one.Resources.Limits))
		}
		for name := range one.Resources.Limits {
			if strings.ContainsRune(name, '/') && len(c.devices) < maxDevices {
				c.devices = append(c.devices, name)
			}
		}
	}
	return nil
}

// mayNameDevices says whether the limits of any container may name a device: without a slash
// in them there is none, and the containers need not be decoded. The API server writes JSON
// without escapes in such keys.
func mayNameDevices(text []byte) bool {
	const limits = `"limits"`
	for {
		at := bytes.Index(text, []byte(limits))
		if at < 0 {
			return false
		}
		text = text[at+len(limits):]
		end := bytes.IndexByte(text, '}')
		if end < 0 {
			end = len(text)
		}
		if bytes.ContainsAny(text[:end], `/\`) {
			return true
		}
		text = text[end:]
	}
}
