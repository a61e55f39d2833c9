package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Kubernetes' own limit (LabelValueMaxLength in apimachinery). The API server refuses
// such a label after mutating admission and before validating admission, so that both
// of our webhooks look.
var ruleLabelValueTooLong = Rule{
	ID:      "label-value-too-long",
	Title:   "A label value has more than 63 bytes",
	Group:   groupAddresses,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Kubernetes takes label values of up to 63 bytes, not 253. A list of addresses does not belong into a label: put it into an annotation.\n\n" +
		"The controllers of Rancher's flat network write the name of the subnet into a label of the pod, so that a longer name fails the pod. Warnings are what Rancher makes of a workload's " +
		"name: the label `workload.user.cattle.io/workloadselector`, which is `apps.KIND-NAMESPACE-NAME` and by which V2 looks for the workload's own addresses, " +
		"and the Service that the controller makes beside that of the workload, with `-macvlan` (V1) or `-flat-network` (V2) behind the name.",
	Remedy: "Shorten the value, or move it to an annotation.",
	Wrong: "metadata:\n  labels:\n    addresses: 10.30.0.121-10.30.0.122-10.30.0.123-10.30.0.124-10.30.0.125-10.30.0.126\n" +
		"  annotations:\n    k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0\n",
	Right: "metadata:\n  labels:\n    addresses: 10.30.0.121-10.30.0.122\n" +
		"  annotations:\n    k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0\n",
	check: func(p *Pod) []Finding {
		found := findings{kept: p.longLabels()}
		p.flatFaults(&found, flatnetwork.ProblemLabel)
		for _, r := range p.flat {
			if !r.inert() {
				p.derivedNames(&found, r.Generation)
			}
		}
		return found.list()
	},
}

// derivedNames adds what is made of a workload's name where the flat network serves its
// pods, and is longer than it may be.
func (p *Pod) derivedNames(found *findings, g flatnetwork.Generation) {
	s := p.Subject
	if !s.Template() || strings.HasSuffix(s.Name, "*") {
		return
	}
	kind := strings.ToLower(s.Kind)
	if label := "apps." + kind + "-" + s.Namespace + "-" + s.Name; s.APIVersion == "apps/v1" && len(label) > validation.LabelValueMaxLength {
		found.add(true, func() Finding {
			return Finding{
				Field: "metadata.name", OfObject: true,
				Message: fmt.Sprintf("Rancher makes the label value %s of this name, which has %d bytes, and Kubernetes takes up to %d", quote.Value(label), len(label), validation.LabelValueMaxLength),
				Remedy:  shorterName(len(s.Name) - len(label) + validation.LabelValueMaxLength),
			}
		})
	}
	if service := s.Name + g.ServiceSuffix(); len(service) > validation.DNS1123LabelMaxLength {
		found.add(true, func() Finding {
			return Finding{
				Field: "metadata.name", OfObject: true,
				Message: fmt.Sprintf("a Service of this name gets another one beside it, %s, which has %d characters, and a Service may have %d", quote.Value(service), len(service), validation.DNS1123LabelMaxLength),
				Remedy:  fmt.Sprintf("shorten the name to %d characters, where a Service has the workload's name", validation.DNS1123LabelMaxLength-len(g.ServiceSuffix())),
			}
		})
	}
}

// shorterName says what to do about a label that is made of a workload's namespace and
// name, given how long the name may be.
func shorterName(length int) string {
	if length < 1 {
		return "choose a namespace with a shorter name, where Rancher manages the workload"
	}
	return fmt.Sprintf("shorten the name to %d characters, where Rancher manages the workload", length)
}

// longLabels are the findings about labels that the pod itself has.
func (p *Pod) longLabels() []Finding {
	var found findings
	for _, key := range slices.Sorted(maps.Keys(p.Subject.Labels)) {
		value := p.Subject.Labels[key]
		if len(value) <= validation.LabelValueMaxLength {
			continue
		}
		found.add(false, func() Finding {
			return Finding{
				Label: key,
				Message: fmt.Sprintf("the value %s of label %s has %d bytes, and Kubernetes takes label values of up to %d", quote.Value(value), quote.Value(key),
					len(value), validation.LabelValueMaxLength),
				Remedy: "shorten it, or put it into an annotation: lists of addresses are read from annotations only",
			}
		})
	}
	return found.list()
}

// HasLongLabel says whether a label of the pod is longer than Kubernetes takes, which
// has to be said in mutating admission: afterwards the API server says it in its own
// words.
func (s *Subject) HasLongLabel() bool {
	for _, value := range s.Labels {
		if len(value) > validation.LabelValueMaxLength {
			return true
		}
	}
	return false
}

// JudgeLabels gives the verdict on the subject's labels alone, which rests on nothing
// that an inventory would have to tell. Modes do not count: the API server refuses the
// object in any namespace.
func JudgeLabels(s *Subject, c *Config) Verdict {
	p := Parse(s, c)
	if p.exempt != "" {
		return Verdict{Exempt: p.exempt}
	}
	var v Verdict
	v.report(&ruleLabelValueTooLong, c, p.longLabels(), s.path)
	return v
}
