package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/document"
)

// Contents is what files hold.
type Contents struct {
	// Objects stand in the order of the files. Some may have a [Fault].
	Objects []Object
	// PassedOver is the number of files found in folders that hold something else than
	// Kubernetes objects.
	PassedOver int
}

// Read is [Survey] for who needs every object: it is an error when one cannot be read. The
// error names everything that is wrong, each with file and line.
func Read(paths []string, stdin io.Reader) ([]Object, error) {
	contents, err := Survey(paths, stdin)
	errs := []error{err}
	for i := range contents.Objects {
		if o := &contents.Objects[i]; o.Fault != nil {
			errs = append(errs, o.faulty())
		}
	}
	return contents.Objects, errors.Join(errs...)
}

// Survey reads the objects of files and folders, in the order given; within a
// folder, recursively, those that end in .yaml, .yml or .json in the order of
// their names. Kinds that end in List are taken apart, and an AdmissionReview
// stands for the object it asks about.
//
// A document that cannot be read does not keep others from being read. In a folder there may
// be files that hold no Kubernetes objects. It is an error when a file that was named, or
// standard input, is neither YAML nor JSON, and when standard input holds nothing. All files
// are read before an error is returned.
func Survey(paths []string, stdin io.Reader) (Contents, error) {
	var contents Contents
	var errs []error
	for _, path := range paths {
		names, searched, err := expand(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, name := range names {
			f := file{name: name, searched: searched}
			if err := f.read(stdin); err != nil {
				errs = append(errs, err)
			}
			contents.Objects = append(contents.Objects, f.objects...)
			if f.passedOver {
				contents.PassedOver++
			}
		}
	}
	return contents, errors.Join(errs...)
}

// expand lists the files that a path stands for, and says whether it is a folder in which
// they were found.
func expand(path string) (names []string, searched bool, err error) {
	if path == Stdin {
		return []string{path}, false, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, err
	}
	if !info.IsDir() {
		return []string{path}, false, nil
	}
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
	return names, true, err
}

// file is one that is read.
type file struct {
	name string
	// searched says that it was found in a folder.
	searched bool

	objects []Object
	// passedOver says that it holds something that is no Kubernetes object.
	passedOver bool
}

// read takes the file apart.
func (f *file) read(stdin io.Reader) error {
	var text []byte
	var err error
	if f.name == Stdin {
		if text, err = io.ReadAll(stdin); err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
	} else if text, err = os.ReadFile(f.name); err != nil {
		return err
	}
	docs, broken := document.ParseEach(text)
	switch {
	case len(docs) > 0:
	case len(broken) == 0 && f.name == Stdin:
		return errors.New("standard input is empty: it has to hold objects in YAML or JSON")
	case len(broken) > 0 && !f.searched:
		return fmt.Errorf("%s:%d:%d: %s", f.name, broken[0].Line, max(broken[0].Column, 1), broken[0].Problem)
	}
	if len(docs) > 0 && !f.searched && !slices.ContainsFunc(docs, structured) {
		return fmt.Errorf("%s:%d:1: neither objects in YAML nor in JSON: an object is a mapping with apiVersion and kind", f.name, docs[0].Line)
	}
	for len(docs)+len(broken) > 0 {
		if len(docs) == 0 || len(broken) > 0 && broken[0].Document < docs[0].Index {
			f.addBroken(broken[0])
			broken = broken[1:]
			continue
		}
		f.unpack(&docs[0], nil, docs[0].JSON, typed{})
		docs = docs[1:]
	}
	return nil
}

// structured says whether a document is more than a text or a number: almost any text is one
// in YAML.
func structured(d document.Document) bool {
	return strings.HasPrefix(string(d.JSON), "{") || strings.HasPrefix(string(d.JSON), "[")
}

// addBroken adds a document that is neither YAML nor JSON.
func (f *file) addBroken(e *document.SyntaxError) {
	f.objects = append(f.objects, Object{Path: f.name, Document: e.Document, Fault: &Fault{
		Err: &object.FieldError{Problem: e.Problem}, Broken: true, Searched: f.searched,
		at: document.Position{Line: e.Line, Column: max(e.Column, 1)},
	}})
}
