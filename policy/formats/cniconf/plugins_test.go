package cniconf

import (
	"slices"
	"testing"
)

// A value of a wrong type is named with its sysctl, and each of them.
func TestSysctlsOfOtherTypes(t *testing.T) {
	tests := []struct {
		sysctl string
		want   []string
	}{
		{`{"net.core.somaxconn":500,"net.ipv4.ip_forward":"1"}`, []string{
			`the plugin tuning cannot read the sysctl "net.core.somaxconn": it is a number and must be a string`, "write it in quotes"}},
		{`{"net.a":true,"net.b":["1"]}`, []string{
			`the plugin tuning cannot read the sysctl "net.a": it is true or false and must be a string`, "write it in quotes",
			`the plugin tuning cannot read the sysctl "net.b": it is an array and must be a string`, "write the value as a text"}},
		{`["net.a"]`, []string{
			`the plugin tuning cannot read its configuration: "sysctl" is an array and must be an object`, "correct the value, or remove it"}},
	}
	for _, tt := range tests {
		n := Compile(Source{Config: `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan"},{"type":"tuning","sysctl":` + tt.sysctl + `}]}`})
		var got []string
		for _, f := range n.Flaws() {
			got = append(got, f.Text, f.Want)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q\nwant %q", tt.sysctl, got, tt.want)
		}
	}
}

// The kernel refuses a route only where it gets it: not of devices that a program drives, and
// not of plugins that are not known.
func TestRoutesThatTheKernelGets(t *testing.T) {
	const routes = `"ipam":{"type":"host-local","subnet":"10.1.0.0/24","routes":[{"dst":"10.5.0.0/16","gw":"10.9.0.1"}]}`
	for _, tt := range []struct {
		main, resource string
		flaws          int
	}{
		{`"type":"macvlan"`, "", 1},
		{`"type":"bridge"`, "", 1},
		{`"type":"host-device","device":"eth1"`, "", 1},
		{`"type":"host-device","pciBusID":"0000:3b:00.1"`, "", 0},
		{`"type":"host-device"`, "example.com/nic", 0},
		{`"type":"sriov"`, "example.com/nic", 0},
	} {
		s := Source{Config: `{"cniVersion":"0.3.1",` + tt.main + `,` + routes + `}`}
		if tt.resource != "" {
			s.Annotations = map[string]string{ResourceNameAnnotation: tt.resource}
		}
		n := Compile(s)
		if len(n.Flaws()) != tt.flaws {
			t.Errorf("%s: %+v, want %d flaws", tt.main, n.Flaws(), tt.flaws)
		}
		if tt.flaws == 0 && len(n.RouteFaults(&Ask{})) > 0 {
			t.Errorf("%s: %+v", tt.main, n.RouteFaults(&Ask{}))
		}
	}
}
