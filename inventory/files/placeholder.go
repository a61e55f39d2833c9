package files

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/makers"
	standing "github.com/macvlan-webhook/macvlan-webhook/policy/file"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/document"
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
		o.takeOutPlaceholders(nad.AnnotationKeys(), o.withoutInConfig)
	case makers.Known(o.APIVersion, o.Kind):
		o.takeOutPlaceholders(append(nad.AnnotationKeys(), makers.AnnotationKeys()...), o.withoutInFields)
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

// takeOutPlaceholders takes the placeholders out of an object that is a network, or of which
// networks are made: annotations that have any are left out, and the spec is one that does not
// depend on them.
func (o *Object) takeOutPlaceholders(keys []string, without func(spec json.RawMessage) any) {
	var all, metadata map[string]json.RawMessage
	var annotations map[string]any
	if json.Unmarshal(o.JSON, &all) != nil {
		return
	}
	// What is not there, or of another type, has no placeholders.
	_ = json.Unmarshal(all["metadata"], &metadata)
	_ = json.Unmarshal(metadata["annotations"], &annotations)
	for _, key := range keys {
		if text, ok := annotations[key].(string); ok && o.notePlaceholders(text, func(at int) object.Place { return object.AtAnnotation(key, at) }) != nil {
			delete(annotations, key)
		}
	}
	spec := without(all["spec"])
	if len(o.Placeholders) == 0 {
		return
	}
	put := func(in map[string]json.RawMessage, key string, value any) {
		if in != nil && in[key] != nil {
			// What was decoded can be encoded.
			in[key], _ = json.Marshal(value)
		}
	}
	o.sortPlaceholders()
	put(metadata, "annotations", annotations)
	put(all, "metadata", metadata)
	put(all, "spec", spec)
	o.JSON, _ = json.Marshal(all)
}

// sortPlaceholders puts them into the order of the text.
func (o *Object) sortPlaceholders() {
	at := make(map[standing.Placeholder]document.Position, len(o.Placeholders))
	for _, p := range o.Placeholders {
		at[p] = o.Position(p.Place.Offset, p.Place.Steps()...)
	}
	slices.SortStableFunc(o.Placeholders, func(a, b standing.Placeholder) int {
		return cmp.Or(cmp.Compare(at[a].Line, at[b].Line), cmp.Compare(at[a].Column, at[b].Column))
	})
}

// withoutInConfig is the spec of a network with a configuration that does not depend on
// placeholders.
func (o *Object) withoutInConfig(spec json.RawMessage) any {
	var fields map[string]json.RawMessage
	var config string
	if json.Unmarshal(spec, &fields) != nil || json.Unmarshal(fields["config"], &config) != nil {
		return spec
	}
	spans := o.notePlaceholders(config, func(at int) object.Place { return object.AtField("spec.config").At(at) })
	// A string can be encoded.
	fields["config"], _ = json.Marshal(placeholder.TakeOut(config, spans))
	return fields
}

// withoutInFields is the spec of an object of which a program makes networks. Of a configuration
// that it holds as it stands the placeholders are taken out like those of a network; where any
// other field has one, nothing is known of the networks but their names.
func (o *Object) withoutInFields(spec json.RawMessage) any {
	var fields any
	d := json.NewDecoder(bytes.NewReader(spec))
	d.UseNumber()
	if d.Decode(&fields) != nil {
		return spec
	}
	conceal := false
	var walk func(value any, path, name string) any
	walk = func(value any, path, name string) any {
		switch v := value.(type) {
		case string:
			spans := o.notePlaceholders(v, func(at int) object.Place { return object.AtField(path).At(at) })
			if len(spans) > 0 && makers.IsConfig(name) {
				return placeholder.TakeOut(v, spans)
			}
			conceal = conceal || len(spans) > 0
		case []any:
			for i := range v {
				v[i] = walk(v[i], fmt.Sprintf("%s[%d]", path, i), name)
			}
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				v[key] = walk(v[key], path+"."+key, key)
			}
		}
		return value
	}
	fields = walk(fields, "spec", "")
	if object, ok := fields.(map[string]any); ok && conceal {
		return makers.Concealed(object)
	}
	return fields
}
