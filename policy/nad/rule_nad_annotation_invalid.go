package nad

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// maxVLAN is the highest VLAN that a switch takes: 4095 is reserved (IEEE 802.1Q).
const maxVLAN = 4094

var ruleNADAnnotationInvalid = Rule{
	ID:      "nad-annotation-invalid",
	Default: verdict.Deny,
	Check: func(n *view) []verdict.Finding {
		var found verdict.Collector
		if value := n.source.Annotations[cniconf.InstanceTypeAnnotation]; value != "" && !cniconf.KnownInstanceType(value) {
			found.Add(true, func() verdict.Finding {
				return verdict.Finding{
					Place:   object.AtAnnotation(cniconf.InstanceTypeAnnotation, 0),
					Message: fmt.Sprintf("the type %s is unknown, so it does not define the role of the network", quote.Value(value)),
					Remedy:  "write macvlan_underlay for a network with routes of its own, macvlan_overlay for one beside the cluster's own network, or remove the annotation",
				}
			})
		}
		if value := n.source.Annotations[coexistTypesAnnotation]; value != "" {
			if problem, at := listFault(value); problem != "" {
				found.Add(false, func() verdict.Finding {
					return verdict.Finding{
						Place:   object.AtAnnotation(coexistTypesAnnotation, at),
						Message: "the value " + quote.Value(value) + " " + problem + "; accepted: a list of strings in JSON",
						Remedy:  `write a list such as ["default","macvlan_overlay"]`,
					}
				})
			}
		}
		if value := n.source.Annotations[vlanIDAnnotation]; value != "" {
			number := strings.TrimSpace(value)
			switch id, err := strconv.Atoi(number); {
			case err != nil || id < 0 || id > maxVLAN:
				found.Add(false, func() verdict.Finding {
					return verdict.Finding{
						Place:   object.AtAnnotation(vlanIDAnnotation, 0),
						Message: fmt.Sprintf("%s is not a VLAN ID; accepted: a number from 0 (none) to %d", quote.Value(value), maxVLAN),
						Remedy:  "write the number of the VLAN that the master carries, or \"0\" for none",
					}
				})
			case number != value:
				found.Add(true, func() verdict.Finding {
					return verdict.Finding{
						Place:   object.AtAnnotation(vlanIDAnnotation, 0),
						Message: fmt.Sprintf("%s has spaces around the number, which not every reader accepts", quote.Value(value)),
						Remedy:  fmt.Sprintf("write %q", number),
					}
				})
			}
		}
		if value, ok := n.source.Annotations[DefaultPoolsAnnotation]; ok {
			faults := defaultPoolFaults(value)
			for i := range faults {
				found.AddOf(false, faults[i].More, func() verdict.Finding {
					return verdict.Finding{
						Place:   object.AtAnnotation(DefaultPoolsAnnotation, faults[i].Offset),
						Message: faults[i].Message(),
						Remedy:  `name the pools as in {"ipv4":["pool-a"],"ipv6":["pool-b"]}`,
					}
				})
			}
		}
		return found.List()
	},
}

// listFault says why a text is no list of strings in JSON, and where.
func listFault(text string) (problem string, at int) {
	var list []any
	if json.Unmarshal([]byte(text), &list) != nil || list == nil {
		return "is not a list in JSON", cniconf.LocateFault(text)
	}
	for i, member := range list {
		if _, ok := member.(string); !ok {
			return fmt.Sprintf("has no string as element %d", i+1), cniconf.Locate(text, i)
		}
	}
	return "", 0
}
