package policy

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/file"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod/rules"
	"github.com/macvlan-webhook/macvlan-webhook/policy/ruledocs"
	"github.com/macvlan-webhook/macvlan-webhook/policy/subnet"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Rule is what users are told about a rule.
type Rule struct {
	ID string
	// Default is the action where the configuration says nothing.
	Default verdict.Action
	// Of says what the rule judges, and so what its examples are made of.
	Of Kind
	ruledocs.Doc
}

// Kind is a kind of subject.
type Kind string

const (
	// Pods are pods and templates of pods. Examples are annotations of one, or whole
	// objects.
	Pods Kind = "pods"
	// Networks are NetworkAttachmentDefinitions. Examples are the metadata and spec of one.
	Networks Kind = "networks"
	// Subnets are those of Rancher's flat network. Examples are whole objects.
	Subnets Kind = "subnets"
	// Files are those that hold objects, which only kubectl-macvlan reads. Examples are whole
	// files.
	Files Kind = "files"
)

// catalog lists all rules, in the order in which findings are reported.
var catalog = slices.Concat(catalogued(rules.Table, Pods), catalogued(nad.Rules, Networks), catalogued(subnet.Rules, Subnets),
	catalogued(file.Rules, Files))

func catalogued[S any](rules []verdict.Rule[S], of Kind) []Rule {
	out := make([]Rule, len(rules))
	for n := range rules {
		out[n] = Rule{ID: rules[n].ID, Default: rules[n].Default, Of: of}
	}
	return out
}

// Rules are all rules with what users are told of them, in the order in which findings
// are reported. It is an error when the text about one is missing or cannot be read,
// which a test rules out.
func Rules() ([]Rule, error) {
	rules := slices.Clone(catalog)
	for n := range rules {
		doc, err := ruledocs.Read(rules[n].ID)
		if err != nil {
			return nil, fmt.Errorf("read what is said of the rules: %w", err)
		}
		rules[n].Doc = doc
	}
	return rules, nil
}

// IsRule says whether there is a rule of that ID.
func IsRule(id string) bool {
	return slices.ContainsFunc(catalog, func(r Rule) bool { return r.ID == id })
}

// ParseConfig reads a configuration file, in which only rules that exist may be named.
func ParseConfig(text []byte) (*config.Config, error) { return config.Parse(text, IsRule) }
