package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The pod webhook of Spiderpool overwrites the annotation
// (pkg/podmanager/utils.go).
var ruleResourceInjectOverridesNetworks = pod.Rule{
	ID:      "resource-inject-overrides-networks",
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
		key, value := p.ResourceInject()
		if _, there := p.Subject.Annotations[multus.NetworksAnnotation]; key == "" || !there || len(p.Interfaces()) == 0 || p.NetworksInjected() {
			return nil
		}
		where := "the pod's"
		if _, own := p.Subject.Annotations[key]; !own {
			where = "the namespace's"
		}
		return []verdict.Finding{{
			Place: object.AtAnnotation(multus.NetworksAnnotation, 0),
			Message: "with " + where + " annotation " + key + " (" + quote.Value(value) +
				") Spiderpool writes the networks itself, and replaces a list written by hand",
			Remedy: "remove " + multus.NetworksAnnotation + ", or " + key,
		}}
	},
}
