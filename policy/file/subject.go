// Package file judges how objects stand in the files that hold them: whether they can be
// read, whether they stand there once, and what of them is filled in later. In a cluster there are no files, so these rules
// are for kubectl-macvlan check alone.
package file

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Subject is an object as it stands in a file.
type Subject struct {
	// Kind and Name of the object as far as they can be read; Name is as annotations write it,
	// with the namespace if there is one.
	Kind, Name string
	// Unread is why the object cannot be read; nil where it can.
	Unread *object.FieldError
	// Stray says that what cannot be read is text that was found in a folder, and that is
	// perhaps no object.
	Stray bool
	// Places are all at which an object of its name stands, as path:line:column, where what
	// stands there differs; none for any other object. SameFile says that these are in one
	// file.
	Places   []string
	SameFile bool
	// Placeholders are values of the object that are filled in later.
	Placeholders []Placeholder
}

// Judge gives the verdict on an object as it stands in its file.
func (s *Subject) Judge(c *config.Config) verdict.Verdict {
	var v verdict.Verdict
	for i := range Rules {
		r := &Rules[i]
		if action := c.Action(r.ID, r.Default); action != verdict.Off {
			v.Add(r.ID, action, 0, r.Check(s), "")
		}
	}
	return v
}
