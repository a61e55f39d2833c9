package status

import (
	"context"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// entry is what validating and mutating webhooks have in common.
type entry struct {
	name          string
	client        admissionv1.WebhookClientConfig
	rules         []admissionv1.RuleWithOperations
	failurePolicy admissionv1.FailurePolicyType
	namespaces    *metav1.LabelSelector
	conditions    []admissionv1.MatchCondition
}

// configuration is one of the two webhook configurations.
type configuration struct {
	kind, name string
	// err says why it could not be read.
	err     error
	absent  bool
	entries []entry
}

// configuration reads one of the two. Both kinds are read as the one that has all fields
// which are looked at here.
func (c *Checker) configuration(ctx context.Context, kind, resource string) *configuration {
	read := &configuration{kind: kind, name: c.Configuration}
	found, err := get[admissionv1.ValidatingWebhookConfiguration](ctx, c, admissionv1.SchemeGroupVersion.WithResource(resource), "", c.Configuration)
	switch {
	case err != nil:
		read.err = err
		return read
	case found == nil:
		read.absent = true
		return read
	}
	for _, w := range found.Webhooks {
		e := entry{name: w.Name, client: w.ClientConfig, rules: w.Rules, failurePolicy: admissionv1.Fail, namespaces: w.NamespaceSelector, conditions: w.MatchConditions}
		if w.FailurePolicy != nil {
			e.failurePolicy = *w.FailurePolicy
		}
		read.entries = append(read.entries, e)
	}
	return read
}

// covering is the entry that is called when an object of a resource is created; of several
// one that refuses what it cannot be asked about. It is nil when there is none.
func (c *configuration) covering(group, resource string) *entry {
	var found *entry
	for i := range c.entries {
		e := &c.entries[i]
		if e.covers(group, resource) && (found == nil || found.failurePolicy != admissionv1.Fail) {
			found = e
		}
	}
	return found
}

func (e *entry) covers(group, resource string) bool {
	return slices.ContainsFunc(e.rules, func(r admissionv1.RuleWithOperations) bool {
		return (slices.Contains(r.Operations, admissionv1.Create) || slices.Contains(r.Operations, admissionv1.OperationAll)) &&
			(slices.Contains(r.APIGroups, group) || slices.Contains(r.APIGroups, "*")) &&
			(slices.Contains(r.Resources, resource) || slices.Contains(r.Resources, "*") || slices.Contains(r.Resources, "*/*"))
	})
}

// selects says whether objects of a namespace with these labels are sent.
func (e *entry) selects(namespace labels.Set) bool {
	selector, err := metav1.LabelSelectorAsSelector(e.namespaces)
	// The API server takes none that cannot be read. Without one, every namespace is meant.
	return e.namespaces == nil || err == nil && selector.Matches(namespace)
}

// names says whether a webhook of that name is one of the configuration.
func (c *configuration) names(webhook string) bool {
	return slices.ContainsFunc(c.entries, func(e entry) bool { return e.name == webhook })
}

// erring is the name of a webhook whose matchConditions have an expression that the API server
// could not evaluate, by what it says; empty when there is none. It names the expression only.
func (c *configuration) erring(message string) string {
	for i := range c.entries {
		for _, condition := range c.entries[i].conditions {
			if strings.Contains(message, "expression '"+condition.Expression+"' resulted in error") {
				return c.entries[i].name
			}
		}
	}
	return ""
}

// lines are the configuration and each of its entries.
func (c *configuration) lines() []Line {
	switch {
	case c.err != nil:
		return []Line{notRead(c.kind, c.err)}
	case c.absent:
		return []Line{{Check: c.kind, State: Problem, Message: fmt.Sprintf("there is none named %s: nothing is checked", quote.Value(c.name)),
			Remedy: "apply the manifests (kubectl apply -k), or name the configuration with --webhook-configuration"}}
	case len(c.entries) == 0:
		return []Line{{Check: c.kind, State: Problem, Message: fmt.Sprintf("%s has no webhooks: nothing is checked", quote.Value(c.name)), Remedy: "apply the manifests (kubectl apply -k)"}}
	}
	lines := []Line{{Check: c.kind, State: OK, Message: fmt.Sprintf("%s has %s", quote.Value(c.name), plural(len(c.entries), "webhook", "webhooks"))}}
	for i := range c.entries {
		lines = append(lines, c.entries[i].line())
	}
	return lines
}

// line says what becomes of objects while no replica answers.
func (e *entry) line() Line {
	becomes := "pass unchecked"
	if e.failurePolicy == admissionv1.Fail {
		becomes = "are refused"
	}
	return Line{Check: e.name, State: OK, Message: fmt.Sprintf("while no replica answers, %s that are sent to it %s (failurePolicy %s)", e.resources(), becomes, e.failurePolicy)}
}

func (e *entry) resources() string {
	var all []string
	for _, r := range e.rules {
		for _, resource := range r.Resources {
			if !slices.Contains(all, resource) {
				all = append(all, resource)
			}
		}
	}
	return strings.Join(all, ", ")
}

// mutatingLines are those of the mutating configuration, which an installation that only
// observes does without.
func mutatingLines(mutating, validating *configuration) []Line {
	if !mutating.absent {
		return mutating.lines()
	}
	pods := validating.covering("", "pods")
	if pods != nil && pods.failurePolicy == admissionv1.Ignore {
		return []Line{{Check: mutating.kind, State: Note, Message: "there is none: this installation observes, and fills in nothing"}}
	}
	return []Line{{Check: mutating.kind, State: Problem, Message: fmt.Sprintf("there is none named %s: no default pools are filled in", quote.Value(mutating.name)), Remedy: "apply the manifests (kubectl apply -k)"}}
}
