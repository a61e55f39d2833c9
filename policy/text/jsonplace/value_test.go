package jsonplace

import (
	"strings"
	"testing"
)

func TestValue(t *testing.T) {
	const text = " {\"list\" : [1, \"a\\u0062\", {\"]\":\"}\"}, null,true ],\r\n\t\"S\\u0074ring\":\"x\\\"y\"} "
	root := Root(text)
	if root.Start != 1 || root.Raw != strings.TrimSpace(text) || root.Kind() != Object {
		t.Errorf("root %+v", root)
	}
	var keys, values []string
	for key, value := range root.Entries() {
		keys, values = append(keys, key.Text()), append(values, value.Text())
		for _, v := range []Value{key, value} {
			if !strings.HasPrefix(text[v.Start:], v.Raw) {
				t.Errorf("%q does not stand at %d", v.Raw, v.Start)
			}
		}
	}
	if got := strings.Join(keys, " "); got != "list String" || values[1] != `x"y` {
		t.Errorf("keys %q, values %q", keys, values)
	}
	list := root.At("LIST")
	want := []struct {
		kind Kind
		text string
	}{{Number, "1"}, {String, "ab"}, {Object, `{"]":"}"}`}, {Null, "null"}, {Bool, "true"}}
	members := 0
	for i, member := range list.Members() {
		members++
		if member.Kind() != want[i].kind || member.Text() != want[i].text || !strings.HasPrefix(text[member.Start:], member.Raw) {
			t.Errorf("member %d is %+v, %d, want %+v", i, member, member.Kind(), want[i])
		}
		if list.Member(i) != member {
			t.Errorf("member %d is %+v, want %+v", i, list.Member(i), member)
		}
	}
	if members != len(want) {
		t.Errorf("%d members, want %d", members, len(want))
	}
	for _, none := range []Value{{}, Root(""), Root(" \n")} {
		if none.Kind() != None || none.Text() != "" || none.At("a", 0) != none || none.Member(0) != none {
			t.Errorf("%+v is something", none)
		}
	}
}

// TestPlaces marks with a ^ where a value is expected.
func TestPlaces(t *testing.T) {
	tests := []struct {
		marked string
		path   []any
	}{
		{` ^{"a":1}`, nil},
		{`{"a": ^1}`, []any{"a"}},
		{`{"A" :^1}`, []any{"a"}},
		{`{"\u0061":^1}`, []any{"a"}},
		{`{"a":1,"A":2,"a":^3,"b":4}`, []any{"a"}},
		{`{"a":1,"a":^null}`, []any{"a"}},
		{`{"a":{"b":1},"a":^{}}`, []any{"a", "b"}},
		{`{"":^1}`, []any{""}},
		{"{\"\u017f\":^1}", []any{"s"}},
		{`[[],[0, ^1]]`, []any{1, 1}},
		{`[[],^[0, 1]]`, []any{1, 2}},
		{`^[0]`, []any{-1}},
		{`^[0]`, []any{"0"}},
		{`^{"0":1}`, []any{0}},
		{`^{"a":1}`, []any{"b", "a"}},
		{`{"a":^"b"}`, []any{"a", "b", 0}},
		{`{"a":["\\",{"b":"]}\""},[[^{"c":0}]]]}`, []any{"a", 2, 0, 0}},
	}
	for _, tt := range tests {
		start := strings.IndexByte(tt.marked, '^')
		text := tt.marked[:start] + tt.marked[start+1:]
		if got := Root(text).At(tt.path...); got.Start != start {
			t.Errorf("%s at %v: %q at %d, want %d", text, tt.path, got.Raw, got.Start, start)
		}
	}
}

func TestField(t *testing.T) {
	tests := []struct{ text, raw string }{
		{`{"a":1,"A":2,"b":3}`, "2"},
		{`{"a":1,"a":null}`, "1"},
		{`{"a":null,"a":null}`, "null"},
		{`{"a":null,"a":1}`, "1"},
		{`{"b":1}`, ""},
		{`["a"]`, ""},
	}
	for _, tt := range tests {
		got, found := Root(tt.text).Field("a")
		if got.Raw != tt.raw || found != (tt.raw != "") || !strings.HasPrefix(tt.text[got.Start:], tt.raw) {
			t.Errorf("%s: %+v %v, want %q", tt.text, got, found, tt.raw)
		}
	}
}

// TestWalksStop: whoever has found what it looks for breaks off.
func TestWalksStop(t *testing.T) {
	for _, member := range Root(`[1,2]`).Members() {
		if member.Raw == "2" {
			t.Error("the second member comes after the end")
		}
		break
	}
	for key := range Root(`{"a":1,"b":2}`).Entries() {
		if key.Text() == "b" {
			t.Error("the second entry comes after the end")
		}
		break
	}
}
