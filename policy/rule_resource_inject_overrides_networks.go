package policy

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// The pod webhook of Spiderpool overwrites the annotation
// (pkg/podmanager/utils.go).
var ruleResourceInjectOverridesNetworks = podRule{
	ID:      "resource-inject-overrides-networks",
	Default: Warn,
	Check: func(p *View) []Finding {
		key, value := p.ResourceInject()
		if _, there := p.Subject.Annotations[multus.NetworksAnnotation]; key == "" || !there || len(p.Interfaces()) == 0 || p.NetworksInjected() {
			return nil
		}
		where := "the pod's"
		if _, own := p.Subject.Annotations[key]; !own {
			where = "the namespace's"
		}
		return []Finding{{
			Place: AtAnnotation(multus.NetworksAnnotation, 0),
			Message: "with " + where + " annotation " + key + " (" + quote.Value(value) +
				") Spiderpool writes the networks itself: a list written by hand is replaced",
			Remedy: "leave out " + multus.NetworksAnnotation + ", or " + key,
		}}
	},
}
