package nad

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// nad is a NetworkAttachmentDefinition in JSON.
func nad(name, config string, annotations ...string) []byte {
	return fmt.Appendf(nil, `{"metadata":{"namespace":"team-a","name":%q,"annotations":{%s}},"spec":{"config":%q}}`, name, strings.Join(annotations, ","), config)
}

func decodeNAD(t *testing.T, object, old []byte) *Subject {
	t.Helper()
	s, err := Decode("default", object, old)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rulesOf lists the findings of a verdict as "action rule".
func rulesOf(v *verdict.Verdict) string {
	var found []string
	for _, f := range v.Findings {
		found = append(found, string(f.Action)+" "+f.Rule)
	}
	return strings.Join(found, ", ")
}

const (
	badMode = `{"cniVersion":"0.3.1","type":"macvlan","mode":"l2"}`
	router  = `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"eth1"},{"type":"router"}]}`
	veth    = `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"eth1"},{"type":"veth"}]}`
)

// An update is not refused for what stood there before, but for what it brings.
func TestUpdateOfNetwork(t *testing.T) {
	const (
		longMaster = `{"cniVersion":"0.3.1","type":"macvlan","master":"enp129s0f1np1.1000"}`
		pools      = `"macvlan-webhook.io/default-ippools":"{}"`
		wrongVLAN  = `"v1.multus-underlay-cni.io/vlanId":"5000"`
	)
	with := func(config, more string) string { return strings.TrimSuffix(config, "}") + "," + more + "}" }
	inherited := func(rule string) string {
		return "warn " + rule + ": this network already violates rules that refuse a new one: " + rule + " (kubectl macvlan explain " + rule + ")"
	}
	const refused = "deny nad-macvlan-invalid: "
	tests := []struct {
		name     string
		new, old []byte
		want     string
	}{
		{"made", nad("a", badMode), nil, refused},
		{"nothing changed", nad("a", badMode), nad("a", badMode), inherited("nad-macvlan-invalid")},
		{"an annotation of others changed", nad("a", badMode, `"example.com/a":"b"`), nad("a", badMode), inherited("nad-macvlan-invalid")},
		{"an annotation of ours changed", nad("a", badMode, pools), nad("a", badMode), inherited("nad-macvlan-invalid")},
		{"another fault", nad("a", badMode), nad("a", `{"type":"macvlan","mode":"l3"}`), refused},
		{"another key changed", nad("a", with(longMaster, `"mtu":1400`)), nad("a", longMaster), inherited("nad-master-name-too-long")},
		{"the fault moved", nad("a", `{"mtu":1400,`+longMaster[1:]), nad("a", longMaster), inherited("nad-master-name-too-long")},
		{"another fault beside it", nad("a", with(longMaster, `"mtu":-1`)), nad("a", longMaster), "deny nad-macvlan-invalid, warn nad-master-name-too-long: this network already violates rules that refuse a new one: nad-master-name-too-long (kubectl macvlan explain nad-master-name-too-long)"},
		{"another master, as long", nad("a", strings.Replace(longMaster, "1000", "2000", 1)), nad("a", longMaster), "deny nad-master-name-too-long: "},
		{"a wrong annotation stays", nad("a", router, wrongVLAN), nad("a", veth, wrongVLAN), inherited("nad-annotation-invalid")},
		{"a wrong annotation comes", nad("a", router, wrongVLAN), nad("a", router), "deny nad-annotation-invalid: "},
		{"a wrong annotation changes", nad("a", router, wrongVLAN), nad("a", router, strings.Replace(wrongVLAN, "5000", "6000", 1)), "deny nad-annotation-invalid: "},
		{"repaired", nad("a", router), nad("a", badMode), ": "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := decodeNAD(t, tt.new, tt.old).Judge(Facts{}, config.Default())
			if got := rulesOf(&v) + ": " + strings.Join(v.Warnings(), "; "); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// A change is refused for its users where that is configured, be it beside a fault that
// was there.
func TestUsersAreNotInherited(t *testing.T) {
	config := config.Default()
	config.Rules = map[string]verdict.Action{"nad-in-use": verdict.Deny}
	var users Users
	users.Add("Pod", "team-a", "a")
	const wrong = `"v1.multus-underlay-cni.io/vlanId":"5000"`
	v := decodeNAD(t, nad("a", veth, wrong), nad("a", router, wrong)).Judge(Facts{Users: func() Users { return users }}, config)
	if got := rulesOf(&v); got != "warn nad-annotation-invalid, deny nad-in-use" {
		t.Error(got)
	}
}

func TestNetworkInUse(t *testing.T) {
	many := Users{Incomplete: true}
	for i := range 5 {
		many.Add("Pod", "team-a", fmt.Sprintf("p-%d", i))
	}
	var mixed Users
	mixed.Add("Deployment", "team-a", "web")
	mixed.Add("Pod", "team-b", "p")
	plain := `{"cniVersion":"0.3.1","type":"macvlan","master":"eth1"}`
	tests := []struct {
		name     string
		new, old []byte
		users    Users
		asked    bool
		want     string
	}{
		{"deleted", nil, nad("a", router), mixed, true, "used by 1 pod and 1 workload (Deployment team-a/web, team-b/p): running pods keep their interfaces, but cannot be recreated once the network is gone"},
		{"deleted, in want of time", nil, nad("a", router), many, true, "used by at least 5 pods (team-a/p-0, team-a/p-1, team-a/p-2 and others): running"},
		{"deleted, in want of all time", nil, nad("a", router), Users{Incomplete: true}, true, "not enough time to find out whether pods use this network: running pods"},
		{"deleted, and the pods are not to be had", nil, nad("a", router), Users{Err: errors.New("connection refused")}, true, "could not find out whether pods use this network (connection refused)"},
		{"deleted, and free", nil, nad("a", router), Users{}, true, ""},
		{"deleted, and broken", nil, nad("a", "{"), Users{}, true, ""},
		{"another role", nad("a", veth), nad("a", router), mixed, true, "; the network changes from overlay to standalone"},
		{"a role by annotation", nad("a", plain, `"v1.multus-underlay-cni.io/instance-type":"macvlan_overlay"`), nad("a", plain), mixed, true, "changes from neutral to overlay"},
		{"another plugin", nad("a", `{"cniVersion":"0.3.1","type":"ipvlan","ipam":{"type":"dhcp"}}`), nad("a", plain), mixed, true, `changes from "macvlan" to "ipvlan"`},
		{"emptied", nad("a", ""), nad("a", router), mixed, true, `; the network changes from "macvlan" to a file on the node: running pods`},
		{"filled in", nad("a", router), nad("a", ""), mixed, true, `; the network changes from a file on the node to "macvlan": running pods`},
		{"emptied, and broken before", nad("a", ""), nad("a", "{"), mixed, false, ""},
		{"empty as before", nad("a", "", `"v1.multus-underlay-cni.io/instance-type":"macvlan_overlay"`), nad("a", ""), mixed, false, ""},
		{"another master", nad("a", strings.Replace(router, "eth1", "eth2", 1)), nad("a", router), mixed, false, ""},
		{"repaired", nad("a", router), nad("a", "{"), mixed, false, ""},
		{"made", nad("a", router), nil, mixed, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := false
			v := decodeNAD(t, tt.new, tt.old).Judge(Facts{Users: func() Users { asked = true; return tt.users }}, config.Default())
			if asked != tt.asked {
				t.Errorf("pods were looked for: %t, want %t", asked, tt.asked)
			}
			if tt.want == "" {
				if len(v.Findings) > 0 {
					t.Errorf("findings %s", rulesOf(&v))
				}
				return
			}
			if got := rulesOf(&v); got != "warn nad-in-use" || !strings.Contains(v.Findings[0].Message, tt.want) {
				t.Errorf("%s: %s, want %s", got, v.Findings[0].Message, tt.want)
			}
		})
	}

	config := config.Default()
	config.Rules = map[string]verdict.Action{"nad-in-use": verdict.Deny}
	for want, users := range map[verdict.Action]Users{verdict.Deny: mixed, verdict.Warn: {Incomplete: true}} {
		v := decodeNAD(t, nil, nad("a", router)).Judge(Facts{Users: func() Users { return users }}, config)
		if v.Decision() != want {
			t.Errorf("with the rule to deny: %s, want %s", v.Decision(), want)
		}
	}
	config.Rules["nad-in-use"] = verdict.Off
	v := decodeNAD(t, nil, nad("a", router)).Judge(Facts{Users: func() Users { t.Error("pods were looked for in vain"); return mixed }}, config)
	if len(v.Findings) > 0 {
		t.Errorf("with the rule off: %s", rulesOf(&v))
	}
}

func TestPassthruUsers(t *testing.T) {
	const passthru = `{"cniVersion":"0.3.1","type":"macvlan","master":"eth1","mode":"passthru"}`
	var users Users
	users.Add("Pod", "team-a", "a")
	judge := func(networks ...*cniconf.Network) string {
		v := decodeNAD(t, nad("a", passthru), nil).Judge(Facts{Networks: slices.Values(networks), Users: func() Users { return users }}, config.Default())
		return rulesOf(&v)
	}
	if got := judge(); got != "" {
		t.Errorf("one pod: %s", got)
	}
	users.Add("Pod", "team-a", "b")
	if got := judge(); got != "warn nad-passthru-shared" {
		t.Errorf("two pods: %s", got)
	}
	for name, test := range map[string]struct {
		old, new string
		want     string
	}{
		"another MTU":           {passthru, strings.Replace(passthru, `"mode"`, `"mtu":1400,"mode"`, 1), ""},
		"another master":        {strings.Replace(passthru, "eth1", "eth2", 1), passthru, "warn nad-passthru-shared"},
		"another mode":          {strings.Replace(passthru, "passthru", "bridge", 1), passthru, "warn nad-passthru-shared"},
		"from a file on a node": {"", passthru, "warn nad-passthru-shared"},
	} {
		asked := false
		config := config.Default()
		config.Rules = map[string]verdict.Action{"nad-in-use": verdict.Off}
		v := decodeNAD(t, nad("a", test.new), nad("a", test.old)).Judge(Facts{Users: func() Users { asked = true; return users }}, config)
		if got := rulesOf(&v); got != test.want || asked != (test.want != "") {
			t.Errorf("%s: %q, pods were looked for: %t; want %q", name, got, asked, test.want)
		}
	}
	v := decodeNAD(t, nad("b", strings.Replace(passthru, "passthru", "bridge", 1)), nil).Judge(Facts{
		Networks: slices.Values([]*cniconf.Network{cniconf.Compile(cniconf.Source{Namespace: "team-a", Name: "a", Config: passthru})}),
	}, config.Default())
	if got := rulesOf(&v); got != "warn nad-passthru-shared" {
		t.Errorf("beside one in passthru: %s", got)
	}
}

// A finding points at the very value, in the text of spec.config.
func TestPlacesInNetwork(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"mode", badMode, `"l2"}`},
		{"mtu", `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","mtu":-5}]}`, `-5}]}`},
		{"a queue", `{"cniVersion":"0.3.1","type":"macvlan","bcqueuelen":"9"}`, `"9"}`},
		{"mac", `{"cniVersion":"0.3.1","type":"macvlan","mac":"zz"}`, `"zz"}`},
		{"master", `{"cniVersion":"0.3.1","type":"macvlan","master":"enp129s0f1np1.1000"}`, `"enp129s0f1np1.1000"}`},
		{"vlan", `{"cniVersion":"0.3.1","type":"macvlan","vlan":7}`, `7}`},
		{"comma", `{"plugins":[{"type":"macvlan"},]}`, `]}`},
		{"host-local", `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","ipam":{"type":"host-local"}}]}`, `{"type":"host-local"}}]}`},
		{"version", `{"cniVersion":"0.3.7","type":"macvlan"}`, `"0.3.7","type":"macvlan"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := decodeNAD(t, nad("a", tt.config), nil).Judge(Facts{}, config.Default())
			if len(v.Findings) != 1 || v.Findings[0].Path() != "spec.config" {
				t.Fatalf("findings %+v", v.Findings)
			}
			if got := tt.config[v.Findings[0].Place.Offset:]; got != tt.want {
				t.Errorf("%s points at %s, want %s", v.Findings[0].Rule, got, tt.want)
			}
		})
	}
}

func TestNetworksThatCannotBeDecoded(t *testing.T) {
	for object, want := range map[string]string{
		`{"metadata":{"name":"a"},"spec":{"config":7}}`:                                                              "spec.config: the value is of the wrong type (a number); accepted: a string",
		`{"metadata":{"annotations":{"v1.multus-underlay-cni.io/vlanId":100}}}`:                                      "put it in quotes",
		`{"metadata":{"annotations":[]}}`:                                                                            "metadata.annotations",
		`{"metadata":{"labels":{"a":1}}}`:                                                                            "metadata.labels",
		`{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":100}},"spec":{"config":"{\"type\":\"bridge\"}"}}`: "",
	} {
		_, err := Decode("default", []byte(object), nil)
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: error %v, want %q", object, err, want)
		}
		if _, err := Decode("default", nil, []byte(object)); (err == nil) != (want == "") {
			t.Errorf("%s deleted: error %v", object, err)
		}
	}
	s := decodeNAD(t, []byte(`{"metadata":{"generateName":"a-"}}`), nil)
	if s.Reference() != (object.Reference{Namespace: "default", Name: "a-*"}) {
		t.Errorf("an object without a name is %v", s.Reference())
	}
}

// The name that an object will get is right, whatever it will be.
func TestNetworkWithoutName(t *testing.T) {
	for _, c := range []string{router, `{"cniVersion":"0.3.1","name":"","type":"macvlan"}`} {
		s := decodeNAD(t, fmt.Appendf(nil, `{"metadata":{"generateName":"vlan-"},"spec":{"config":%q}}`, c), nil)
		v := s.Judge(Facts{}, config.Default())
		if got := rulesOf(&v); got != "" || s.Name != "vlan-*" {
			t.Errorf("%s: %q called %s", c, got, s.Name)
		}
	}
}

// manyNetworks are networks of one master, each with a part of one subnet.
func manyNetworks(tb testing.TB, n int) iter.Seq[*cniconf.Network] {
	tb.Helper()
	networks := map[int]*cniconf.Network{}
	for i := range n {
		at := fmt.Sprintf("10.%d.%d.%d", 1+i/60000, i/240%250, i%240)
		networks[i] = cniconf.Compile(cniconf.Source{Namespace: "team-a", Name: fmt.Sprintf("n-%d", i), Config: fmt.Sprintf(
			`{"cniVersion":"0.3.1","type":"macvlan","master":"eth1","ipam":{"type":"host-local","subnet":"10.0.0.0/8","rangeStart":%q,"rangeEnd":%q}}`, at, at)})
	}
	return maps.Values(networks)
}

// Ten thousand networks on one link are compared, and one of them is named. How long
// that takes is for the benchmark to say.
func TestManyNetworks(t *testing.T) {
	networks := manyNetworks(t, 10_000)
	subject := decodeNAD(t, nad("a", `{"cniVersion":"0.3.1","type":"macvlan","master":"eth1","ipam":{"type":"host-local","subnet":"10.0.0.0/8"}}`), nil)
	v := subject.Judge(Facts{Networks: networks}, config.Default())
	if got := rulesOf(&v); got != "warn nad-host-local-on-shared-link, warn nad-address-overlap" {
		t.Fatal(got)
	}
	if m := v.Findings[1].Message; !strings.Contains(m, `"team-a/n-0"`) || !strings.Contains(m, "9999 more") {
		t.Errorf("message %q", m)
	}
}

func BenchmarkJudgeNetwork(b *testing.B) {
	networks := manyNetworks(b, 10_000)
	object := nad("a", `{"cniVersion":"0.3.1","type":"macvlan","master":"eth1","ipam":{"type":"host-local","subnet":"10.0.0.0/8"}}`)
	for b.Loop() {
		subject, err := Decode("default", object, nil)
		if err != nil {
			b.Fatal(err)
		}
		v := subject.Judge(Facts{Networks: networks}, config.Default())
		if len(v.Findings) != 2 {
			b.Fatal(rulesOf(&v))
		}
	}
}

// Of labels only one is read: a network that has ever so many can be made, repaired and
// deleted.
func TestNetworkWithManyLabels(t *testing.T) {
	var labels strings.Builder
	for n := range 4000 {
		fmt.Fprintf(&labels, `"label-%d" : "value" , `, n)
	}
	c, err := json.Marshal(`{"cniVersion":"0.3.1","type":"macvlan","master":"bond0"}`)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(`{"metadata":{"name":"a","labels":{` + labels.String() + `"daocloud.io.multus/underlay-cni-type" : "overlay"}},"spec":{"config":` + string(c) + `}}`)
	if len(text) < object.MaxLabelBytes {
		t.Fatalf("the labels have %d bytes only", len(text))
	}
	for name, s := range map[string]*Subject{
		"made": decodeNAD(t, text, nil), "changed": decodeNAD(t, text, text), "deleted": decodeNAD(t, nil, text),
	} {
		if role, evidence := s.compiled.Role(cniconf.ModeAuto); role != cniconf.RoleOverlay || evidence != cniconf.EvidenceLabel {
			t.Errorf("%s: role %s by %s", name, role, evidence)
		}
		if v := s.Judge(Facts{}, config.Default()); v.Decision() == verdict.Deny {
			t.Errorf("%s: %s", name, v.Explanation(verdict.Warn))
		}
	}
}

// The namespace given to decoding counts, whatever the object names.
func TestNamespaceThatCounts(t *testing.T) {
	s, err := Decode("team-a", []byte(`{"metadata":{"name":"a","namespace":"own"}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Reference() != (object.Reference{Namespace: "team-a", Name: "a"}) || s.source.Namespace != "team-a" {
		t.Errorf("a network is %v, compiled in %q", s.Reference(), s.source.Namespace)
	}
}

// The remedy names the default of the key at fault.
func TestMacvlanRemedies(t *testing.T) {
	for key, want := range map[string]string{
		`"mode":"l2"`:       "(default: bridge)",
		`"mtu":-1`:          "(default: the MTU of the master)",
		`"bcqueuelen":-1`:   "(default: the kernel's choice)",
		`"master":["eth1"]`: "correct the value, or remove it",
	} {
		v := decodeNAD(t, nad("a", `{"cniVersion":"0.3.1","type":"macvlan",`+key+`}`), nil).Judge(Facts{}, config.Default())
		if len(v.Findings) != 1 || !strings.HasSuffix(v.Findings[0].Remedy, want) {
			t.Errorf("%s: %s, want %s", key, v.Explanation(verdict.Warn), want)
		}
	}
}

// A configuration that is too long to be read is no reason to refuse anything: it may work.
func TestLargeConfig(t *testing.T) {
	large := router + strings.Repeat(" ", cniconf.MaxConfigBytes)
	for name, old := range map[string][]byte{"made": nil, "changed": nad("a", veth)} {
		v := decodeNAD(t, nad("a", large), old).Judge(Facts{}, config.Default())
		if got := rulesOf(&v); got != "warn nad-config-invalid" || !strings.Contains(v.Findings[0].Message, "is too large to be checked: ") {
			t.Errorf("%s: %s\n%s", name, got, v.Explanation(verdict.Warn))
		}
	}
}

// A rule that is off is not run.
func TestRulesThatAreOff(t *testing.T) {
	before := Rules
	defer func() { Rules = before }()
	Rules = []Rule{{ID: "a", Default: verdict.Off, Check: func(*view) []verdict.Finding { t.Error("it was run"); return nil }}}
	decodeNAD(t, nad("a", router), nil).Judge(Facts{}, config.Default())
}
