// Package document reads YAML and JSON files as kubectl does, and knows where in
// the text each value stands.
//
// [Parse] gives the values as JSON, the way kubectl sends them to the API
// server. [Document.Position] leads back from a value, or from a byte within a
// string value, to line and column of the file as a person wrote it: through
// quotes, escapes, folded lines, aliases and merge keys. So an error inside the
// text of an annotation can point at the very character.
package document

import "fmt"

// Position is a place in a file. Both count from 1; a column is one character
// (Unicode code point), not one byte. Lines end where LF stands; a byte order
// mark takes no column.
type Position struct{ Line, Column int }

// Document is one value of a file.
type Document struct {
	// Index counts the documents of the file from 0. What kubectl skips is not
	// counted: documents of nothing but comments and space, and null.
	Index int
	// Line is where the document's first token stands, counted from 1 within
	// the file; neither a separator nor a comment is a token.
	Line int
	// JSON is the value as kubectl sends it: for YAML what sigs.k8s.io/yaml
	// converts it to (YAML 1.1: an unquoted yes is true), for JSON the text as
	// it stands, but for CRLF, which becomes LF.
	JSON []byte

	source *source
	root   *node
}

// SyntaxError says why a file cannot be read, and where.
type SyntaxError struct {
	// Line and Column count from 1. Where only the line is known, Column is
	// that of the line's first character that is not blank.
	Line, Column int
	// Document is the Index that the unreadable document would have had.
	Document int
	// Problem is what is wrong, in one line.
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Problem)
}

// Parse splits a file into its documents. It reads what kubectl reads, in the
// same order of attempts (k8s.io/apimachinery/pkg/util/yaml.YAMLOrJSONDecoder):
// a file that begins with { is a row of JSON values for as long as that works,
// and everything else is YAML documents separated by lines that begin with ---.
//
// Three things that kubectl ignores are errors here, because what they lose
// is not what the author meant: keys given twice in a mapping, text after the
// end of a document, and bytes that are not UTF-8. Nesting and the growth by
// aliases are limited.
//
// The error is a [*SyntaxError]; there are no documents then.
func Parse(data []byte) ([]Document, error) {
	p := &parser{source: newSource(string(data))}
	if err := p.parse(); err != nil {
		return nil, err
	}
	return p.documents, nil
}

// ParseEach is Parse for a reader who wants the documents beside one that cannot be read.
// It returns those that can, and why each of the others cannot; both count in the
// indices. Behind a mistake in a row of JSON values nothing more is read.
func ParseEach(data []byte) ([]Document, []*SyntaxError) {
	p := &parser{source: newSource(string(data)), goOn: true}
	if err := p.parse(); err != nil {
		p.broken = append(p.broken, err)
	}
	return p.documents, p.broken
}

// Position is where the value at path stands; path elements are a string for a
// mapping's key and an int, from 0, for a sequence's index. An alias leads to
// the value that it stands for, and a key that comes from a merge (<<) to where
// it was written.
//
// In a string, offset picks the byte of the decoded value, 0 for its first; any
// offset beyond the end is the place just behind the last character. For
// mappings, sequences and values left empty the answer is the position of their
// key, or of their first token where they have none, and offset means nothing.
//
// When path does not exist, the answer is for the last ancestor that does: its
// key, or its first token where it has none.
func (d *Document) Position(offset int, path ...any) Position {
	found, at, complete := d.root.find(path)
	if complete && found.kind == scalar && !found.absent {
		return d.source.position(d.source.scalarOffset(found, offset))
	}
	if at < 0 {
		at = found.at
	}
	return d.source.position(at)
}

// KeyPosition is where the key of the value at path stands. It answers as
// [Document.Position] does where there is no such key: for an index, the first
// token of the value; for a path that does not exist, the last ancestor.
func (d *Document) KeyPosition(path ...any) Position {
	found, at, _ := d.root.find(path)
	if at < 0 {
		at = found.at
	}
	return d.source.position(at)
}
