package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
)

func TestLimits(t *testing.T) {
	networks := func(n int) string {
		return strings.TrimSuffix(strings.Repeat("kube-system/router,", n), ",")
	}
	if got := ids(judge(t, DefaultConfig(), map[string]string{multus.NetworksAnnotation: networks(maxNetworks)})); got != "" {
		t.Errorf("%d networks: %q", maxNetworks, got)
	}
	for what, value := range map[string]string{
		"129 networks": networks(maxNetworks + 1),
		"65537 bytes":  strings.Repeat(" ", maxAnnotationBytes) + "a",
	} {
		v := judge(t, DefaultConfig(), map[string]string{multus.NetworksAnnotation: value})
		if got := ids(v); got != "deny network-annotation-invalid" || !strings.Contains(v.Findings[0].Message, "is too large to be judged: "+what) {
			t.Errorf("%s: %s", what, v.Explanation(Warn))
		}
	}
}

func TestManyFaultsOfOneKind(t *testing.T) {
	ips := strings.TrimSuffix(strings.Repeat(`"x",`, 1000), ",")
	v := judge(t, DefaultConfig(), map[string]string{multus.NetworksAnnotation: fmt.Sprintf(`[{"name":"router","namespace":"kube-system","ips":[%s],"mac":"zz"}]`, ips)})
	if n := len(v.Findings); n != maxFaults+1 {
		t.Errorf("%d findings", n)
	}
	if text := v.Explanation(Deny); !strings.Contains(text, "(and 980 more of the kind)") || !strings.Contains(text, "[mac-request-invalid]") {
		t.Errorf("%s", text)
	}
}

// The work for a hostile annotation grows with its length, not faster: with the
// square of it, this would not end.
func TestHostileAnnotations(t *testing.T) {
	for _, unit := range []string{`{"name":"a","interface":"lo"},`, `{"name":"a","default-route":["10.0.0.1","10.0.0.2"]},`, `null,`, `{"name":"a","ips":["x","x","x"]},`} {
		list := strings.TrimSuffix(strings.Repeat(unit, maxAnnotationBytes/len(unit)-1), ",")
		if v := judge(t, DefaultConfig(), map[string]string{multus.NetworksAnnotation: "[" + list + "]"}); v.Decision() != Deny {
			t.Errorf("%s: %s", unit, v.Decision())
		}
	}
	routes := strings.TrimSuffix(strings.Repeat(`"10.0.0.1",`, 5000), ",")
	if v := judge(t, DefaultConfig(), map[string]string{multus.NetworksAnnotation: `[{"name":"router","namespace":"kube-system","default-route":[` + routes + `]}]`}); ids(v) != "deny default-route-conflict" {
		t.Errorf("%s", ids(v))
	}
}
