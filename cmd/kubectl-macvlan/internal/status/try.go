package status

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// trial is an object that is created as a dry run, which passes through the API server and
// every webhook as the object would, and is not stored.
type trial struct {
	check    string
	resource schema.GroupVersionResource
	// rule is what is wrong with the object; empty when nothing is.
	rule   string
	object map[string]any
}

const brokenRule = "network-annotation-invalid"

var networksResource = schema.GroupVersionResource{Group: "k8s.cni.cncf.io", Version: "v1", Resource: "network-attachment-definitions"}

// trials are one of each kind that the webhook is asked about. The annotation is a list that
// ends too early, which no setting of a cluster makes right.
func trials() []trial {
	broken := map[string]any{"k8s.v1.cni.cncf.io/networks": "["}
	labels := map[string]any{"app.kubernetes.io/name": "macvlan-webhook-status"}
	core := schema.GroupVersion{Version: "v1"}
	return []trial{
		{check: "pod without networks", resource: core.WithResource("pods"), object: map[string]any{
			"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"labels": labels}, "spec": podSpec(),
		}},
		{check: "pod with a broken annotation", resource: core.WithResource("pods"), rule: brokenRule, object: map[string]any{
			"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"labels": labels, "annotations": broken}, "spec": podSpec(),
		}},
		{check: "Deployment with a broken annotation", resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, rule: brokenRule, object: map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"labels": labels},
			"spec": map[string]any{
				"replicas": int64(0), "selector": map[string]any{"matchLabels": labels},
				"template": map[string]any{"metadata": map[string]any{"labels": labels, "annotations": broken}, "spec": podSpec()},
			},
		}},
		{check: "broken NetworkAttachmentDefinition", resource: networksResource, rule: "nad-config-invalid", object: map[string]any{
			"apiVersion": networksResource.GroupVersion().String(), "kind": "NetworkAttachmentDefinition", "metadata": map[string]any{"labels": labels},
			"spec": map[string]any{"config": "{"},
		}},
	}
}

// podSpec is one that Pod Security's strictest level takes, and that has the requests and
// limits which a quota may ask for.
func podSpec() map[string]any {
	resources := map[string]any{"cpu": "1m", "memory": "8Mi"}
	return map[string]any{
		"automountServiceAccountToken": false,
		"securityContext":              map[string]any{"runAsNonRoot": true, "runAsUser": int64(65532), "seccompProfile": map[string]any{"type": "RuntimeDefault"}},
		"containers": []any{map[string]any{
			"name": "never-started", "image": "registry.k8s.io/pause:3.10",
			"resources":       map[string]any{"requests": resources, "limits": resources},
			"securityContext": map[string]any{"allowPrivilegeEscalation": false, "capabilities": map[string]any{"drop": []any{"ALL"}}},
		}},
	}
}

// answer is what the API server said to a trial.
type answer struct {
	err      error
	warnings []string
	// refusedBy and failedAt are names of webhooks: one that refused the object, one that
	// could not be called.
	refusedBy, failedAt string
}

// What the API server says about webhooks, in messages that name them.
var (
	deniedRequest = regexp.MustCompile(`admission webhook "([^"]+)" denied the request`)
	failedCalling = regexp.MustCompile(`failed calling webhook "([^"]+)"`)
)

func (c *Checker) create(ctx context.Context, t *trial, namespace string) answer {
	ctx, cancel := c.request(ctx)
	defer cancel()
	object := &unstructured.Unstructured{Object: t.object}
	object.SetGenerateName("macvlan-webhook-status-")
	c.warnings.take()
	_, err := c.objects.Resource(t.resource).Namespace(namespace).Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	a := answer{warnings: c.warnings.take()}
	if err == nil {
		return a
	}
	a.err = c.late(err)
	if found := deniedRequest.FindStringSubmatch(err.Error()); found != nil {
		a.refusedBy = found[1]
	} else if found := failedCalling.FindStringSubmatch(err.Error()); found != nil {
		a.failedAt = found[1]
	}
	return a
}

// calls are what became of the calls to webhooks, by their names.
type calls struct {
	answered map[string]bool
	failed   map[string]string
}

// tries are the trials' lines, and the calls behind them.
type tries struct {
	lines  []Line
	called calls
}

// try creates each of the trials.
func (c *Checker) try(ctx context.Context, at *place, validating, mutating *configuration) *tries {
	t := &tries{called: calls{answered: map[string]bool{}, failed: map[string]string{}}}
	if at.note != "" {
		t.lines = append(t.lines, Line{Check: "namespace", State: Note, Message: at.note})
	}
	for _, one := range trials() {
		if one.rule == "" {
			t.lines = append(t.lines, plainLine(&one, c.create(ctx, &one, at.name), at, validating, mutating))
			continue
		}
		entry := validating.covering(one.resource.Group, one.resource.Resource)
		known := validating.err == nil
		if known && entry == nil {
			t.lines = append(t.lines, Line{Check: one.check, State: Note, Message: "not tried: no webhook of the configuration is asked about these"})
			continue
		}
		if known && !entry.selects(at.labels) {
			t.lines = append(t.lines, Line{Check: one.check, State: Unknown, lasting: true,
				Message: fmt.Sprintf("not tried: the namespaceSelector of %s leaves out namespace %s", entry.name, quote.Value(at.name)),
				Remedy:  "name a namespace that it selects with -n"})
			continue
		}
		a := c.create(ctx, &one, at.name)
		line := t.judge(&one, entry, a, at, validating, mutating)
		t.lines = append(t.lines, line)
		if one.resource.Resource == "pods" && len(mutating.entries) > 0 {
			t.lines = append(t.lines, t.mutated(mutating, at, line.State))
		}
	}
	return t
}

// plainLine is about a pod that is nobody's business here.
func plainLine(t *trial, a answer, at *place, configurations ...*configuration) Line {
	where := fmt.Sprintf("created as a dry run in namespace %s", quote.Value(at.name))
	ours := func(name string) bool {
		return name != "" && slices.ContainsFunc(configurations, func(c *configuration) bool { return c.names(name) })
	}
	switch erring := a.erring(configurations...); {
	case a.err == nil:
		return Line{Check: t.check, State: OK, Message: where + ": such pods do not depend on the webhook"}
	case erring != "":
		return erringLine(t.check, a, erring)
	case ours(a.failedAt) || ours(a.refusedBy):
		return Line{Check: t.check, State: Problem, Message: a.err.Error(), Remedy: "compare matchConditions of the configuration with the manifests: such pods are not to be sent at all"}
	default:
		l := notTried(t, a, at)
		// Whether the webhook works shows in the others.
		l.State = Note
		return l
	}
}

// erring is the name of a webhook one of whose matchConditions could not be evaluated; empty
// when that is not what refused the object.
func (a *answer) erring(configurations ...*configuration) string {
	if a.err == nil {
		return ""
	}
	for _, c := range configurations {
		if name := c.erring(a.err.Error()); name != "" {
			return name
		}
	}
	return ""
}

func erringLine(check string, a answer, webhook string) Line {
	return Line{Check: check, State: Problem, Message: a.err.Error(),
		Remedy: fmt.Sprintf("matchConditions of %s are not those of the manifests: apply them (kubectl apply -k)", webhook)}
}

// notTried is for an object that the webhook has not been seen to judge, because something
// else refused it first.
func notTried(t *trial, a answer, at *place) Line {
	l := Line{Check: t.check, State: Unknown, Message: a.err.Error()}
	switch {
	case strings.Contains(a.err.Error(), " cannot create resource "):
		l.lasting = true
		l.Remedy = fmt.Sprintf("name a namespace with -n in which you may create %s, or ask somebody who may", t.resource.GroupResource())
	case apierrors.IsForbidden(a.err) || apierrors.IsInvalid(a.err) || a.refusedBy != "" || a.failedAt != "":
		l.lasting = true
		l.Message = fmt.Sprintf("not tried, since something other than this webhook refuses it in namespace %s: %v", quote.Value(at.name), a.err)
		l.Remedy = "name another namespace with -n"
	}
	return l
}

// judge words the answer to an object that the webhook should refuse, or warn of.
func (t *tries) judge(one *trial, e *entry, a answer, at *place, validating, mutating *configuration) Line {
	check := one.check
	warned := slices.ContainsFunc(a.warnings, func(w string) bool { return strings.Contains(w, one.rule) })
	known := validating.err == nil && mutating.err == nil
	ours := func(name string) bool {
		return validating.names(name) || mutating.names(name) || !known && strings.HasSuffix(name, ".macvlan-webhook.io")
	}
	switch {
	case a.refusedBy != "" && ours(a.refusedBy) && strings.Contains(a.err.Error(), "["+one.rule+"]"):
		t.called.answered[a.refusedBy] = true
		return Line{Check: check, State: OK, Message: fmt.Sprintf("refused by %s in namespace %s, as it should be", a.refusedBy, quote.Value(at.name))}
	case a.refusedBy != "" && ours(a.refusedBy):
		t.called.answered[a.refusedBy] = true
		return Line{Check: check, State: Problem, Message: "the webhook answers, but cannot judge: " + a.err.Error(), Remedy: advice(a.err.Error())}
	case a.failedAt != "" && ours(a.failedAt):
		t.called.failed[a.failedAt] = a.err.Error()
		if mutating.names(a.failedAt) {
			// What it says stands in the mutating webhook's own line.
			return Line{Check: check, State: Problem, Message: "refused unchecked, since " + a.failedAt + " does not answer"}
		}
		return Line{Check: check, State: Problem, Message: a.err.Error(), Remedy: advice(a.err.Error())}
	case a.erring(validating, mutating) != "":
		return erringLine(check, a, a.erring(validating, mutating))
	case apierrors.IsNotFound(a.err) && one.resource == networksResource:
		return Line{Check: check, State: Note, Message: "not tried: Multus is not installed here (there is no NetworkAttachmentDefinition)"}
	case a.err != nil:
		return notTried(one, a, at)
	case warned:
		if e != nil {
			t.called.answered[e.name] = true
		}
		return Line{Check: check, State: OK, Message: fmt.Sprintf("warned of in namespace %s, and let through, as its mode or the configuration has it", quote.Value(at.name))}
	case at.off() && one.resource != networksResource:
		return Line{Check: check, State: Unknown, lasting: true,
			Message: fmt.Sprintf("not tried: namespace %s has the label %s=%s", quote.Value(at.name), verdict.ModeLabel, verdict.ModeOff),
			Remedy:  "name another namespace with -n"}
	case e != nil && e.failurePolicy == admissionv1.Ignore:
		return Line{Check: check, State: Problem, Message: "let through without a word: " + e.name + " was not answered, which failurePolicy Ignore hides",
			Remedy: "see the lines about replicas and caBundle; if these are well, whether the configuration turns " + one.rule + " off or exempts you or the namespace"}
	default:
		return Line{Check: check, State: Unknown, lasting: true, Message: "let through without a word",
			Remedy: "see whether the configuration turns " + one.rule + " off, or exempts you or the namespace; otherwise the configurations are not those of the manifests"}
	}
}

// mutated is the line about the webhook that fills in default pools: it is called for the pod
// with the broken annotation, before the validating one is. State is that pod's.
func (t *tries) mutated(mutating *configuration, at *place, state State) Line {
	e := mutating.covering("", "pods")
	const check = "default pools"
	switch {
	case e == nil:
		return Line{Check: check, State: Note, Message: "no webhook of the mutating configuration is asked about pods"}
	case t.called.failed[e.name] != "":
		return Line{Check: check, State: Problem, Message: t.called.failed[e.name], Remedy: advice(t.called.failed[e.name])}
	case !e.selects(at.labels):
		return Line{Check: check, State: Note, Message: fmt.Sprintf("not tried: the namespaceSelector of %s leaves out namespace %s", e.name, quote.Value(at.name))}
	case e.failurePolicy != admissionv1.Fail:
		return Line{Check: check, State: Note, Message: "with failurePolicy Ignore the API server does not tell whether " + e.name + " answered"}
	case state == OK:
		t.called.answered[e.name] = true
		return Line{Check: check, State: OK, Message: e.name + " answered for the pod with a broken annotation"}
	default:
		return Line{Check: check, State: Note, Message: "not tried: it shows with a pod that is refused or warned of"}
	}
}
