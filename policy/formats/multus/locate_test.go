package multus

import (
	"strings"
	"testing"
)

// TestLocate marks the expected place in each value with a ^ before it.
func TestLocate(t *testing.T) {
	tests := []struct {
		marked  string
		element int
		field   string
		index   int
	}{
		{"^a", 0, "", -1},
		{"^a", 0, "name", -1},
		{"^a, b", -1, "name", -1},
		{"^a, b", 2, "name", -1},
		{"a, ^b", 1, "", 0},
		{"a, ns / ^b @ x , c", 1, "name", -1},
		{"a, ^ns / b @ x , c", 1, "namespace", -1},
		{"a, ns / b @ ^x , c", 1, "interface", -1},
		{"a, ^ns / b , c", 1, "interface", -1},
		{"a, ^ns / b , c", 1, "mac", 0},
		{"a, ^ns / , c", 1, "name", -1},
		{"a,^ ,b", 1, "name", -1},
		{"a,^", 1, "name", -1},
		{` [ ^{"name":"a"}]`, 0, "", -1},
		{` [{"name":"a"}, {"name": ^"b"}]`, 1, "name", -1},
		{`^[{"name":"a"}]`, 1, "name", -1},
		{`[{"name":"a"}, ^null]`, 1, "name", -1},
		{`[{"name":"a"}, ^{"x":"b"}]`, 1, "name", -1},
		{`[^{"":"a","x":"b"}]`, 0, "", -1},
		{`[^{"":"a","x":"b"}]`, 0, "x", -1},
		{`[{"x":{"name":"a"},"y":["]}\""],"NAME" : ^"b"}]`, 0, "name", -1},
		{`[{"name":"a","n\u0061me":^"b","name":null}]`, 0, "name", -1},
		{`[{"interface":^"b","interfaceRequest":"c"}]`, 0, "interface", -1},
		{`[{"interface":"","interfaceRequest":^"c"}]`, 0, "interface", -1},
		{`[{"interface":null,"interfaceRequest":^"c"}]`, 0, "interface", -1},
		{`[{"interfaceRequest":^"c"}]`, 0, "interface", -1},
		{`[{"ips":^["a","b"]}]`, 0, "ips", -1},
		{`[{"ips":[^"a","b"]}]`, 0, "ips", 0},
		{`[{"ips":["a", ^"b"]}]`, 0, "ips", 1},
		{`[{"ips":^["a","b"]}]`, 0, "ips", 2},
		{`[{"ips":^"a"}]`, 0, "ips", 0},
		{`[{"default-route":[[1,{"a":[]}],^"b"]}]`, 0, "default-route", 1},
		{`^a"b`, 0, "name", -1},
		{`^{"name":"a"}`, 0, "name", -1},
	}
	for _, tt := range tests {
		want := strings.IndexByte(tt.marked, '^')
		value := tt.marked[:want] + tt.marked[want+1:]
		if got := PlacesIn(value).Locate(tt.element, tt.field, tt.index); got != want {
			t.Errorf("%q element %d, %q, %d: at %d, want %d", value, tt.element, tt.field, tt.index, got, want)
		}
	}
}
