// Package report is what a check found, and the forms in which it is written.
// The forms are pure: they all show the same report.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// Version and kind of a report in JSON.
const (
	APIVersion = "macvlan-webhook.io/v1alpha1"
	Kind       = "CheckReport"
)

// Report is the outcome of a check.
type Report struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Summary    Summary  `json:"summary"`
	Results    []Result `json:"results"`

	// Version of the program, for the forms that name their author.
	Version string `json:"-"`
	// Checkable is the number of objects of kinds that are checked, copies included.
	Checkable int `json:"-"`
}

// Summary counts objects: those with a result, and as skipped those of kinds that are not
// checked. Patched are those that admission would change.
type Summary struct {
	Checked int `json:"checked"`
	Skipped int `json:"skipped"`
	Denied  int `json:"denied"`
	Warned  int `json:"warned"`
	Patched int `json:"patched"`
	// Findings are counted by themselves.
	Findings Counts `json:"findings"`
	// PassedOver is the number of files, found in folders, that hold something else than
	// Kubernetes objects.
	PassedOver int `json:"passedOver"`
}

// Counts are the numbers of findings by their action. Ignored are those that were accepted,
// whatever their action: none as long as nothing accepts a finding.
type Counts struct {
	Deny    int `json:"deny"`
	Warn    int `json:"warn"`
	Ignored int `json:"ignored"`
}

// Result is the verdict on one object.
type Result struct {
	Object   Object `json:"object"`
	Source   Source `json:"source"`
	Decision string `json:"decision"`
	// Exempt says why the object was not judged, if so.
	Exempt string `json:"exempt,omitempty"`
	// Unread says, in a sentence, why the object passes unjudged although part of it
	// cannot be read, if so.
	Unread string `json:"unread,omitempty"`
	// Mode of the object's namespace where it is not enforce: in warn, denials are
	// warnings.
	Mode string `json:"mode,omitempty"`
	// ModeNote says why a mode that the namespace asks for does not count.
	ModeNote string    `json:"modeNote,omitempty"`
	Findings []Finding `json:"findings"`
	// Patch is what admission would change, absent when that is nothing.
	Patch      []pod.PatchOperation `json:"patch,omitempty"`
	Interfaces []Interface          `json:"interfaces"`
}

// Object identifies a Kubernetes object. A name that ends in * is a
// generateName. What is unknown of an object that cannot be read is empty.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
}

// Source is where the object stands: the path as given, its document counted
// from 0, its line from 1.
type Source struct {
	Path     string `json:"path"`
	Document int    `json:"document"`
	Line     int    `json:"line"`
}

// Finding is one rule broken. Line and column count from 1, columns in
// characters, and point at the culprit, inside an annotation's text too.
type Finding struct {
	Rule    string `json:"rule"`
	Action  string `json:"action"`
	Path    string `json:"path"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
}

// Interface is one that the pod will have. The network is empty for the
// cluster's own one.
type Interface struct {
	Name     string `json:"name"`
	Network  string `json:"network"`
	Role     string `json:"role"`
	Evidence string `json:"evidence"`
	// Pools are there for an interface whose addresses come from Spiderpool.
	Pools *Pools `json:"pools,omitempty"`
}

// Pools are the IP pools of an interface, and at which level they are named: pod,
// namespace, network, config, default or none.
type Pools struct {
	IPv4   []string `json:"ipv4"`
	IPv6   []string `json:"ipv6"`
	Source string   `json:"source"`
}

// Writer writes a report in one form.
type Writer func(io.Writer, *Report) error

// forms are all forms, the default one first. A new one is a line here, and a file.
var forms = []struct {
	name  string
	write Writer
}{
	{"text", Text},
	{"json", JSON},
}

// ByName returns the writer of a form.
func ByName(name string) (Writer, error) {
	for _, f := range forms {
		if f.name == name {
			return f.write, nil
		}
	}
	return nil, fmt.Errorf("output format %.80q: must be %s", name, strings.Join(Forms(), " or "))
}

// Forms are the names of all forms, the default one first.
func Forms() []string {
	var names []string
	for _, f := range forms {
		names = append(names, f.name)
	}
	return names
}
