package cniconf

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode"
	"unsafe"
	"weak"
)

var allConfigs = []string{
	chartStandalone, chartOverlay, chartEmptyIPv4, docsDoubleQuote, docsTrailingComma, generated,
	hostLocal, hostLocalSets, staticAddresses, tuned,
}

// checkWords demands that nothing said about a network can break a line or
// steer a terminal, and that a fault never comes without words or the reverse.
func checkWords(t *testing.T, n *Network) {
	t.Helper()
	role, evidence := n.Role(ModeAuto)
	for _, text := range []string{
		n.Unusable, n.MacvlanFault, n.IPAM.Fault(), n.CNIVersionFault,
		n.EvidenceDetail(), n.Contradiction(ModeAuto), string(role), string(evidence),
	} {
		if len(text) > 2000 {
			t.Errorf("%d bytes of message: %.200q...", len(text), text)
		}
		for _, r := range text {
			if !unicode.IsPrint(r) {
				t.Errorf("unprintable %U in %q", r, text)
			}
		}
	}
	if n.Unusable == "" && n.Unread == "" && !n.OnNode && len(n.Plugins) == 0 {
		t.Errorf("neither plugins nor a reason why: %+v", n)
	}
	if n.OnNode && n.Unusable != "" {
		t.Errorf("a config out of sight is called unusable: %s", n.Unusable)
	}
	if (n.Macvlan != nil) != (n.Main() == "macvlan") {
		t.Errorf("main plugin %q, macvlan fields %+v", n.Main(), n.Macvlan)
	}
	if role == "" || evidence == "" || n.EvidenceDetail() == "" {
		t.Errorf("role %q, evidence %q, detail %q", role, evidence, n.EvidenceDetail())
	}
}

func FuzzCompile(f *testing.F) {
	for _, c := range allConfigs {
		f.Add(c, "macvlan-overlay-vlan0", "macvlan_underlay")
	}
	f.Add("", "", "")
	f.Add("\x00\x1b[2J", "a\nb", "\x1b")
	f.Add("{\"type\":\"\\u0000\",\"name\":\"\\u001b\"}", "", "default")
	f.Add(`{"Plugins":[{"type":"a"}],"name":null}`, "", "sriov-dpdk")
	f.Fuzz(func(t *testing.T, config, name, instanceType string) {
		checkWords(t, Compile(Source{Name: name, Annotations: annotation(instanceType), Labels: label(instanceType), Config: config}))
	})
}

func TestHugeConfigs(t *testing.T) {
	const size = MaxConfigBytes - 100
	tests := []struct{ name, config, unusable string }{
		{"one long value", `{"type":"macvlan","master":"` + strings.Repeat("x", size) + `"}`, ""},
		{"one long mode", `{"type":"macvlan","mode":"` + strings.Repeat("\u202e", size/3) + `"}`, ""},
		{"one long type", `{"type":"/` + strings.Repeat(`\n`, size/2) + `"}`,
			notCNI + `plugins[0] has the type "/` + strings.Repeat(`\n`, 79) + `…", and the name of a plugin has no slash`},
		{"deep in an unknown key", `{"type":"macvlan","x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`, ""},
		{"too deep", strings.Repeat(`{"a":`, size/5), "its config is not valid JSON: line 1, column 50001: values cannot be nested more than 10000 deep, not '{'"},
		{"many plugins", `{"plugins":[` + strings.Repeat(`{"type":"tuning"},`, size/18) + `{}]}`, notCNI + fmt.Sprintf(`plugins[%d] has no "type"`, size/18)},
		{"a long number", `{"type":"macvlan","mtu":0.` + strings.Repeat("1", size) + `}`, ""},
		{"zeros", strings.Repeat("\x00", size), `its config is not valid JSON: line 1, column 1: this must be a value, not '\x00'`},
		{"lines", strings.Repeat("\n", size), "its config is empty but for white space"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := Compile(Source{Name: "a", Config: tt.config})
			if n.Unusable != tt.unusable {
				t.Errorf("Unusable\n got %.300s\nwant %.300s", n.Unusable, tt.unusable)
			}
			checkWords(t, n)
		})
	}
}

// What is longer than any network that is meant to work is not read, and may be anything.
func TestLargeConfig(t *testing.T) {
	for length, want := range map[int]string{
		MaxConfigBytes:     "",
		MaxConfigBytes + 1: "its config is too large to be checked: 65537 bytes; accepted: up to 65536 bytes",
	} {
		source := Source{Name: "macvlan-overlay-vlan0", Annotations: annotation("macvlan-underlay"), Config: chartOverlay + strings.Repeat(" ", length-len(chartOverlay))}
		n := Compile(source)
		checkWords(t, n)
		if n.Unread != want || n.Unusable != "" || n.NameOnly != (want != "") || n.FailsAll() != "" {
			t.Errorf("%d bytes: %+v", length, n)
		}
		wantRole := RoleOverlay
		if want != "" {
			// Of the chain nothing is known: the annotation counts.
			wantRole = RoleStandalone
		}
		if role, _ := n.Role(ModeAuto); role != wantRole {
			t.Errorf("%d bytes: role %s, want %s", length, role, wantRole)
		}
	}
}

// TestConfigIsNotRetained: ten thousand networks in memory must not hold their
// configs.
func TestConfigIsNotRetained(t *testing.T) {
	for _, config := range allConfigs {
		text := []byte(config + strings.Repeat(" ", MaxConfigBytes-len(config)))
		held := weak.Make(&text[0])
		n := Compile(Source{Name: "a", Config: unsafe.String(&text[0], len(text))})
		text = nil
		runtime.GC()
		if held.Value() != nil {
			t.Errorf("the network still holds its config: %s", config)
		}
		runtime.KeepAlive(n)
	}
}

// TestCommonStringsAreShared: thousands of networks hold such strings once.
func TestCommonStringsAreShared(t *testing.T) {
	a, b := Compile(Source{Config: chartStandalone}), Compile(Source{Config: chartStandalone})
	for _, p := range [][2]string{
		{a.Plugins[0], b.Plugins[0]}, {a.Plugins[1], b.Plugins[1]}, {a.CNIVersion, b.CNIVersion},
		{a.IPAM.Type(), b.IPAM.Type()}, {a.Macvlan.Mode, b.Macvlan.Mode}, {a.EvidenceDetail(), b.EvidenceDetail()},
	} {
		if unsafe.StringData(p[0]) != unsafe.StringData(p[1]) {
			t.Errorf("%q is held twice", p[0])
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, bench := range []struct{ name, config string }{
		{"chart", chartStandalone}, {"spiderpool", generated}, {"host-local", hostLocal}, {"unusable", chartEmptyIPv4},
	} {
		b.Run(bench.name, func(b *testing.B) {
			source := Source{Namespace: "kube-system", Name: "macvlan-standalone-vlan0", Annotations: annotation("macvlan-underlay"), Config: bench.config}
			b.ReportAllocs()
			for b.Loop() {
				Compile(source)
			}
		})
	}
}

// BenchmarkRetained reports what a network costs as long as it is kept.
func BenchmarkRetained(b *testing.B) {
	const networks = 10000
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		kept := make([]*Network, networks)
		for i := range kept {
			kept[i] = Compile(Source{Config: strings.Clone(chartStandalone)})
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/networks, "B/network")
		runtime.KeepAlive(kept)
	}
}

// BenchmarkRole is what every admission request asks.
func BenchmarkRole(b *testing.B) {
	n := Compile(Source{Config: tuned})
	b.ReportAllocs()
	for b.Loop() {
		n.Role(ModeUnderlay)
	}
}
