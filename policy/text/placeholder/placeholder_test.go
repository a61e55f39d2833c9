package placeholder

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestIs(t *testing.T) {
	for text, want := range map[string]bool{
		"${VAR}": true, " ${VAR:-lan}\n": true, "${A}/${B}": true, "{{ .Values.master }}": true, "{{.a}},{{.b}}": true, "_master_": true, "_a_": true, "_MACVLAN_VLAN.0_": true,
		"": false, "$VAR": false, "${": false, "${}": false, "{{": false, "{{}}": false, "$(VAR)": false, "a ${VAR}": false, "${VAR}-lan": false,
		"_": false, "__": false, "___": false, "_a": false, "a_": false, "_a b_": false, "lan": false, "[{}]": false, `{"a":{}}`: false,
	} {
		if got := Is(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestFind(t *testing.T) {
	for text, want := range map[string][]string{
		`a,b`:                                  nil,
		`${NETS}`:                              {"${NETS}"},
		" {{ .nets }}":                         {" {{ .nets }}"},
		`[{"name":"${N}","ips":["_ip_","x"]}]`: {`"${N}"`, `"_ip_"`},
		`[{"${N}":"a"}]`:                       nil,
		`[{"a":"\u0024{N}"}]`:                  {`"\u0024{N}"`},
		`[{"a":"x ${N}"}]`:                     nil,
		`[{"a":"\"${N}\""}]`:                   nil,
		`[{"a":"${N}"}`:                        nil,
		`[{"a":${N}}]`:                         nil,
	} {
		var got []string
		for _, s := range Find(text) {
			got = append(got, text[s.Start:s.End])
			if !Is(s.Text) {
				t.Errorf("%s: %q", text, s.Text)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestTakeOut(t *testing.T) {
	for config, want := range map[string]string{
		`{"type":"macvlan","master":"eth0"}`: `{"type":"macvlan","master":"eth0"}`,
		`${CONFIG}`:                          "",
		`{"type":"macvlan","mode":"${MODE}","mtu":"_mtu_"}`:                                              `{"type":"macvlan","mode":null,"mtu":null}`,
		`{"name":"${NAME}","cniVersion":"${VERSION}","args":{"cni":{"ips":["${IP}"]}},"type":"macvlan"}`: `{"name":"","cniVersion":"1.0.0","args":null,"type":"macvlan"}`,
		`{"type":"macvlan","ipam":{"type":"static","addresses":[{"address":"${IP}"}]}}`:                  `{"type":"macvlan","ipam":{"type":"later"}}`,
		`{"plugins":[{"type":"macvlan","mode":"bridge"},{"type":"tuning","mac":"${MAC}"}]}`:              `{"plugins":[{"type":"macvlan","mode":"bridge"},{"type":"tuning","mac":null}]}`,
	} {
		got := TakeOut(config, Find(config))
		if strings.ReplaceAll(got, " ", "") != want || got != "" && len(got) != len(config) {
			t.Errorf("%s:\n%s, want\n%s", config, got, want)
		}
	}
	const same = `[{"type":"macvlan","master":"{{ .Values.a.long.way.to.the.master }}"},{"type":"vlan","master":"{{ .Values.a.long.way.to.the.master }}"},{"type":"vlan","master":"_a_"}]`
	config := `{"plugins":` + same + `}`
	var out struct {
		Plugins []struct{ Master string }
	}
	if err := json.Unmarshal([]byte(TakeOut(config, Find(config))), &out); err != nil {
		t.Fatal(err)
	}
	p := out.Plugins
	if p[0].Master != p[1].Master || p[0].Master == p[2].Master || p[2].Master == "" || len(p[0].Master) > 15 {
		t.Errorf("masters %+v", p)
	}
}

func FuzzTakeOut(f *testing.F) {
	f.Add(`{"name":"${NAME}","ipam":{"a":"${B}"},"plugins":[{"type":"_a_"}]}`)
	f.Add(`${`)
	f.Add("\"\\u0024{a}\"")
	f.Fuzz(func(t *testing.T, config string) {
		spans := Find(config)
		for _, s := range spans {
			if s.Start < 0 || s.End > len(config) || s.Start >= s.End {
				t.Fatalf("%q: %+v", config, s)
			}
		}
		out := TakeOut(config, spans)
		if out != "" && len(out) != len(config) || json.Valid([]byte(config)) && out != "" && !json.Valid([]byte(out)) {
			t.Errorf("%q becomes %q", config, out)
		}
		if len(spans) == 0 && out != config || strings.Contains(out, "\x00") && !strings.Contains(config, "\x00") {
			t.Errorf("%q becomes %q", config, out)
		}
	})
}
