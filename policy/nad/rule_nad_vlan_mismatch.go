package nad

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// 0 is what the chart writes when nobody names a VLAN, and a master without a suffix
// may be in any VLAN by the port of the switch: neither proves anything.
var ruleNADVLANMismatch = Rule{
	ID:      "nad-vlan-mismatch",
	Default: verdict.Warn,
	Check: func(n *view) []verdict.Finding {
		m := n.compiled.Macvlan
		if m == nil {
			return nil
		}
		said, made := vlan(n.source.Annotations[vlanIDAnnotation]), vlan(m.Master[strings.LastIndexByte(m.Master, '.')+1:])
		if said == 0 || made == 0 || said == made || !strings.Contains(m.Master, ".") {
			return nil
		}
		return []verdict.Finding{{
			Place:   object.AtAnnotation(vlanIDAnnotation, 0),
			Message: fmt.Sprintf("the annotation declares VLAN %d, but by its name master %s is in VLAN %d, and so are the pods", said, quote.Value(m.Master), made),
			Remedy:  fmt.Sprintf("write %q, or name the master of VLAN %d in spec.config", strconv.Itoa(made), said),
		}}
	},
}

// vlan is the number that a text names, 0 when it names no VLAN.
func vlan(text string) int {
	id, err := strconv.Atoi(text)
	if err != nil || id < 1 || id > maxVLAN {
		return 0
	}
	return id
}
