package rules

import (
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Multus decodes the elements without asking for known fields only
// (parsePodNetworkAnnotation in pkg/k8sclient/k8sclient.go), so the pod starts without what
// the field asked for.
var ruleNetworkAnnotationUnknownField = pod.Rule{
	ID:      "network-annotation-unknown-field",
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
		if len(p.Interfaces()) == 0 {
			return nil
		}
		var found []verdict.Finding
		for _, key := range []string{multus.DefaultNetworkAnnotation, multus.NetworksAnnotation} {
			// What is too large to be checked is not searched either.
			value := p.Subject.Annotations[key]
			if len(value) > pod.MaxAnnotationBytes {
				continue
			}
			var of verdict.Collector
			for _, k := range multus.UnreadKeys(value) {
				of.Add(false, func() verdict.Finding {
					message, remedy := unreadKey(p, key, &k)
					return verdict.Finding{Place: object.AtAnnotation(key, k.Offset), Message: message, Remedy: remedy}
				})
			}
			found = append(found, of.List()...)
		}
		return found
	},
}

// unreadKey says what is lost with a key, and what to write for it.
func unreadKey(p *pod.View, annotation string, k *multus.UnreadKey) (message, remedy string) {
	message = "key " + quote.Value(k.Key) + " "
	if k.In != "" {
		message += "in " + quote.Value(k.In) + " "
	}
	message += "of " + elementOf(p, annotation, k.Element)
	meant := `"` + k.Meant + `"`
	switch {
	case k.Outdated:
		return message + " is the old name of " + meant + ": Multus 4.3.0 still reads it, and others that read the annotation do not", "write " + meant
	case k.Meant == "default-route":
		return message + " is ignored: Multus knows no such key; accepted: " + meant,
			"write " + meant + ", with " + k.Want + ", which makes the network the pod's default route, or remove the key"
	case k.Meant != "" && k.Want != "":
		return message + " is ignored: Multus knows no such key; accepted: " + meant, "write " + meant + ", with " + k.Want + ", or remove the key"
	case k.Meant != "":
		return message + " is ignored: Multus knows no such key; accepted: " + meant, "write " + meant + ", or remove the key"
	case k.OfConfig:
		return message + " is ignored: Multus reads it only in the configuration of a network",
			"write it in spec.config of the NetworkAttachmentDefinition, or remove the key"
	default:
		return message + ` is ignored: Multus knows no such key; accepted: "` + strings.Join(k.Known, `", "`) + `"`, "remove the key"
	}
}
