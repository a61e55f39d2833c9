package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Multus hands a network the device that the kubelet gave to the pod for the network's
// resource (getKubernetesDelegate in its pkg/k8sclient/k8sclient.go), and none where the pod
// asked for none. Others add the request to pods while they are created, such as
// network-resources-injector, so that only what will be stored shows that nobody did.
var ruleResourceNotRequested = pod.Rule{
	ID:      "resource-not-requested",
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
		if s := p.Subject; !s.Final || s.Template() || s.DeviceClaims {
			return nil
		}
		var found verdict.Collector
		for n := range p.Interfaces() {
			i := &p.Interfaces()[n]
			if i.Element == nil || i.Network() == nil || !i.Network().NeedsDevice {
				continue
			}
			resource := i.Network().ResourceName
			if slices.Contains(p.Subject.Devices, resource) || namesDevice(p, i) {
				continue
			}
			found.Add(false, func() verdict.Finding {
				f := verdict.Finding{
					Place: object.AtAnnotation(i.Annotation, p.LocateNetwork(i)),
					Message: fmt.Sprintf("network %s hands out devices of the resource %s (its annotation %s), and no container of the pod has it in resources.limits: the plugin %s gets no device and fails",
						i.Label(), quote.Value(resource), cniconf.ResourceNameAnnotation, quote.Value(i.Network().Main())),
					Remedy: "request it in a container of the pod",
				}
				if len(resource) <= quote.Limit {
					f.Remedy += ":\n  resources: {limits: {" + quote.Value(resource) + `: "1"}}`
				}
				return f
			})
		}
		return found.List()
	},
}

// namesDevice says whether the annotation itself may name the device, in any case and with
// escapes.
func namesDevice(p *pod.View, i *pod.Interface) bool {
	value := p.Subject.Annotations[i.Annotation]
	return strings.ContainsRune(value, '\\') || strings.Contains(strings.ToLower(value), "deviceid")
}
