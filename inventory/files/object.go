// Package files reads Kubernetes objects from YAML and JSON files, and makes an
// inventory of them.
package files

import (
	"fmt"
	"slices"

	standing "github.com/macvlan-webhook/macvlan-webhook/policy/file"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/document"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Object is one Kubernetes object in a file, or a document that may be one and cannot be read.
type Object struct {
	// Path of the file, as it was given or found; [Stdin] for standard input.
	Path string
	// Document counts from 0 within the file.
	Document int
	// JSON is the object's value; nil where nothing of it can be read.
	JSON []byte

	// What an object is that cannot be read is filled in as far as it can be told.
	APIVersion, Kind, Namespace, Name string

	// Old is the value of the object that is replaced, for an AdmissionReview of an
	// update; nil otherwise. Deleted says that an AdmissionReview is about the end of
	// the object.
	Old     []byte
	Deleted bool
	// Requested says that the object is that of an AdmissionReview.
	Requested bool

	// Placeholders are values in the object that are filled in later, as far as rules would
	// read them. In the JSON of a network something else stands for them.
	Placeholders []standing.Placeholder

	// Fault is why the object cannot be read; nil for one that can.
	Fault *Fault

	doc *document.Document
	// prefix is where the object stands in its document: nothing, or the place
	// in a List or in an AdmissionReview.
	prefix []any
}

// Fault is why an object, or a whole document, cannot be read.
type Fault struct {
	Err *object.FieldError
	// Broken says that the document is neither YAML nor JSON, so that any object may be meant
	// by it, or none.
	Broken bool
	// Searched says that the file was found in a folder.
	Searched bool

	// at is the place of a fault in a document that could not be parsed.
	at document.Position
}

// Position is the line and column of the value at path in the object; offset is
// a byte offset into that value where it is a string.
func (o *Object) Position(offset int, path ...any) document.Position {
	if o.doc == nil {
		return o.Fault.at
	}
	return o.doc.Position(offset, append(slices.Clone(o.prefix), path...)...)
}

// faulty is the error about an object that cannot be read, with its place.
func (o *Object) faulty() error {
	return fmt.Errorf("%s: %s", o.at(o.Fault.Err.Place().Steps()...), o.Fault.Err)
}
