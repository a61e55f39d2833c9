package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// However much is wrong with a pod, the answer has an end: it names each rule, and says how
// much more there is. The log and the metrics are of all that was found.
func TestAnswerToAPodThatIsAllWrong(t *testing.T) {
	const elements = 126
	var list []string
	for i := range elements {
		list = append(list, fmt.Sprintf(`{"name":"A_b-%0400d","namespace":"-","interface":"a%%b","mac":"zz","infiniband-guid":"y"}`, i))
	}
	value, err := json.Marshal("[" + strings.Join(list, ",") + "]")
	if err != nil {
		t.Fatal(err)
	}
	var logs strings.Builder
	url, registry := serve(t, fixtureNetworks(t), config.Default(), &logs, time.Minute)
	r := ask(t, url+"/validate", request(`"k8s.v1.cni.cncf.io/networks":`+string(value), "jane"))
	encoded, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if r.Allowed || len(r.Result.Details.Causes) > verdict.MostFindings || len(encoded) > 64<<10 || len(r.Result.Message) > 32<<10 {
		t.Errorf("allowed %t, %d causes, a message of %d bytes in an answer of %d", r.Allowed, len(r.Result.Details.Causes), len(r.Result.Message), len(encoded))
	}
	for _, rule := range []string{"network-annotation-invalid", "interface-name-invalid", "interface-name-conflict", "mac-request-invalid", "guid-request-invalid"} {
		if !strings.Contains(r.Result.Message, "["+rule+"] ") || !strings.Contains(logs.String(), rule) {
			t.Errorf("%s is missing in the message or in the log", rule)
		}
	}
	if !strings.Contains(r.Result.Message, " more of the kind)") {
		t.Errorf("it does not say that there is more:\n%s", r.Result.Message)
	}
	const metric = `
# HELP macvlan_webhook_verdicts_total Findings, by rule and action.
# TYPE macvlan_webhook_verdicts_total counter
`
	var want strings.Builder
	want.WriteString(metric)
	for _, rule := range []string{"guid-request-invalid", "interface-name-conflict", "interface-name-invalid", "mac-request-invalid", "network-annotation-invalid", "too-many-address-pairs"} {
		n := elements
		switch rule {
		case "interface-name-conflict":
			n-- // of equal names the first has a right to it
		case "network-annotation-invalid":
			n *= 2 // the name and the namespace
		case "too-many-address-pairs":
			n = 1
		}
		fmt.Fprintf(&want, "macvlan_webhook_verdicts_total{action=\"deny\",rule=%q} %d\n", rule, n)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want.String()), "macvlan_webhook_verdicts_total"); err != nil {
		t.Error(err)
	}
}

// BenchmarkAnswer is the answer to such a pod over HTTP.
func BenchmarkAnswer(b *testing.B) {
	element := `{"name":"A_b","namespace":"-","interface":"a%b","mac":"zz","infiniband-guid":"y"},`
	value, err := json.Marshal("[" + strings.Repeat(element, 125) + element[:len(element)-1] + "]")
	if err != nil {
		b.Fatal(err)
	}
	url, _ := serve(b, fixtureNetworks(b), config.Default(), io.Discard, time.Minute)
	body := request(`"k8s.v1.cni.cncf.io/networks":`+string(value), "jane")
	b.ReportAllocs()
	for b.Loop() {
		if r := ask(b, url+"/validate", body); r.Allowed {
			b.Fatal("it is allowed")
		}
	}
}
