package links

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// ordinary is a node with two network cards in a bond, and what is on it.
var ordinary = []Link{
	{Name: "eno2", Kind: Physical, MTU: 1500, Up: true, MemberOf: "bond0"},
	{Name: "eno1", AltNames: []string{"enp3s0f1", "enp3s0"}, Kind: Physical, MTU: 1500, Up: true, MemberOf: "bond0"},
	{Name: "bond0", Kind: Bond, MTU: 9000, Up: true},
	{Name: "bond0.100", Kind: VLAN, VLAN: 100, Parent: "bond0", MTU: 1500},
	{Name: "wlan0", Kind: Physical, MTU: 1500, Wireless: true},
	{Name: "br<0>", Kind: Bridge, MTU: 1500, Up: true},
	{Name: "dummy0", Kind: Other, MTU: 1500, Up: true},
}

const ordinaryText = `{"links":[` +
	`{"name":"bond0","kind":"bond","mtu":9000,"up":true},` +
	`{"name":"bond0.100","kind":"vlan","vlan":100,"parent":"bond0","mtu":1500,"up":false},` +
	`{"name":"br<0>","kind":"bridge","mtu":1500,"up":true},` +
	`{"name":"dummy0","kind":"other","mtu":1500,"up":true},` +
	`{"name":"eno1","altNames":["enp3s0","enp3s0f1"],"kind":"physical","mtu":1500,"up":true,"memberOf":"bond0"},` +
	`{"name":"eno2","kind":"physical","mtu":1500,"up":true,"memberOf":"bond0"},` +
	`{"name":"wlan0","kind":"physical","mtu":1500,"up":false,"wireless":true}]}`

func parse(tb testing.TB, value string) Node {
	tb.Helper()
	node, err := Parse(value)
	if err != nil {
		tb.Fatalf("%v: %s", err, value)
	}
	return node
}

func TestRender(t *testing.T) {
	if got := Render(ordinary); got != ordinaryText {
		t.Errorf("Render() =\n%s\nwant\n%s", got, ordinaryText)
	}
	reversed := slices.Clone(ordinary)
	slices.Reverse(reversed)
	if got := Render(reversed); got != ordinaryText {
		t.Errorf("in another order:\n%s", got)
	}
	if want := []string{"enp3s0f1", "enp3s0"}; !slices.Equal(ordinary[1].AltNames, want) {
		t.Error("Render has changed what it was given")
	}
	if got, want := Render(nil), `{"links":[]}`; got != want {
		t.Errorf("without links %s, want %s", got, want)
	}
}

// What cannot be written is no reason to publish nothing.
func TestRenderLeavesOut(t *testing.T) {
	eth0 := Link{Name: "eth0", AltNames: []string{"ens1"}, Kind: Physical, MTU: 1500}
	for name, link := range map[string]Link{
		"no text":                      {Name: "a\xff", Kind: Physical},
		"too long":                     {Name: "0123456789abcdef", Kind: Physical},
		"the name of another":          {Name: "eth0", Kind: VLAN + "x"},
		"the further name of another":  {Name: "ens1", Kind: Other},
		"a further name of that of":    {Name: "b", AltNames: []string{"eth0"}, Kind: Other},
		"a VLAN that there cannot be":  {Name: "b", Kind: Other, VLAN: 4095},
		"a name that there cannot be":  {Name: "a/b", Kind: Other},
		"a parent that has no name":    {Name: "b", Kind: Other, Parent: "a b"},
		"twice the same further names": {Name: "b", AltNames: []string{"c", "c"}, Kind: Other},
	} {
		if got, want := Render([]Link{link, eth0}), Render([]Link{eth0}); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := parse(t, Render([]Link{{Name: "t0", Kind: "team"}})); got.Links[0].Kind != Other {
		t.Errorf("an unknown kind is written as %q", got.Links[0].Kind)
	}
}

// series is n links of a kind, with names as long as they can be.
func series(kind Kind, prefix string, n int) []Link {
	var all []Link
	for i := range n {
		all = append(all, Link{Name: fmt.Sprintf("%s%0*d", prefix, nameBytes-len(prefix), i), Kind: kind, MTU: 1500, Up: true})
	}
	return all
}

func TestRenderBoundsLinks(t *testing.T) {
	all := slices.Concat(series(Other, "o", 50), series(Bridge, "b", 50), series(Physical, "p", 50),
		series(VLAN, "v", MaxLinks-100), series(Bond, "z", 10))
	node := parse(t, Render(all))
	got := map[Kind]int{}
	for _, link := range node.Links {
		got[link.Kind]++
	}
	// 512 of 562.
	want := map[Kind]int{Bond: 10, VLAN: 412, Physical: 50, Bridge: 40}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kept by kind (-want +got):\n%s", diff)
	}
	if node.Omitted != 60 {
		t.Errorf("omitted = %d, want 60", node.Omitted)
	}
	if _, found := node.Find(series(Bridge, "b", 50)[39].Name); !found {
		t.Error("of the bridges, others than the first by name were kept")
	}
}

func TestRenderBoundsBytes(t *testing.T) {
	all := series(VLAN, "v", 300)
	for i := range all {
		all[i].AltNames = []string{strings.Repeat("\x01", altNameBytes-4) + fmt.Sprintf("%04d", i)}
	}
	text := Render(all)
	if len(text) > MaxBytes || len(text) < MaxBytes-1000 {
		t.Errorf("%d bytes, want just under %d", len(text), MaxBytes)
	}
	node := parse(t, text)
	if len(node.Links)+node.Omitted != len(all) || node.Omitted == 0 {
		t.Errorf("%d links and %d omitted, want %d together", len(node.Links), node.Omitted, len(all))
	}
}

// The ordinary VLANs of a node with all that are allowed are bounded by their
// number, as the comment of the bounds says.
func TestRenderManyVLANs(t *testing.T) {
	var all []Link
	for id := 1; id <= lastVLAN; id++ {
		all = append(all, Link{Name: fmt.Sprintf("bond0.%d", id), Kind: VLAN, VLAN: id, Parent: "bond0", MTU: 1500, Up: true})
	}
	text := Render(all)
	node := parse(t, text)
	if len(node.Links) != MaxLinks || node.Omitted != lastVLAN-MaxLinks {
		t.Errorf("%d links and %d omitted in %d bytes", len(node.Links), node.Omitted, len(text))
	}
}

func TestParse(t *testing.T) {
	node := parse(t, ordinaryText)
	want := slices.Clone(ordinary)
	slices.SortFunc(want, func(a, b Link) int { return strings.Compare(a.Name, b.Name) })
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(Node{Links: want}, node, sorted); diff != "" {
		t.Errorf("Parse(Render()) (-want +got):\n%s", diff)
	}
	// As a later version may write it, and as a person would.
	later := ` { "generation": 7, "links": [
		{"name":"b","kind":"team","mtu":1500,"up":true,"speed":{"Mbit":10000}},
		{"kind":"physical","name":"a","mtu":0,"up":false,"Parent":5} ], "omitted": 3 } `
	got := parse(t, later)
	if diff := cmp.Diff(Node{Links: []Link{{Name: "a", Kind: Physical}, {Name: "b", Kind: Other, MTU: 1500, Up: true}}, Omitted: 3}, got); diff != "" {
		t.Errorf("of a later version (-want +got):\n%s", diff)
	}
}

func TestFind(t *testing.T) {
	node := parse(t, ordinaryText)
	for name, want := range map[string]string{"bond0.100": "bond0.100", "enp3s0f1": "eno1", "bond0.10": "", "": ""} {
		if link, found := node.Find(name); link.Name != want || found != (want != "") {
			t.Errorf("Find(%q) = %q, %t, want %q", name, link.Name, found, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	link := func(fields string) string { return `{"links":[{"name":"a","kind":"bond"},{` + fields + `}]}` }
	tests := []struct{ value, want string }{
		{``, "cannot be read"},
		{`null`, `has no list "links"`},
		{`{}`, `has no list "links"`},
		{`{"links":null}`, `has no list "links"`},
		{`{"Links":[]}`, `has no list "links"`},
		{`[]`, "cannot be read"},
		{`{"links":[]}{}`, "cannot be read"},
		{`{"links":[],"omitted":-1}`, "says that -1 links are omitted"},
		{`{"links":[7]}`, "cannot be read"},
		{`{"links":[null]}`, "links[0]: name \"\" is empty"},
		{link(`"kind":"bond"`), `links[1]: name "" is empty`},
		{link(`"name":"b"`), "links[1]: kind is missing"},
		{link(`"name":"b","kind":5`), "cannot be read"},
		{link(`"name":"b","kind":"bond","mtu":"1500"`), "cannot be read"},
		{link(`"name":"b","kind":"bond","mtu":-1`), "mtu -1 is negative"},
		{link(`"name":"b","kind":"vlan","vlan":4095`), "vlan 4095 is not from 0 to 4094"},
		{link(`"name":"b","kind":"vlan","vlan":-1`), "vlan -1 is not from 0 to 4094"},
		{link(`"name":"a","kind":"bond"`), `links[1]: name "a" occurs twice`},
		{link(`"name":"b","altNames":["a"],"kind":"bond"`), `name "a" occurs twice`},
		{link(`"name":"b","altNames":["b"],"kind":"bond"`), `name "b" occurs twice`},
		{link(`"name":"b","altNames":[""],"kind":"bond"`), `altNames: "" is empty`},
		{link(`"name":"b c","kind":"bond"`), `name "b c" is not the name of a link`},
		{link(`"name":"..","kind":"bond"`), `name ".." is not the name of a link`},
		{link(`"name":"b:0","kind":"bond"`), `name "b:0" is not the name of a link`},
		{link(`"name":"0123456789abcdef","kind":"bond"`), `is longer than 15 bytes`},
		{link(`"name":"b","kind":"bond","memberOf":"c/d"`), `memberOf "c/d" is not the name of a link`},
		{link(`"name":"b","kind":"bond","parent":"0123456789abcdef"`), `parent "0123456789abcdef" is longer`},
		{`{"links":[` + strings.Repeat(`{},`, MaxLinks) + `{}]}`, "has 513 links, more than 512"},
		{`{"links":[]}` + strings.Repeat(" ", MaxBytes), "has 65548 bytes, more than 65536"},
		{strings.Repeat("[", MaxBytes), "cannot be read"},
	}
	for _, tt := range tests {
		_, err := Parse(tt.value)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "annotation "+Annotation) {
			t.Errorf("%.80s: error %v, want %q", tt.value, err, tt.want)
		}
	}
}

// Whatever is in the annotation, the reader neither panics nor takes what the
// writer would not write: what it takes comes back the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"links":[]}`, ordinaryText, `{"links":[null]}`, `{"links":[{"name":"a\u0000","kind":"x"}]}`,
		`{"links":[{"name":"a","name":"b","kind":"bond"}],"omitted":1e3}`, `{"links":[{"name":"\ud800","kind":"bond"}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		node, err := Parse(value)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x00") {
				t.Errorf("the error %q breaks a line", err)
			}
			return
		}
		again, err := Parse(Render(node.Links))
		if err != nil {
			t.Fatalf("%v: of %s", err, Render(node.Links))
		}
		// What was read may have been written with shorter escapes than ours.
		if again.Omitted > 0 {
			return
		}
		again.Omitted = node.Omitted
		if diff := cmp.Diff(node, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
	})
}

// Whatever a node has, what is written can be read, within the bounds, and nothing
// is lost without being counted, but for what has no valid name.
func FuzzRender(f *testing.F) {
	f.Add("eth0", "ens1", "bond", 5, 1500, uint8(3))
	f.Add("a\xff", "", "", -1, -1, uint8(255))
	f.Fuzz(func(t *testing.T, name, alt, kind string, vlan, mtu int, n uint8) {
		var all []Link
		valid := 0
		for i := range int(n) * 4 {
			link := Link{Name: fmt.Sprintf("%s%d", name, i), Kind: Kind(kind), VLAN: vlan, MTU: mtu, Parent: name}
			if alt != "" {
				link.AltNames = []string{alt + fmt.Sprint(i) + "'"}
			}
			all = append(all, link)
		}
		taken := names{}
		for _, link := range all {
			if link.Kind == "" {
				link.Kind = Other
			}
			if taken.take(link) == "" {
				valid++
			}
		}
		text := Render(all)
		if len(text) > MaxBytes || !json.Valid([]byte(text)) {
			t.Fatalf("%d bytes: %s", len(text), text)
		}
		node := parse(t, text)
		if len(node.Links)+node.Omitted != valid || len(node.Links) > MaxLinks {
			t.Errorf("%d links and %d omitted of %d valid", len(node.Links), node.Omitted, valid)
		}
	})
}
