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

// annotationKeys are the annotations that rules read.
var annotationKeys = slices.Concat([]string{
	multus.DefaultNetworkAnnotation, multus.NetworksAnnotation, mirrorAnnotation,
	spiderpool.RDMAInjectAnnotation, spiderpool.NetworkInjectAnnotation,
}, SpiderpoolAnnotations, flatnetwork.V1.Annotations(), flatnetwork.V2.Annotations())

// SpiderpoolAnnotations are Spiderpool's annotations of pods that concern addresses.
var SpiderpoolAnnotations = []string{
	spiderpool.SubnetsAnnotation, spiderpool.SubnetAnnotation,
	spiderpool.IPNumberAnnotation, spiderpool.ReclaimAnnotation,
	spiderpool.PoolsAnnotation, spiderpool.PoolAnnotation,
	spiderpool.RoutesAnnotation, spiderpool.DefaultRouteNICAnnotation,
}

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
	if string(text) == "null" {
		return nil, "", nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, "", &json.UnmarshalTypeError{Field: "metadata.annotations", Value: "not an object"}
	}
	var value json.RawMessage
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, "", err
		}
		key, ok := token.(string)
		if !ok {
			return nil, "", errors.New("a key of the annotations is no text")
		}
		value = value[:0]
		if err := d.Decode(&value); err != nil {
			return nil, "", err
		}
		if !slices.Contains(keys, key) {
			continue
		}
		var decoded string
		if json.Unmarshal(value, &decoded) != nil {
			wrong = key
			continue
		}
		if values == nil {
			values = make(map[string]string, len(keys))
		}
		values[key] = decoded
	}
	return values, wrong, nil
}
