package pod

import (
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
)

// containers is what rules read of a list of containers.
type containers struct {
	// first are the names in the resource limits of the first one.
	first []string
	// devices are those of all that are not the own resources of Kubernetes, such as
	// example.com/vf, each as often as a container names it.
	devices []string
}

// maxDevices bounds what is kept of one list. More than that, no node has room for.
const maxDevices = 1000

// UnmarshalJSON reads the names of the limits: of such a resource Kubernetes takes no request
// that differs from them. What is not as Kubernetes wants it is for the API server to refuse.
func (c *containers) UnmarshalJSON(text []byte) error {
	*c = containers{}
	list := string(text)
	if !strings.Contains(list, limitsKey) {
		return nil
	}
	for n, container := range jsonplace.Root(list).Members() {
		if len(c.devices) == maxDevices {
			return nil
		}
		c.read(n, container)
	}
	return nil
}

// limitsKey is the key of limits as the API server writes it.
const limitsKey = `"limits"`

// read reads the limits of the n-th container.
func (c *containers) read(n int, container jsonplace.Value) {
	of := len(c.devices)
	for name := range field(field(container, "resources"), "limits").Entries() {
		key := name.Text()
		device := strings.ContainsRune(key, '/')
		if n == 0 && len(c.first) < maxDevices {
			c.first = append(c.first, strings.Clone(key))
		}
		if device && len(c.devices) < maxDevices && !slices.Contains(c.devices[of:], key) {
			c.devices = append(c.devices, strings.Clone(key))
		}
		if len(c.devices) == maxDevices {
			return
		}
	}
}

// field is a field of an object; of equal ones the last.
func field(object jsonplace.Value, name string) (value jsonplace.Value) {
	for key, v := range object.Entries() {
		if key.Text() == name {
			value = v
		}
	}
	return value
}
