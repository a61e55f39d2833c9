package rules

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

func TestLimits(t *testing.T) {
	networks := func(n int) string {
		return strings.TrimSuffix(strings.Repeat("kube-system/router,", n), ",")
	}
	if got := ids(judge(t, config.Default(), map[string]string{multus.NetworksAnnotation: networks(pod.MaxNetworks)})); got != "" {
		t.Errorf("%d networks: %q", pod.MaxNetworks, got)
	}
	for what, value := range map[string]string{
		"129 networks": networks(pod.MaxNetworks + 1),
		"65537 bytes":  strings.Repeat(" ", pod.MaxAnnotationBytes) + "a",
	} {
		v := judge(t, config.Default(), map[string]string{multus.NetworksAnnotation: value})
		if got := ids(v); got != "deny network-annotation-invalid" || !strings.Contains(v.Findings[0].Message, "is too large to be checked: "+what) {
			t.Errorf("%s: %s", what, v.Explanation(verdict.Warn))
		}
	}
}

// A fault is told with its network: counted as people count them in the form that the
// list has, and by name where the list can be read.
func TestElementNames(t *testing.T) {
	for value, want := range map[string]string{
		"kube-system/router@a%b": `interface name "a%b" of network 1 ("kube-system/router") has a % in it`,
		"kube-system/router,A_b": `name "A_b" of network 2 has an upper case letter in it`,
		`[{"name":"router","namespace":"kube-system"},{"name":"router","namespace":"kube-system","mac":"zz"}]`: `mac "zz" of element 2 ("kube-system/router") is not a MAC address`,
		`[{"name":"router","namespace":"kube-system"},7]`:                                                      `7" of element 2 is not an object`,
	} {
		v := judge(t, config.Default(), map[string]string{multus.NetworksAnnotation: value})
		if len(v.Findings) == 0 || !strings.Contains(v.Findings[0].Message, want) {
			t.Errorf("%s: %s, want %s", value, v.Explanation(verdict.Warn), want)
		}
	}
}

func TestManyFaultsOfOneKind(t *testing.T) {
	ips := strings.TrimSuffix(strings.Repeat(`"x",`, 1000), ",")
	v := judge(t, config.Default(), map[string]string{multus.NetworksAnnotation: fmt.Sprintf(`[{"name":"router","namespace":"kube-system","ips":[%s],"mac":"zz"}]`, ips)})
	// Beside them that there are too many addresses, and what the MAC address is.
	if n := len(v.Findings); n != verdict.MaxFindings+2 {
		t.Errorf("%d findings", n)
	}
	if text := v.Explanation(verdict.Deny); !strings.Contains(text, "(and 980 more of the kind)") || !strings.Contains(text, "[mac-request-invalid]") {
		t.Errorf("%s", text)
	}
}

// The work for a hostile annotation grows with its length, not faster: with the
// square of it, this would not end.
func TestHostileAnnotations(t *testing.T) {
	for _, unit := range []string{`{"name":"a","interface":"lo"},`, `{"name":"a","default-route":["10.0.0.1","10.0.0.2"]},`, `null,`, `{"name":"a","ips":["x","x","x"]},`} {
		list := strings.TrimSuffix(strings.Repeat(unit, pod.MaxAnnotationBytes/len(unit)-1), ",")
		if v := judge(t, config.Default(), map[string]string{multus.NetworksAnnotation: "[" + list + "]"}); v.Decision() != verdict.Deny {
			t.Errorf("%s: %s", unit, v.Decision())
		}
	}
	routes := strings.TrimSuffix(strings.Repeat(`"10.0.0.1",`, 5000), ",")
	if v := judge(t, config.Default(), map[string]string{multus.NetworksAnnotation: `[{"name":"router","namespace":"kube-system","default-route":[` + routes + `]}]`}); ids(v) != "deny default-route-conflict" {
		t.Errorf("%s", ids(v))
	}
}

// Nor does it grow with the product of interfaces, pools and patterns: any of these
// would take minutes if it did.
func TestHostilePools(t *testing.T) {
	const pools = 5000
	c := newLargeCluster(t, pools)
	c.setNetwork("kube-system/patterns", "overlay", fromSpiderpool, `{"ipv4":`+namesUpTo(pod.MaxAnnotationBytes-1000, func(i int) string { return fmt.Sprintf("*%dx", i) })+`}`)
	networks := func(names ...string) string {
		list := make([]string, pod.MaxNetworks)
		for i := range list {
			list[i] = "kube-system/" + names[i%len(names)]
		}
		return strings.Join(list, ",")
	}
	// each is ippools with the same list for every interface.
	each := func(list string) string {
		elements := make([]string, pod.MaxNetworks)
		for i := range elements {
			elements[i] = fmt.Sprintf(`{"interface":"net%d","ipv4":%s}`, i+1, list)
		}
		return "[" + strings.Join(elements, ",") + "]"
	}
	const most, apiece = pod.MaxAnnotationBytes - 1000, pod.MaxAnnotationBytes/pod.MaxNetworks - 40
	existing := func(i int) string {
		if i == pools {
			return ""
		}
		return fmt.Sprintf("vlan%d", i)
	}
	for _, test := range []struct {
		title string
		pod   *pod.Subject
		want  verdict.Action
	}{
		{"pools of two networks for one", podOf("networks", networks("lan"), "ippool", `{"ipv4":`+namesUpTo(most, existing)+`}`), verdict.Warn},
		{"pools of two networks for both", podOf("networks", networks("lan", "wan"), "ippool", `{"ipv4":`+namesUpTo(most, existing)+`}`), verdict.Warn},
		{"pools of the other IP version", podOf("networks", networks("lan"), "ippool", `{"ipv6":`+namesUpTo(most, existing)+`}`), verdict.Deny},
		{"pools that do not exist", podOf("networks", networks("lan"), "ippool", `{"ipv4":`+namesUpTo(most, func(i int) string { return fmt.Sprintf("x%d", i) })+`}`), verdict.Deny},
		{"one pool again and again", podOf("networks", networks("lan"), "ippool", `{"ipv4":`+namesUpTo(most, func(int) string { return "a" })+`}`), verdict.Deny},
		{"pools of two networks for each", podOf("networks", networks("lan", "wan"), "ippools", each(namesUpTo(apiece, existing))), verdict.Warn},
		{"all pools for each", podOf("networks", networks("lan", "wan"), "ippools", each(`["vlan*"]`)), verdict.Warn},
		{"all pools twice for each", podOf("networks", networks("lan", "wan"), "ippools", each(`["vlan*","*"]`)), verdict.Deny},
		{"patterns that match", podOf("networks", networks("lan"), "ippool", `{"ipv4":`+namesUpTo(most, func(i int) string { return fmt.Sprintf("*%d", i) })+`}`), verdict.Deny},
		// So many that they are not held against all pools: refused, not passed. As
		// the default of a network they are not filled in.
		{"patterns that match nothing", podOf("networks", networks("lan"), "ippool", `{"ipv4":`+namesUpTo(most, func(i int) string { return fmt.Sprintf("*%dx", i) })+`}`), verdict.Deny},
		{"patterns that match nothing, for each", podOf("networks", networks("lan"), "ippools", each(namesUpTo(apiece, func(i int) string { return fmt.Sprintf("*%dx", i) }))), verdict.Deny},
		{"long patterns", podOf("networks", networks("lan"), "ippool", `{"ipv4":`+namesUpTo(most, func(i int) string { return strings.Repeat("*1", 2000) + fmt.Sprint(i) })+`}`), verdict.Deny},
		{"patterns of a network", podOf("networks", networks("patterns", "lan")), verdict.Warn},
		{"the pools of the cluster", podOf("networks", networks("lan", "wan")), verdict.Allow},
		{"no list for any", podOf("networks", networks("lan", "wan"), "ippools", `[{"interface":"eth0","ipv4":["vlan0"]}]`), verdict.Deny},
		{"interfaces that are not there", podOf("networks", networks("lan"), "ippools", "["+strings.TrimSuffix(repeated(most, func(i int) string { return fmt.Sprintf(`{"interface":"x%d"},`, i) }), ",")+"]"), verdict.Deny},
		{"elements that are no objects", podOf("networks", networks("lan"), "ippools", "["+strings.TrimSuffix(strings.Repeat("4,", most/2), ",")+"]"), verdict.Deny},
		{"brackets", podOf("networks", networks("lan"), "ippools", strings.Repeat("[", most)), verdict.Deny},
		{"routes that are lost", podOf("networks", networks("lan"), "routes", "["+strings.TrimSuffix(strings.Repeat(`{"dst":"10.0.0.0/8","gw":"1.1.1.1"},`, most/36), ",")+"]"), verdict.Warn},
		{"routes that are wrong", podOf("networks", networks("lan"), "routes", "["+strings.TrimSuffix(strings.Repeat(`{},`, most/3), ",")+"]"), verdict.Deny},
		{"subnets", podOf("networks", networks("lan"), "subnets", "["+strings.TrimSuffix(strings.Repeat(`{"ipv4":["a","b"]},`, most/19), ",")+"]"), verdict.Deny},
	} {
		t.Run(test.title, func(t *testing.T) {
			v := c.judge(c.complete(test.pod, config.Default()), config.Default())
			if v.Decision() != test.want {
				t.Errorf("%s, want %s\n%.2000s", v.Decision(), test.want, v.Explanation(verdict.Warn))
			}
			perRule := map[string]int{}
			for _, f := range v.Findings {
				perRule[f.Rule]++
			}
			for rule, n := range perRule {
				if n > 2*verdict.MaxFindings {
					t.Errorf("%d findings of %s", n, rule)
				}
			}
		})
	}
}

// namesUpTo is a list of names in JSON, of so many bytes at most. It ends before an
// empty name.
func namesUpTo(size int, name func(i int) string) string {
	var names []string
	for i, length := 0, 2; ; i++ {
		n := name(i)
		if length += len(n) + 3; n == "" || length > size {
			break
		}
		names = append(names, n)
	}
	text, err := json.Marshal(names)
	if err != nil {
		panic(err) // a list of texts
	}
	return string(text)
}

// repeated are texts of so many bytes at most.
func repeated(size int, text func(i int) string) string {
	var b strings.Builder
	for i := 0; b.Len()+len(text(i)) <= size; i++ {
		b.WriteString(text(i))
	}
	return b.String()
}

// A Spiderpool annotation beyond the limit is one that cannot be read.
func TestLargePoolAnnotations(t *testing.T) {
	for _, key := range []string{"ippools", "ippool", "subnets", "subnet", "routes"} {
		s := podOf("networks", "kube-system/lan", key, strings.Repeat(" ", pod.MaxAnnotationBytes)+"{}")
		v := newCluster(t).judge(s, config.Default())
		if v.Decision() != verdict.Deny || !strings.Contains(v.Explanation(verdict.Deny), "is too large to be checked: 65538 bytes; accepted: up to 65536 bytes") {
			t.Errorf("%s: %s", key, v.Explanation(verdict.Warn))
		}
	}
}

// However many warnings there are of a rule, the reason to refuse the pod is among
// what is said.
func TestWarningsDoNotHideADenial(t *testing.T) {
	c := newLargeCluster(t, 2*verdict.MaxFindings)
	wan := namesUpTo(4000, func(i int) string {
		if i == verdict.MaxFindings {
			return ""
		}
		return fmt.Sprintf("vlan%d", 2*i+1)
	})
	s := podOf("networks", "kube-system/lan,kube-system/lan",
		"ippools", `[{"interface":"net1","ipv4":["lan-v4",`+wan[1:]+`},{"interface":"net2","ipv4":["wan-v4"]}]`)
	v := c.judge(s, config.Default())
	if v.Decision() != verdict.Deny || len(v.Findings) != verdict.MaxFindings {
		t.Errorf("%s, %d findings", v.Decision(), len(v.Findings))
	}
	if text := v.Explanation(verdict.Deny); !strings.Contains(text, `"wan-v4", named for interface "net2"`) || strings.Contains(text, "of the kind") {
		t.Errorf("the denial says:\n%s", text)
	}
	if text := v.Explanation(verdict.Warn); !strings.Contains(text, "(and 1 more of the kind)") {
		t.Errorf("all findings:\n%s", text)
	}
}

// Of a network whose configuration is not read nothing is said but that.
func TestLargeConfig(t *testing.T) {
	c := newCluster(t)
	source := cniconf.Source{Namespace: "kube-system", Name: "large", Config: `{"cniVersion":"0.3.1","type":"macvlan"}` + strings.Repeat(" ", cniconf.MaxConfigBytes)}
	c.networks[reference("kube-system/large")] = nad.Compile(source)
	v := c.judge(podOf("networks", "kube-system/large"), config.Default())
	if got := ids(v); got != "warn network-config-unusable" || !strings.Contains(v.Findings[0].Message, "is too large to be checked: ") {
		t.Errorf("%s\n%s", got, v.Explanation(verdict.Warn))
	}
}

// A rule that is off is not run.
func TestRulesThatAreOff(t *testing.T) {
	view := newCluster(t).view(podOf("networks", "kube-system/lan"), config.Default())
	view.Judge([]pod.Rule{{ID: "a", Default: verdict.Off, Check: func(*pod.View) []verdict.Finding { t.Error("it was run"); return nil }}})
}

// The places of all elements are found in one pass: what each costs does not depend on how many
// there are.
func TestPlacesAreFoundOnce(t *testing.T) {
	allocated := func(n int) float64 {
		element := `{"name":"standalone-` + strings.Repeat("a", 200) + `","namespace":"kube-system","ips":["10.1.1.1/24"]}`
		places := multus.PlacesIn("[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]")
		places.Locate(0, "name", -1)
		return testing.AllocsPerRun(10, func() {
			for i := range n {
				places.Locate(i, "name", -1)
				places.Locate(i, "ips", 0)
				places.Object(i)
			}
		})
	}
	for _, n := range []int{64, 128} {
		if got := allocated(n); got != 0 {
			t.Errorf("%d elements cost %v allocations", n, got)
		}
	}
}

// All findings of a rule have one remedy, which is made once: twice as many networks that
// are refused cost twice as much.
func TestRemedyIsMadeOnce(t *testing.T) {
	c := newCluster(t)
	allocated := func(n int) float64 {
		element := `{"name":"first","namespace":"kube-system","ips":["10.1.1.1/24","10.1.1.2/24"]}`
		s := podOf("networks", "["+strings.TrimSuffix(strings.Repeat(element+",", n), ",")+"]")
		return testing.AllocsPerRun(5, func() {
			if v := c.judge(s, config.Default()); !strings.Contains(ids(v), "deny standalone-on-overlay-pod") {
				t.Fatal(ids(v))
			}
		})
	}
	half, whole := allocated(60), allocated(120)
	t.Logf("%v and %v allocations", half, whole)
	if whole > 2.2*half {
		t.Errorf("%v allocations for 120 networks, and %v for 60", whole, half)
	}
}

// Who counts too many MAC addresses at a pod, which its author did not write, is told where
// they may come from.
func TestTooManyPairsMayBeOfAMACPool(t *testing.T) {
	var elements []string
	for n := range 15 {
		elements = append(elements, fmt.Sprintf(`{"name":"router","namespace":"kube-system","mac":"02:00:00:00:00:%02x"}`, n))
	}
	v := judge(t, config.Default(), map[string]string{multus.NetworksAnnotation: "[" + strings.Join(elements, ",") + "]"})
	for _, f := range v.Findings {
		if f.Rule == "too-many-address-pairs" {
			if !strings.Contains(f.Remedy, "where a MAC pool filled in the mac of the networks, the label mutatepods.kubemacpool.io: allocate of the namespace says so") {
				t.Errorf("remedy %q", f.Remedy)
			}
			return
		}
	}
	t.Errorf("no finding in\n%s", v.Explanation(verdict.Warn))
}
