package files

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/document"
)

// typed is what an object is taken to be that does not say it itself.
type typed struct{ apiVersion, kind string }

// identity is the part of an object that tells what it is.
type identity struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name         string `json:"name"`
		GenerateName string `json:"generateName"`
		Namespace    string `json:"namespace"`
	} `json:"metadata"`
}

// identify tells as much as it can of what a value is.
func identify(value []byte) (id identity) {
	var loose struct {
		APIVersion any `json:"apiVersion"`
		Kind       any `json:"kind"`
		Metadata   any `json:"metadata"`
	}
	// What is no mapping tells nothing.
	_ = kjson.UnmarshalCaseSensitivePreserveInts(value, &loose)
	text := func(v any) string {
		s, _ := v.(string)
		return s
	}
	metadata, _ := loose.Metadata.(map[string]any)
	id.APIVersion, id.Kind = text(loose.APIVersion), text(loose.Kind)
	id.Metadata.Name, id.Metadata.GenerateName, id.Metadata.Namespace =
		text(metadata["name"]), text(metadata["generateName"]), text(metadata["namespace"])
	return id
}

// unpack adds the object of one value, or the members of a List. An object that names no
// kind is no object in a file that was found, unless something says that it is meant for one.
func (f *file) unpack(doc *document.Document, prefix []any, value []byte, in typed) {
	id := identify(value)
	id.APIVersion, id.Kind = cmp.Or(id.APIVersion, in.apiVersion), cmp.Or(id.Kind, in.kind)
	if f.searched && len(prefix) == 0 && (id.APIVersion == "" || id.Kind == "") {
		f.passedOver = true
		return
	}
	o := Object{
		Path: f.name, Document: doc.Index, JSON: value,
		APIVersion: id.APIVersion, Kind: id.Kind, Namespace: id.Metadata.Namespace, Name: id.Metadata.Name,
		doc: doc, prefix: prefix,
	}
	if o.Name == "" && id.Metadata.GenerateName != "" {
		o.Name = id.Metadata.GenerateName + "*"
	}
	fail := func(field, problem string) {
		o.Fault = &Fault{Err: &object.FieldError{Field: field, Problem: problem}, Searched: f.searched}
		f.objects = append(f.objects, o)
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(value, &identity{}); err != nil {
		if wrong := object.DecodeError(err); wrong.Field != "" {
			fail(wrong.Field, wrong.Problem)
			return
		}
		fail("", "not a Kubernetes object: it must be a mapping with apiVersion and kind")
		return
	}
	switch {
	case id.APIVersion == "":
		fail("", "not a Kubernetes object: apiVersion is missing")
	case id.Kind == "":
		fail("", "not a Kubernetes object: kind is missing")
	case id.Kind == "AdmissionReview":
		f.unpackReview(&o, fail)
	case strings.HasSuffix(id.Kind, "List"):
		f.unpackList(&o, fail)
	default:
		// What an API server has got is not filled in any more.
		if !slices.Contains(prefix, any("request")) {
			o.findPlaceholders()
		}
		f.objects = append(f.objects, o)
	}
}

func (f *file) unpackList(list *Object, fail func(field, problem string)) {
	var members struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(list.JSON, &members); err != nil {
		wrong := object.DecodeError(err)
		fail(wrong.Field, wrong.Problem)
		return
	}
	// The members of a PodList are Pods, though they do not say so.
	var in typed
	if kind := strings.TrimSuffix(list.Kind, "List"); kind != "" {
		in = typed{list.APIVersion, kind}
	}
	for i, item := range members.Items {
		f.unpack(list.doc, append(slices.Clone(list.prefix), "items", i), item, in)
	}
}

// deletion is the operation of an AdmissionReview about an object's end.
const deletion = "DELETE"

func (f *file) unpackReview(o *Object, fail func(field, problem string)) {
	var review struct {
		Request *struct {
			Operation string          `json:"operation"`
			Namespace string          `json:"namespace"`
			Object    json.RawMessage `json:"object"`
			OldObject json.RawMessage `json:"oldObject"`
		} `json:"request"`
	}
	if err := json.Unmarshal(o.JSON, &review); err != nil {
		wrong := object.DecodeError(err)
		fail(wrong.Field, wrong.Problem)
		return
	}
	absent := func(object json.RawMessage) bool { return len(object) == 0 || string(object) == "null" }
	field, value := "object", json.RawMessage(nil)
	if review.Request != nil {
		value = review.Request.Object
		// Of what is deleted there is no other.
		if review.Request.Operation == deletion && absent(value) {
			field, value = "oldObject", review.Request.OldObject
		}
	}
	if absent(value) {
		fail("request", "the AdmissionReview has no object: request.object is missing")
		return
	}
	before := len(f.objects)
	f.unpack(o.doc, append(slices.Clone(o.prefix), "request", field), value, typed{})
	for i := range f.objects[before:] {
		o := &f.objects[before+i]
		o.Requested, o.Deleted = true, review.Request.Operation == deletion
		if !o.Deleted && !absent(review.Request.OldObject) {
			o.Old = review.Request.OldObject
		}
		// The request's namespace is the one that counts: the object's own may
		// be empty.
		if review.Request.Namespace != "" {
			o.Namespace = review.Request.Namespace
		}
	}
}
