// Package files reads Kubernetes objects from YAML and JSON files, and makes an
// inventory of them.
package files

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/document"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Object is one Kubernetes object in a file.
type Object struct {
	// Path of the file, as it was given or found; [Stdin] for standard input.
	Path string
	// Document counts from 0 within the file.
	Document int
	// JSON is the object's value.
	JSON []byte

	APIVersion, Kind, Namespace, Name string

	// Old is the value of the object that is replaced, for an AdmissionReview of an
	// update; nil otherwise. Deleted says that an AdmissionReview is about the end of
	// the object.
	Old     []byte
	Deleted bool

	doc *document.Document
	// prefix is where the object stands in its document: nothing, or the place
	// in a List or in an AdmissionReview.
	prefix []any
}

// Position is the line and column of the value at path in the object; offset is
// a byte offset into that value where it is a string.
func (o *Object) Position(offset int, path ...any) document.Position {
	return o.doc.Position(offset, append(slices.Clone(o.prefix), path...)...)
}

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

// Read reads the objects of files and folders, in the order given; within a
// folder, recursively, those that end in .yaml, .yml or .json in the order of
// their names. Kinds that end in List are taken apart, and an AdmissionReview
// stands for the object it asks about.
//
// All files are read before an error is returned, so that the error names
// everything that is wrong, each with file and line.
func Read(paths []string, stdin io.Reader) ([]Object, error) {
	var objects []Object
	var errs []error
	for _, path := range paths {
		names, err := expand(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, name := range names {
			found, err := readFile(name, stdin)
			if err != nil {
				errs = append(errs, err)
			}
			objects = append(objects, found...)
		}
	}
	return objects, errors.Join(errs...)
}

// expand lists the files that a path stands for.
func expand(path string) ([]string, error) {
	if path == Stdin {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var names []string
	// With the separator behind it, a link to a folder is searched like the folder.
	err = filepath.WalkDir(path+string(filepath.Separator), func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// Hidden folders hold what is not meant to be found: the versions behind a
		// mounted ConfigMap (..data), a repository's own files.
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && filepath.Clean(name) != filepath.Clean(path) {
			return fs.SkipDir
		}
		switch filepath.Ext(name) {
		case ".yaml", ".yml", ".json":
		default:
			return nil
		}
		// A kustomization is no Kubernetes object: it names others.
		if base := entry.Name(); entry.IsDir() || base == "kustomization.yaml" || base == "kustomization.yml" {
			return nil
		}
		names = append(names, filepath.Clean(name))
		return nil
	})
	return names, err
}

func readFile(name string, stdin io.Reader) ([]Object, error) {
	var text []byte
	var err error
	if name == Stdin {
		text, err = io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
	} else if text, err = os.ReadFile(name); err != nil {
		return nil, err
	}
	docs, err := document.Parse(text)
	if err != nil {
		return nil, positioned(name, err)
	}
	var objects []Object
	var errs []error
	for i := range docs {
		found, err := unpack(name, &docs[i], nil, docs[i].JSON, typed{})
		if err != nil {
			errs = append(errs, err)
		}
		objects = append(objects, found...)
	}
	return objects, errors.Join(errs...)
}

// positioned puts the file's name before an error that begins with a line.
func positioned(name string, err error) error {
	var syntax *document.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%s:%d:%d: %s", name, syntax.Line, max(syntax.Column, 1), syntax.Problem)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// unpack makes objects of one value, and of the members of a List.
func unpack(name string, doc *document.Document, prefix []any, value []byte, in typed) ([]Object, error) {
	fail := func(problem string, path ...any) error {
		at := doc.Position(0, append(slices.Clone(prefix), path...)...)
		return fmt.Errorf("%s:%d:%d: %s", name, at.Line, at.Column, problem)
	}
	var id identity
	if err := kjson.UnmarshalCaseSensitivePreserveInts(value, &id); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return nil, fail(fmt.Sprintf("%s is of the wrong type: %s", wrong.Field, wrong.Value))
		}
		return nil, fail("not a Kubernetes object: it must be a mapping with apiVersion and kind")
	}
	id.APIVersion, id.Kind = cmp.Or(id.APIVersion, in.apiVersion), cmp.Or(id.Kind, in.kind)
	switch {
	case id.APIVersion == "":
		return nil, fail("not a Kubernetes object: apiVersion is missing")
	case id.Kind == "":
		return nil, fail("not a Kubernetes object: kind is missing")
	case id.Kind == "AdmissionReview":
		return unpackReview(name, doc, prefix, value, fail)
	case strings.HasSuffix(id.Kind, "List"):
		return unpackList(name, doc, prefix, value, id, fail)
	}
	o := Object{
		Path: name, Document: doc.Index, JSON: value,
		APIVersion: id.APIVersion, Kind: id.Kind, Namespace: id.Metadata.Namespace, Name: id.Metadata.Name,
		doc: doc, prefix: prefix,
	}
	if o.Name == "" && id.Metadata.GenerateName != "" {
		o.Name = id.Metadata.GenerateName + "*"
	}
	return []Object{o}, nil
}

func unpackList(name string, doc *document.Document, prefix []any, value []byte, list identity, fail func(string, ...any) error) ([]Object, error) {
	var members struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(value, &members); err != nil {
		return nil, fail("items is not a list", "items")
	}
	// The members of a PodList are Pods, though they do not say so.
	var in typed
	if kind := strings.TrimSuffix(list.Kind, "List"); kind != "" {
		in = typed{list.APIVersion, kind}
	}
	var objects []Object
	var errs []error
	for i, item := range members.Items {
		found, err := unpack(name, doc, append(slices.Clone(prefix), "items", i), item, in)
		if err != nil {
			errs = append(errs, err)
		}
		objects = append(objects, found...)
	}
	return objects, errors.Join(errs...)
}

// deletion is the operation of an AdmissionReview about an object's end.
const deletion = "DELETE"

func unpackReview(name string, doc *document.Document, prefix []any, value []byte, fail func(string, ...any) error) ([]Object, error) {
	var review struct {
		Request *struct {
			Operation string          `json:"operation"`
			Namespace string          `json:"namespace"`
			Object    json.RawMessage `json:"object"`
			OldObject json.RawMessage `json:"oldObject"`
		} `json:"request"`
	}
	if err := json.Unmarshal(value, &review); err != nil {
		return nil, fail("the AdmissionReview cannot be read: " + quote.Value(err.Error()))
	}
	absent := func(object json.RawMessage) bool { return len(object) == 0 || string(object) == "null" }
	field, object := "object", json.RawMessage(nil)
	if review.Request != nil {
		object = review.Request.Object
		// Of what is deleted there is no other.
		if review.Request.Operation == deletion && absent(object) {
			field, object = "oldObject", review.Request.OldObject
		}
	}
	if absent(object) {
		return nil, fail("the AdmissionReview has no object: request.object is missing", "request")
	}
	objects, err := unpack(name, doc, append(slices.Clone(prefix), "request", field), object, typed{})
	for i := range objects {
		objects[i].Deleted = review.Request.Operation == deletion
		if !objects[i].Deleted && !absent(review.Request.OldObject) {
			objects[i].Old = review.Request.OldObject
		}
		// The request's namespace is the one that counts: the object's own may
		// be empty.
		if review.Request.Namespace != "" {
			objects[i].Namespace = review.Request.Namespace
		}
	}
	return objects, err
}
