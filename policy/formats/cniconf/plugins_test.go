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
