package spiderpool

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRender(t *testing.T) {
	tests := []struct {
		selections []Selection
		want       string
	}{
		{nil, `[]`},
		{[]Selection{{Interface: "net1", IPv4: []string{"a"}}}, `[{"interface":"net1","ipv4":["a"]}]`},
		{[]Selection{{Interface: "net1", IPv6: []string{"b*", "c"}, IPv4: []string{}}}, `[{"interface":"net1","ipv6":["b*","c"]}]`},
		{
			[]Selection{{Interface: "eth0", IPv4: []string{"a"}, IPv6: []string{"b"}}, {Interface: "net1", CleanGateway: true}},
			`[{"interface":"eth0","ipv4":["a"],"ipv6":["b"]},{"interface":"net1","cleangateway":true}]`,
		},
		{[]Selection{{Interface: `a"\<&>`, IPv4: []string{"é\x01"}}}, `[{"interface":"a\"\\<&>","ipv4":["é\u0001"]}]`},
	}
	for _, tt := range tests {
		if got := Render(tt.selections); got != tt.want {
			t.Errorf("Render(%+v) =\n%s, want\n%s", tt.selections, got, tt.want)
		}
	}
}

// randomSelections have interfaces and pools without repetition, with
// characters that JSON must escape.
func randomSelections(random *rand.Rand) []Selection {
	const letters = "ab-.9*?\"\\<&>\u2028é\x01"
	runes := []rune(letters)
	word := func(unique int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%d", unique)
		for range random.IntN(6) {
			b.WriteRune(runes[random.IntN(len(runes))])
		}
		return b.String()
	}
	words := func() []string {
		var out []string
		for i := range random.IntN(4) {
			if w := word(i); !IsPattern(w) || !badPattern(w) {
				out = append(out, w)
			}
		}
		return out
	}
	var out []Selection
	for i := range 1 + random.IntN(4) {
		out = append(out, Selection{Interface: word(i), IPv4: words(), IPv6: words(), CleanGateway: random.IntN(4) == 0})
	}
	return out
}

func TestParseReadsWhatRenderWrites(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		want := randomSelections(random)
		text := Render(want)
		if !strings.HasPrefix(text, `[{"`) || strings.ContainsAny(text, "\n\t") {
			t.Fatalf("not compact: %s", text)
		}
		got, faults := Parse(map[string]string{PoolsAnnotation: text})
		if diff := cmp.Diff(want, got.Pools, sameSelections); diff != "" || faults != nil || !got.Named {
			t.Fatalf("%s: named %v, faults %q (-want +got):\n%s", text, got.Named, briefs(faults), diff)
		}
		if again := Render(got.Pools); again != text {
			t.Fatalf("written again, %s is %s", text, again)
		}
	}
}

// TestEachLevelReplacesThoseBelow builds random levels and sees that the choice
// is that of the highest alone: what the levels below say makes no difference.
func TestEachLevelReplacesThoseBelow(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	maybe := func(names ...string) []string { return names[:random.IntN(len(names)+1)] }
	chance := func() bool { return random.IntN(2) == 0 }
	levels := []Source{SourcePod, SourceConfig, SourceNamespace, SourceNetwork, SourceDefault, SourceNone}
	met := map[Source]int{}
	for range 5000 {
		iface := Interface{
			Name: "net1", Position: 1,
			ConfigIPv4: maybe("config"), ConfigIPv6: maybe("config", "v6*"),
			IPv4Pools: maybe("network", "v4*"), IPv6Pools: maybe("network"),
		}
		world := World{Namespace: NamespacePools{IPv4: maybe("namespace"), IPv6: maybe("v6-?")}}
		if chance() {
			world.Pools = cluster()
		}
		annotations := map[string]string{}
		if chance() {
			annotations[PoolAnnotation] = `{"ipv4":["pod"]}`
		}
		if chance() {
			annotations[PoolsAnnotation] = Render([]Selection{{Interface: "net1", IPv6: []string{"pod"}}, {Interface: "eth0"}})
		}
		pod, _ := Parse(annotations)
		if chance() {
			pod = &none
			iface.ConfigIPv4, iface.ConfigIPv6 = nil, nil
		}
		got := Choose(pod, []Interface{iface}, &world)[0]
		met[got.Source]++

		// Take away all levels below the one that was chosen.
		for i, level := range levels {
			below := strings.Contains(fmt.Sprint(levels[:i]), string(got.Source))
			switch {
			case !below:
			case level == SourceConfig:
				iface.ConfigIPv4, iface.ConfigIPv6 = nil, nil
			case level == SourceNamespace:
				world.Namespace = NamespacePools{}
			case level == SourceNetwork:
				iface.IPv4Pools, iface.IPv6Pools = nil, nil
			}
		}
		alone := Choose(pod, []Interface{iface}, &world)[0]
		if diff := cmp.Diff(alone, got); diff != "" {
			t.Fatalf("%+v with %v: levels below %s show in the choice (-alone +got):\n%s", iface, annotations, got.Source, diff)
		}
		for _, name := range append(append([]string{}, got.WrittenIPv4...), got.WrittenIPv6...) {
			if name == "pod" && got.Source != SourcePod || name == "config" && got.Source != SourceConfig ||
				name == "namespace" && got.Source != SourceNamespace || name == "network" && got.Source != SourceNetwork {
				t.Fatalf("pool %s in a choice from level %s", name, got.Source)
			}
		}
	}
	for _, level := range levels {
		if met[level] < 50 {
			t.Errorf("level %s was chosen %d times, too few to tell", level, met[level])
		}
	}
}
