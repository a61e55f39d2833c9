package pod

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Devices are found in whichever container has them, and of many no more are kept than any
// node has room for.
func TestDevices(t *testing.T) {
	many := make([]string, 2*maxDevices)
	for n := range many {
		many[n] = fmt.Sprintf(`"example.com/%d":"1"`, n)
	}
	for text, want := range map[string][]string{
		`{"containers":[{"resources":{"limits":{"cpu":"1","example.com/a":"1"}}},{"resources":{"limits":{"example.com/b":"1"}}}],"initContainers":[{"resources":{"limits":{"example.com/c":"1"}}}]}`: {"example.com/a", "example.com/b", "example.com/c"},
		`{"containers":[{},{"resources":{"requests":{"example.com/a":"1"}}}]}`:             nil,
		`{"containers":[{"resources":[]},{"resources":{"limits":{"example.com/a":"1"}}}]}`: {"example.com/a"},
		`{"containers":{},"initContainers":null}`:                                          nil,
	} {
		s, err := Decode("v1", "Pod", "a", []byte(`{"spec":`+text+`}`))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Devices, want) || s.DeviceClaims {
			t.Errorf("%s: %q, want %q", text, s.Devices, want)
		}
	}
	s, err := Decode("v1", "Pod", "a", []byte(`{"spec":{"resourceClaims":[{"name":"a"}],"containers":[{"resources":{"limits":{`+strings.Join(many, ",")+`}}}]}}`))
	if err != nil || len(s.Devices) != maxDevices || !s.DeviceClaims || len(s.Resources) != maxDevices {
		t.Errorf("%d devices, %v", len(s.Devices), err)
	}
}

// A pod has ended when its phase says so, a Job when a condition does, and what makes pods for
// as long as it exists never.
func TestEnded(t *testing.T) {
	for _, tt := range []struct {
		apiVersion, kind, status string
		want                     bool
	}{
		{"v1", "Pod", `{"phase":"Succeeded"}`, true},
		{"v1", "Pod", `{"phase":"Failed"}`, true},
		{"v1", "Pod", `{"phase":"Running"}`, false},
		{"v1", "Pod", `{"conditions":[{"type":"Complete","status":"True"}]}`, false},
		{"v1", "Pod", `{"phase":"Running","conditions":[{"type":"Failed","status":"True"}]}`, false},
		{"batch/v1", "Job", `{"conditions":[{"type":"Suspended","status":"True"},{"type":"Complete","status":"True"}]}`, true},
		{"batch/v1", "Job", `{"conditions":[{"type":"Failed","status":"True"}]}`, true},
		{"batch/v1", "Job", `{"conditions":[{"type":"Failed","status":"False"}]}`, false},
		{"batch/v1", "Job", `{"conditions":[{"type":"Suspended","status":"True"}]}`, false},
		{"batch/v1", "Job", `{"phase":"Failed"}`, false},
		{"apps/v1", "Deployment", `{"phase":"Failed","conditions":[{"type":"Complete","status":"True"}]}`, false},
	} {
		s, err := Decode(tt.apiVersion, tt.kind, "a", []byte(`{"status":`+tt.status+`}`))
		if err != nil || s.Ended != tt.want {
			t.Errorf("%s %s: ended %t, error %v", tt.kind, tt.status, s.Ended, err)
		}
	}
}
