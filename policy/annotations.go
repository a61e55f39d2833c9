package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Annotations of pods that rules read, by what they do. The match conditions of the webhook
// configurations name the same ones: a test compares them.
var (
	// networkKeys ask for networks.
	networkKeys = []string{multus.NetworksAnnotation, multus.DefaultNetworkAnnotation}
	// InjectAnnotations let Spiderpool's own webhook write the networks.
	InjectAnnotations = []string{spiderpool.RDMAInjectAnnotation, spiderpool.NetworkInjectAnnotation}
	// PoolAnnotations name pools or subnets of Spiderpool: nothing is filled in beside them.
	PoolAnnotations = []string{
		spiderpool.PoolAnnotation, spiderpool.PoolsAnnotation, spiderpool.SubnetAnnotation, spiderpool.SubnetsAnnotation,
	}
	// dependentAnnotations of Spiderpool mean something beside the others only.
	dependentAnnotations = []string{
		spiderpool.IPNumberAnnotation, spiderpool.ReclaimAnnotation, spiderpool.DefaultRouteNICAnnotation,
	}
	flatNetworkAnnotations = slices.Concat(flatnetwork.V1.Annotations(), flatnetwork.V2.Annotations())

	// JudgedAnnotations make a pod, or the template of pods, one that is judged.
	JudgedAnnotations = slices.Concat(networkKeys, PoolAnnotations, []string{spiderpool.RoutesAnnotation}, flatNetworkAnnotations)
	// CompletedAnnotations make a pod one whose pools are filled in.
	CompletedAnnotations = slices.Concat(networkKeys, InjectAnnotations)
	// SpiderpoolAnnotations are those of Spiderpool that concern addresses.
	SpiderpoolAnnotations = []string{
		spiderpool.SubnetsAnnotation, spiderpool.SubnetAnnotation,
		spiderpool.IPNumberAnnotation, spiderpool.ReclaimAnnotation,
		spiderpool.PoolsAnnotation, spiderpool.PoolAnnotation,
		spiderpool.RoutesAnnotation, spiderpool.DefaultRouteNICAnnotation,
	}

	annotationKeys = slices.Concat(JudgedAnnotations, InjectAnnotations, dependentAnnotations, []string{mirrorAnnotation})
)

// podAnnotations are the annotations of a pod that rules read. The others are
// passed over while decoding: a hostile object can have hundreds of thousands.
type podAnnotations struct {
	values map[string]string
	// wrong is the key among them whose value is no text, if any.
	wrong string
}

// UnmarshalJSON keeps the values of annotationKeys. A later value of a key counts,
// as it does for Kubernetes.
func (a *podAnnotations) UnmarshalJSON(text []byte) (err error) {
	a.values, a.wrong, err = keepAnnotations(text, annotationKeys)
	return err
}

// keepAnnotations decodes the annotations of some keys. It also returns the key
// among them whose value is no text, if any.
func keepAnnotations(text []byte, keys []string) (values map[string]string, wrong string, err error) {
	return keep(text, "metadata.annotations", keys, func(key string) bool { return slices.Contains(keys, key) })
}

// keepLabels decodes the labels of some keys. It also returns a key, not only among them,
// whose value is no text, if any.
func keepLabels(text []byte, keys []string) (values map[string]string, wrong string, err error) {
	return keep(text, "metadata.labels", keys, func(string) bool { return true })
}

// keep decodes the values of some keys of an object at a field, and returns the last of the
// keys that have to be texts and are not.
func keep(text []byte, field string, keys []string, haveToBeText func(key string) bool) (values map[string]string, wrong string, err error) {
	if string(text) == "null" {
		return nil, "", nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, "", &json.UnmarshalTypeError{Field: field, Value: "not an object"}
	}
	var value json.RawMessage
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, "", err
		}
		key, ok := token.(string)
		if !ok {
			return nil, "", errors.New("a key of " + field + " is no text")
		}
		value = value[:0]
		if err := d.Decode(&value); err != nil {
			return nil, "", err
		}
		wanted := slices.Contains(keys, key)
		// null decodes as an empty text.
		if isText := value[0] == '"' || string(value) == "null"; !isText && haveToBeText(key) {
			wrong = key
		}
		if !wanted {
			continue
		}
		var decoded string
		if json.Unmarshal(value, &decoded) != nil {
			continue
		}
		if values == nil {
			values = make(map[string]string, len(keys))
		}
		values[key] = decoded
	}
	return values, wrong, nil
}
