package document

import (
	"strconv"
	"strings"
)

type kind uint8

const (
	scalar kind = iota
	mapping
	sequence
)

// style is how a scalar is written.
type style uint8

const (
	plain style = iota
	singleQuoted
	doubleQuoted
	literal
	folded
	jsonString
)

// node is a value and where it stands.
type node struct {
	kind  kind
	style style
	// absent marks a scalar of which nothing is written, as the value of "a:".
	absent bool
	// at is the byte offset of the first token within the file; a YAML tag or
	// anchor counts as one.
	at int
	// text is the decoded value of a scalar.
	text string

	entries []entry // of a mapping, in the order of the text
	items   []*node // of a sequence

	// size is roughly the bytes that the value takes when every alias is
	// written out, height the levels of nesting below and with it.
	size, height int
}

// entry is a key and its value in a mapping.
type entry struct {
	name  string
	at    int // byte offset of the key's first token
	merge bool
	value *node
}

// find walks down path as far as it exists: the last value reached, the byte
// offset of its key (-1 if it has none), and whether that is the whole path.
func (n *node) find(path []any) (found *node, at int, complete bool) {
	found, at = n, -1
	for _, step := range path {
		switch step := step.(type) {
		case string:
			e := found.entry(step)
			if e == nil {
				return found, at, false
			}
			found, at = e.value, e.at
		case int:
			if step < 0 || step >= len(found.items) {
				return found, at, false
			}
			found, at = found.items[step], -1
		default:
			return found, at, false
		}
	}
	return found, at, true
}

// entry looks a key up as the YAML decoder does: what is written later
// overwrites what was there, be it a key or a merge; of several mappings in one
// merge the first has precedence. It is nil if there is no such key.
func (n *node) entry(name string) *entry {
	for i := len(n.entries) - 1; i >= 0; i-- {
		e := &n.entries[i]
		if !e.merge {
			if e.name == name {
				return e
			}
			continue
		}
		if found := e.value.entry(name); found != nil {
			return found
		}
		for _, merged := range e.value.items {
			if found := merged.entry(name); found != nil {
				return found
			}
		}
	}
	return nil
}

// pathOf finds the keys and indices that a path like spec.pools[0].name stands
// for. Keys may hold dots and brackets themselves, so only the document can
// tell. It is nil when the path does not exist.
func (n *node) pathOf(written string) []any {
	if index, rest, ok := strings.Cut(strings.TrimPrefix(written, "["), "]"); ok {
		i, err := strconv.Atoi(index)
		if err == nil && i >= 0 && i < len(n.items) {
			return n.items[i].pathBehind(i, rest)
		}
	}
	for i := range n.entries {
		e := &n.entries[i]
		if e.merge {
			for _, merged := range append([]*node{e.value}, e.value.items...) {
				if path := merged.pathOf(written); path != nil {
					return path
				}
			}
			continue
		}
		if rest, ok := strings.CutPrefix(written, e.name); ok {
			if path := e.value.pathBehind(e.name, rest); path != nil {
				return path
			}
		}
	}
	return nil
}

// pathBehind is pathOf for the part of a path after the step that led to n; the
// step comes first in the result.
func (n *node) pathBehind(step any, rest string) []any {
	switch {
	case rest == "":
		return []any{step}
	case rest[0] == '.' && n.kind == mapping:
		rest = rest[1:]
	case rest[0] == '[' && n.kind == sequence:
	default:
		return nil
	}
	path := n.pathOf(rest)
	if path == nil {
		return nil
	}
	return append([]any{step}, path...)
}
