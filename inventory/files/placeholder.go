package files

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	standing "github.com/macvlan-webhook/macvlan-webhook/policy/file"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/placeholder"
)

// findPlaceholders notes the placeholders of an object that rules would read. Of a network they
// are taken out: what depends on them is then not known, to its pods either. Of a pod they
// stay, since what cannot be read in an annotation is not known anyway; what is said of them
// is for the reader of Placeholders to leave out.
func (o *Object) findPlaceholders() {
	text := string(o.JSON)
	if !strings.Contains(text, "${") && !strings.Contains(text, "{{") && !strings.Contains(text, `_"`) && !strings.Contains(text, `_\"`) {
		return
	}
	switch {
	case pod.HoldsPod(o.APIVersion, o.Kind):
		s, err := pod.Decode(o.APIVersion, o.Kind, o.Namespace, o.JSON)
		if err != nil {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(s.Annotations)) {
			o.notePlaceholders(s.Annotations[key], func(at int) object.Place { return object.AtAnnotationOf(s.PodPath, key).At(at) })
		}
	case o.APIVersion == inventory.NetworkAPIVersion && o.Kind == inventory.NetworkKind:
		o.takeOutPlaceholders()
	}
}

// notePlaceholders notes those of a text.
func (o *Object) notePlaceholders(text string, place func(at int) object.Place) []placeholder.Span {
	spans := placeholder.Find(text)
	for _, s := range spans {
		o.Placeholders = append(o.Placeholders, standing.Placeholder{Place: place(s.Start), End: s.End, Text: s.Text})
	}
	return spans
}

// takeOutPlaceholders takes the placeholders out of a network: its configuration is one that
// does not depend on them, and annotations that have any are left out.
func (o *Object) takeOutPlaceholders() {
	var all, metadata, spec map[string]json.RawMessage
	var annotations map[string]any
	var config string
	if json.Unmarshal(o.JSON, &all) != nil {
		return
	}
	// What is not there, or of another type, has no placeholders.
	_ = json.Unmarshal(all["metadata"], &metadata)
	_ = json.Unmarshal(metadata["annotations"], &annotations)
	_ = json.Unmarshal(all["spec"], &spec)
	_ = json.Unmarshal(spec["config"], &config)
	for _, key := range nad.AnnotationKeys() {
		if text, ok := annotations[key].(string); ok && o.notePlaceholders(text, func(at int) object.Place { return object.AtAnnotation(key, at) }) != nil {
			delete(annotations, key)
		}
	}
	spans := o.notePlaceholders(config, func(at int) object.Place { return object.AtField("spec.config").At(at) })
	if len(o.Placeholders) == 0 {
		return
	}
	put := func(in map[string]json.RawMessage, key string, value any) {
		if in != nil && in[key] != nil {
			// What was decoded can be encoded.
			in[key], _ = json.Marshal(value)
		}
	}
	put(metadata, "annotations", annotations)
	put(spec, "config", placeholder.TakeOut(config, spans))
	put(all, "metadata", metadata)
	put(all, "spec", spec)
	o.JSON, _ = json.Marshal(all)
}
