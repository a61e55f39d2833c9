package flatnetwork

import (
	"encoding/json"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
)

func TestCompileRecord(t *testing.T) {
	const pod = `{"apiVersion":"v1","kind":"Pod","name":"web-0","uid":"p"}`
	const metadata = `"metadata":{"namespace":"shop","name":"web-0","uid":"r","ownerReferences":[` + pod + `]}`
	owner := Owner{"v1", "Pod", "web-0", "p"}
	ips := func(texts ...string) (out []netip.Addr) {
		for _, text := range texts {
			out = append(out, netip.MustParseAddr(text))
		}
		return out
	}
	macs := []mac.Address{{2, 0, 0, 0, 0, 1}}
	tests := []struct {
		title  string
		object string
		want   Record
	}{
		{"V1", `{` + metadata + `,"spec":{"subnet":"a","podId":"p","cidr":"10.0.0.5/24","mac":"02:00:00:00:00:01"}}`,
			Record{V1, "shop", "web-0", "r", "p", SubnetReference{V1, "a"}, owner, ips("10.0.0.5"), macs}},
		{"V1 without a MAC", `{` + metadata + `,"spec":{"subnet":"a","cidr":"10.0.0.5/24","mac":""}}`,
			Record{V1, "shop", "web-0", "r", "", SubnetReference{V1, "a"}, owner, ips("10.0.0.5"), nil}},
		{"V1 unreadable", `{` + metadata + `,"spec":{"subnet":"a","cidr":"auto","mac":"x"},"status":{"addr":"10.0.0.5","mac":"02:00:00:00:00:01"}}`,
			Record{V1, "shop", "web-0", "r", "", SubnetReference{V1, "a"}, owner, nil, nil}},
		{"V1 of a StatefulSet", `{"metadata":{"ownerReferences":[{"kind":"ConfigMap","name":"b"},{"apiVersion":"apps/v1","kind":"StatefulSet","name":"web","uid":"s","controller":true}]}}`,
			Record{Generation: V1, Subnet: SubnetReference{V1, ""}, Owner: Owner{"apps/v1", "StatefulSet", "web", "s"}}},
		{"V1 of two, neither of which controls it", `{"metadata":{"ownerReferences":[` + pod + `,` + pod + `]}}`,
			Record{Generation: V1, Subnet: SubnetReference{V1, ""}}},
		{"V2", `{` + metadata + `,"spec":{"subnet":"a","podId":"p","addrs":["10.0.0.5","10.0.0.6"],"macs":["02:00:00:00:00:02"]},"status":{"phase":"Active","addr":"10.0.0.6","mac":"02-00-00-00-00-01"}}`,
			Record{V2, "shop", "web-0", "r", "p", SubnetReference{V2, "a"}, owner, ips("10.0.0.6"), macs}},
		{"V2 pending", `{` + metadata + `,"spec":{"subnet":"a","podId":"p","addrs":["10.0.0.5"],"macs":null},"status":{"phase":"Pending","addr":null}}`,
			Record{V2, "shop", "web-0", "r", "p", SubnetReference{V2, "a"}, owner, nil, nil}},
		{"V2 of IPv6", `{"spec":{"subnet":"a"},"status":{"addr":"fd00::5"}}`,
			Record{Generation: V2, Subnet: SubnetReference{V2, "a"}, IPs: ips("fd00::5")}},
	}
	for _, tt := range tests {
		got, err := CompileRecord(tt.want.Generation, []byte(tt.object))
		if err != nil {
			t.Errorf("%s: %v", tt.title, err)
			continue
		}
		if diff := cmp.Diff(&tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.title, diff)
		}
	}
	_, err := CompileRecord(V2, []byte(`{"status":{"addr":["10.0.0.5"]}}`))
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) || wrong.Field != "status.addr" {
		t.Errorf("error %v, want one at status.addr", err)
	}
}
