package ipam

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
)

// TestRoom: how many interfaces can have an address at once. What is handed out is held against
// whereabouts itself by test/node/whereabouts.
func TestRoom(t *testing.T) {
	for fields, want := range map[string]int{
		`"range":"10.0.0.0/24"`:          254,
		`"range":"10.0.0.0/30"`:          2,
		`"range":"10.0.0.5-10.0.0.9/24"`: 5,
		`"range":"10.0.0.0/24","exclude":["10.0.0.0/25","10.0.0.128/26"]`: 63,
		`"range":"10.0.0.0/16","exclude":["10.0.0.1"]`:                    65533,
		`"range":"10.0.0.250-10.0.1.5/23"`:                                12,
		`"range":"10.0.0.0/24","ipRanges":[{"range":"fd00::/126"}]`:       2,
		`"range":"fd00::/64"`:                                             mostCounted,
		`"range":"fd00::ffff-fd00::1:0/64"`:                               2,
		`"range":"0.0.0.0/0"`:                                             mostCounted,
		`"range":"10.0.0.0/24","addresses":[{"address":"10.9.0.7/16"}]`:   254,
		`"addresses":[{"address":"10.9.0.7/16"}]`:                         -1,
		`"range":"10.0.0.0/24","node_slice_size":"/28"`:                   -1,
		`"range":"10.0.0.0/24","ipRanges":[{"range":"x"}]`:                -1,
		`"gateway":"10.0.0.1"`:                                            -1,
	} {
		if got := compileWhereabouts(fields).Room(); got != want {
			t.Errorf("%s: room for %d, want %d", fields, got, want)
		}
	}
}

// However much is wrong, a bounded number of flaws is kept, and among them one that fails all
// pods.
func TestManyFlaws(t *testing.T) {
	elements := []string{}
	for range 100 {
		elements = append(elements, `{"range":"10.0.0.9/24"}`)
	}
	p := compileWhereabouts(`"range":"10.0.0.5/24","ipRanges":[` + strings.Join(elements, ",") + `]`)
	flaws, failing := p.Flaws(), 0
	for _, f := range flaws {
		if f.Effect == flaw.FailsAll {
			failing++
		}
	}
	if len(flaws) > mostFlaws+1 || failing == 0 {
		t.Errorf("%d flaws, of which %d fail all pods", len(flaws), failing)
	}
}

func compileWhereabouts(fields string) Plugin {
	return Compile(Source{Type: "whereabouts", Caller: "macvlan", Main: []byte(`{"ipam":{` + fields + `}}`), CNIVersion: "1.0.0"})
}
