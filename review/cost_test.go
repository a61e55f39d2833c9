package review_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// What a request costs at most, in bytes that are allocated for it until the answer is
// there: most of them are free again at once. mostPerPod is for one of the largest pods that
// are judged, mostPerNetwork for a configuration half as long as those that are read, and
// mostPerByte for each byte beside.
const (
	mostPerPod     = 10 << 20
	mostPerNetwork = 16 << 20
	mostPerByte    = 10
	// mostAnswer is how long the texts of an answer are: the message, and its causes as much again.
	mostAnswer = 32 << 10
	// mostGrowth is by how much the cost of twice the size is larger, at most: a square would be 4.
	mostGrowth = 2.7
)

// costCase makes objects of any size.
type costCase struct {
	name             string
	apiVersion, kind string
	// object is one of size n; there are two, of sizes most/2 and most.
	object func(n int) string
	most   int
}

// listed are n texts between two others, with commas.
func listed(n int, open string, text func(i int) string, end string) string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = text(i)
	}
	return open + strings.Join(texts, ",") + end
}

func same(text string) func(int) string { return func(int) string { return text } }

func numbered(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, i) }
}

func addressed(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, fmt.Sprintf("10.%d.%d.%d", 1+i>>16, i>>8&255, i&255)) }
}

// annotatedPod is a Pod, or a Deployment of such pods.
func annotatedPod(kind string, annotations map[string]string) string {
	text, err := json.Marshal(annotations)
	if err != nil {
		panic(err) // texts can be encoded
	}
	if kind == "Pod" {
		return `{"metadata":{"name":"a","annotations":` + string(text) + `}}`
	}
	return `{"metadata":{"name":"a"},"spec":{"replicas":3,"template":{"metadata":{"annotations":` + string(text) + `}}}}`
}

const (
	networksKey = "k8s.v1.cni.cncf.io/networks"
	defaultKey  = "v1.multus-cni.io/default-network"
	// costConfig is what the pods of the cases are on, given the IPAM and what is chained.
	costConfig = `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"bond0","capabilities":{"ips":true,"mac":true},"ipam":%s},{"type":%q}]}`
)

var costIPAMs = map[string]string{
	"spiderpool":  `{"type":"spiderpool"}`,
	"host-local":  `{"type":"host-local","ranges":[[{"subnet":"10.1.0.0/16"}]]}`,
	"static":      `{"type":"static","addresses":[{"address":"10.9.0.5/24"}]}`,
	"dhcp":        `{"type":"dhcp"}`,
	"whereabouts": `{"type":"whereabouts","range":"10.1.0.0/16"}`,
}

// costWorld has a network for each IPAM, of each role where that makes a difference, the flat
// network, and some pools.
func costWorld(t testing.TB) (inv inventory.Inventory, networks []string) {
	t.Helper()
	var objects []string
	add := func(apiVersion, kind, namespace, name string, spec any) {
		text, err := json.Marshal(map[string]any{
			"apiVersion": apiVersion, "kind": kind, "metadata": map[string]string{"namespace": namespace, "name": name}, "spec": spec,
		})
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, string(text))
	}
	network := func(name, config string) {
		add("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", "kube-system", name, map[string]string{"config": config})
		networks = append(networks, "kube-system/"+name)
	}
	for ipam, config := range costIPAMs {
		network("macvlan-overlay-"+ipam, fmt.Sprintf(costConfig, config, "router"))
		if ipam != "dhcp" && ipam != "whereabouts" {
			network("macvlan-standalone-"+ipam, fmt.Sprintf(costConfig, config, "veth"))
		}
	}
	network("rancher-flat-network", `{"cniVersion":"0.3.1","type":"rancher-flat-network-cni"}`)
	networks = append(networks, "kube-system/missing")
	for i := range 250 {
		add("spiderpool.spidernet.io/v2beta1", "SpiderIPPool", "", fmt.Sprintf("pool%d", i), map[string]any{"ipVersion": 4, "subnet": fmt.Sprintf("10.%d.0.0/16", i)})
	}
	add("flatnetwork.pandaria.io/v1", "FlatNetworkSubnet", "cattle-flat-network", "vlan300", map[string]any{"cidr": "10.0.0.0/8", "master": "bond0", "vlan": 300})
	add("macvlan.cluster.cattle.io/v1", "MacvlanSubnet", "kube-system", "vlan300", map[string]any{"cidr": "10.0.0.0/8", "master": "bond0", "vlan": 300})
	slices.Sort(networks)
	return given.Inventory(t, strings.Join(objects, "\n---\n")), networks
}

// podCases are pods with each annotation that is read, filled in many ways.
func podCases(networks []string) []costCase {
	var cases []costCase
	add := func(name string, most int, annotations func(n int) map[string]string) {
		for kind, apiVersion := range map[string]string{"Pod": "v1", "Deployment": "apps/v1"} {
			// What is asked of templates beside is the same on all networks.
			if kind == "Pod" || strings.HasSuffix(name, "standalone-static") || strings.HasSuffix(name, "overlay-spiderpool") || !strings.Contains(name, " on ") {
				cases = append(cases, costCase{kind + " " + name, apiVersion, kind, func(n int) string { return annotatedPod(kind, annotations(n)) }, most})
			}
		}
	}
	of := func(name, key string, most int, value func(n int) string) {
		add(name, most, func(n int) map[string]string { return map[string]string{key: value(n)} })
	}
	for _, network := range networks {
		element := strings.Replace(network, "kube-system/", `{"namespace":"kube-system","name":"`, 1) + `"`
		for name, item := range map[string]func(int) string{
			"names": same(network), "names with interfaces": numbered(network + "@a%d"), "one interface": same(network + "@a"),
			"elements": same(element + "}"), "macs": same(element + `,"mac":"02:00:00:00:00:01"}`),
			"addresses": func(i int) string {
				return element + listed(20, `,"ips":[`, func(j int) string { return addressed(`"%s/24"`)(20*i + j) }, `]}`)
			},
			"equal addresses": same(element + listed(20, `,"ips":[`, same(`"10.1.1.1/24"`), `]}`)),
			"default routes":  same(element + listed(20, `,"default-route":[`, addressed(`"%s"`), `]}`)),
			"odd keys":        same(element + `,"nmae":"x","ip":"10.1.1.1","portMappings":[{"hostport":1}]}`),
		} {
			open, end := "[", "]"
			if !strings.HasPrefix(item(0), "{") {
				open, end = "", ""
			}
			of(name+" on "+network, networksKey, 120, func(n int) string { return listed(n, open, item, end) })
		}
		// What gives the addresses, and whether there is a network at all, makes all the difference.
		if !strings.HasSuffix(network, "standalone-spiderpool") && !strings.HasSuffix(network, "-static") && !strings.HasSuffix(network, "overlay-host-local") && !strings.HasSuffix(network, "flat-network") && !strings.HasSuffix(network, "missing") {
			continue
		}
		for name, field := range map[string]func(n int) string{
			"addresses of one":       func(n int) string { return listed(n, `"ips":[`, addressed(`"%s"`), `]`) },
			"equal addresses of one": func(n int) string { return listed(n, `"ips":[`, same(`"10.1.1.1"`), `]`) },
			"wrong addresses of one": func(n int) string { return listed(n, `"ips":[`, same(`"x"`), `]`) },
			"numbers for addresses":  func(n int) string { return listed(n, `"ips":[`, same(`5`), `]`) },
			"arguments of one":       func(n int) string { return listed(n, `"cni-args":{"ips":[`, addressed(`"%s"`), `]}`) },
			"gateways of one":        func(n int) string { return listed(n, `"default-route":[`, addressed(`"%s"`), `]`) },
			"ports of one":           func(n int) string { return listed(n, `"portMappings":[`, same(`{"hostport":1}`), `]`) },
			"unknown keys of one":    func(n int) string { return listed(n, "", numbered(`"a%d":1`), "") },
		} {
			of(name+" on "+network, networksKey, 4000, func(n int) string { return "[" + element + "," + field(n) + "}]" })
		}
		for _, key := range []string{"ippool", "ippools", "subnet", "subnets", "routes"} {
			for name, value := range map[string]func(n int) string{
				"names":    func(n int) string { return listed(n, `{"interface":"net1","ipv4":[`, numbered(`"pool%d"`), `]}`) },
				"patterns": func(n int) string { return listed(n, `{"interface":"net1","ipv4":[`, numbered(`"*l%d"`), `]}`) },
				"no names": func(n int) string { return listed(n, `{"interface":"net1","ipv4":[`, same(`""`), `]}`) },
				"elements": func(n int) string { return listed(n/4, "", numbered(`{"interface":"net%d","ipv4":["pool1"]}`), "") },
				"routes":   func(n int) string { return listed(n/4, "", numbered(`{"dst":"10.1.%d.0/24","gw":"10.1.1.1"}`), "") },
				"nothing":  func(n int) string { return listed(n/4, "", same(`{}`), "") },
			} {
				if key == "ippools" || key == "subnets" || key == "routes" {
					inner := value
					value = func(n int) string { return "[" + inner(n) + "]" }
				}
				add(key+" with "+name+" on "+network, 4000, func(n int) map[string]string {
					return map[string]string{networksKey: listed(min(n/20, 120), "", same(network), ""), "ipam.spidernet.io/" + key: value(n)}
				})
			}
		}
		for _, prefix := range []string{"flatnetwork.pandaria.io/", "macvlan.pandaria.cattle.io/"} {
			for name, text := range map[string]func(int) string{
				"addresses": addressed("%s"), "equal ones": same("10.1.1.1"), "MAC addresses": func(i int) string { return fmt.Sprintf("02:00:00:00:%02x:%02x", i>>8, i&255) },
				"no addresses": same("x"), "torn ones": same("02"), "numbers": numbered("%d"), "prefixes": addressed("%s/24"),
			} {
				for _, key := range []string{"ip", "mac"} {
					add(prefix+key+" of "+name+" on "+network, 1000, func(n int) map[string]string {
						return map[string]string{
							networksKey: listed(max(1, n/10), "", same(network), ""), prefix + "subnet": "vlan300",
							prefix + key: strings.ReplaceAll(listed(n, "", text, ""), ",", "-"),
						}
					})
				}
			}
		}
	}
	for name, item := range map[string]string{
		"wrong throughout": `{"name":"A_b","namespace":"-","interface":"a%b","mac":"zz","infiniband-guid":"y"}`, "wrong types": `{"name":7,"ips":7,"mac":[],"default-route":{}}`,
		"nulls": "null", "numbers": "7", "lo": `{"name":"a","interface":"lo"}`, "objects": "{}", "lists": "[]", "equal keys": `{"name":"a","name":"b","NAME":"c"}`,
	} {
		for _, key := range []string{networksKey, defaultKey} {
			of(name+" in "+key, key, 128, func(n int) string { return listed(n, "[", same(item), "]") })
			of(name+" beyond the limit in "+key, key, 64000/(len(item)+1), func(n int) string { return listed(n, "[", same(item), "]") })
		}
	}
	for name, value := range map[string]func(n int) string{
		"brackets": func(n int) string { return strings.Repeat("[", n) }, "commas": func(n int) string { return strings.Repeat(",", n) },
		"white space": func(n int) string { return strings.Repeat(" ", n) + "a" }, "slashes": func(n int) string { return strings.Repeat("/", n) },
		"a long name": func(n int) string { return `[{"name":"` + strings.Repeat("a", n) + `"}]` }, "no end": func(n int) string { return `["` + strings.Repeat("a", n) },
	} {
		of(name, networksKey, 60000, value)
	}
	return cases
}

// objectCases are pods with much of what is not read of them.
func objectCases() []costCase {
	const head = `{"metadata":{"name":"a","annotations":{"k8s.v1.cni.cncf.io/networks":"kube-system/macvlan-overlay-dhcp"}`
	var cases []costCase
	for name, c := range map[string]struct {
		most      int
		open, end string
		text      func(int) string
	}{
		"limits":           {47500, head + `},"spec":{"containers":[{"resources":{"limits":{`, `}}}]}}`, numbered(`"r%d":"1"`)},
		"devices":          {37500, head + `},"spec":{"containers":[{"resources":{"limits":{`, `}}}]}}`, numbered(`"a.b/r%d":"1"`)},
		"containers":       {20000, head + `},"spec":{"containers":[`, `]}}`, same(`{"resources":{"limits":{"a/b":"1"}}}`)},
		"claims":           {250000, head + `},"spec":{"resourceClaims":[`, `]}}`, same(`{}`)},
		"conditions":       {250000, head + `},"status":{"conditions":[`, `]}}`, same(`{}`)},
		"owners":           {25000, head + `,"ownerReferences":[`, `]}}`, numbered(`{"kind":"A","name":"n%d"}`)},
		"empty owners":     {250000, head + `,"ownerReferences":[`, `]}}`, same(`{}`)},
		"controllers":      {15000, head + `,"ownerReferences":[`, `]}}`, numbered(`{"kind":"A","name":"n%d","controller":true}`)},
		"labels":           {25000, head + `,"labels":{`, `}}}`, numbered(`"a%d":"v"`)},
		"managed fields":   {250000, head + `,"managedFields":[`, `]}}`, same(`{}`)},
		"annotations":      {25000, `{"metadata":{"annotations":{`, `}}}`, numbered(`"a%d":"some value here"`)},
		"misspelled ones":  {12500, `{"metadata":{"annotations":{`, `}}}`, numbered(`"k8s.v1.cni.cncf.io/netwrk%d":"x"`)},
		"one key again":    {12500, `{"metadata":{"annotations":{`, `}}}`, same(`"k8s.v1.cni.cncf.io/networks":"aaaaaaaaaaaaaaaaaa"`)},
		"a name":           {375000, `{"metadata":{"name":"`, `"}}`, same("a")},
		"an annotation":    {375000, `{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":"`, `"}}}`, same("a")},
		"fields of others": {250000, head + `},"spec":{"volumes":[`, `]}}`, same(`{}`)},
	} {
		object := func(n int) string { return listed(n, c.open, c.text, c.end) }
		cases = append(cases, costCase{name, "v1", "Pod", object, c.most})
		if name != "controllers" {
			cases = append(cases, costCase{name + " of a template", "apps/v1", "Deployment", func(n int) string { return `{"spec":{"template":` + object(n) + `}}` }, c.most})
		}
	}
	return append(cases, costCase{"conditions of a Job", "batch/v1", "Job", func(n int) string {
		return listed(n, `{"spec":{"template":`+head+`}}},"status":{"conditions":[`, same(`{}`), `]}}`)
	}, 250000})
}

// networkCases are networks with each IPAM plugin and each plugin of a chain, filled in many
// ways, and subnets.
func networkCases() []costCase {
	var cases []costCase
	// bytes is how long a configuration becomes.
	const bytes = cniconf.MaxConfigBytes / 2
	add := func(name string, item func(int) string, config func(items func(n int) string, n int) string) {
		items := func(n int) string { return listed(n, "", item, "") }
		cases = append(cases, costCase{"network with " + name, "k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", func(n int) string {
			return network("{}", config(items, n))
		}, bytes / (len(item(1000)) + 1)})
	}
	prefix := addressed("%s/32")
	for ipam := range costIPAMs {
		for name, c := range map[string]struct {
			key, open, end string
			item           func(int) string
		}{
			"ranges":           {"ranges", "[", "]", func(i int) string { return `[{"subnet":"` + prefix(i) + `"}]` }},
			"ranges of one":    {"ranges", "[[", "]]", func(i int) string { return `{"subnet":"` + prefix(i) + `"}` }},
			"equal ranges":     {"ranges", "[", "]", same(`[{"subnet":"10.0.0.0/24"}]`)},
			"wrong ranges":     {"ranges", "[", "]", same(`[{"subnet":"x"}]`)},
			"empty ranges":     {"ranges", "[", "]", same(`[]`)},
			"ipRanges":         {"ipRanges", "[", "]", func(i int) string { return `{"range":"` + prefix(i) + `","exclude":["` + prefix(i) + `"]}` }},
			"exclude":          {"exclude", "[", "]", addressed(`"%s/32"`)},
			"wrong exclude":    {"exclude", "[", "]", same(`"x"`)},
			"addresses":        {"addresses", "[", "]", addressed(`{"address":"%s/24","gateway":"10.0.0.1"}`)},
			"equal addresses":  {"addresses", "[", "]", same(`{"address":"10.1.1.1/24"}`)},
			"wrong addresses":  {"addresses", "[", "]", same(`{}`)},
			"routes":           {"routes", "[", "]", addressed(`{"dst":"%s/32","gw":"10.0.0.1"}`)},
			"equal routes":     {"routes", "[", "]", same(`{"dst":"0.0.0.0/0"}`)},
			"wrong routes":     {"routes", "[", "]", same(`{}`)},
			"pools":            {"default_ipv4_ippool", "[", "]", numbered(`"a%d"`)},
			"name servers":     {"dns", `{"nameservers":[`, `]}`, numbered(`"a%d"`)},
			"requested option": {"request", "[", "]", same(`{"option":"a"}`)},
			"provided option":  {"provide", "[", "]", same(`{}`)},
			"unknown keys":     {"a", "1,", "", numbered(`"a%d":1`)},
		} {
			add(name+" of "+ipam, c.item, func(items func(n int) string, n int) string {
				return `{"cniVersion":"0.3.1","type":"macvlan","master":"eth0","ipam":{"type":"` + ipam + `","range":"10.0.0.0/8","` + c.key + `":` + c.open + items(n) + c.end + `}}`
			})
		}
	}
	for _, plugin := range []string{"macvlan", "tuning", "vlan", "bridge", "ipvlan", "sbr", "coordinator", "veth", "firewall", "bandwidth", "other"} {
		add("many plugins "+plugin, same(`{"type":"`+plugin+`"}`), func(items func(n int) string, n int) string {
			return `{"cniVersion":"0.3.1","plugins":[` + items(n) + `]}`
		})
		for name, c := range map[string]struct {
			key, open, end string
			item           func(int) string
		}{
			"unknown keys": {"a", "1,", "", numbered(`"a%d":1`)}, "sysctls": {"sysctl", "{", "}", numbered(`"a%d":"1"`)}, "VLANs": {"vlanTrunk", "[", "]", same(`{"id":0}`)},
		} {
			add(name+" of the plugin "+plugin, c.item, func(items func(n int) string, n int) string {
				return `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"eth0"},{"type":"` + plugin + `","` + c.key + `":` + c.open + items(n) + c.end + `}]}`
			})
		}
	}
	cases = append(cases, costCase{"network that is too large", "k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", func(n int) string {
		return network("{}", `{"cniVersion":"0.3.1","type":"macvlan","ipam":{"type":"static","routes":[`+listed(n, "", same("{}"), "")+`]}}`)
	}, 300000})
	for _, key := range []string{"macvlan-webhook.io/default-ippools", "v1.multus-underlay-cni.io/coexist-types", "v1.multus-underlay-cni.io/vlanId", "v1.multus-underlay-cni.io/instance-type"} {
		for name, item := range map[string]func(int) string{"names": numbered(`"p%d"`), "keys": numbered(`"p%d":1`), "objects": same(`{}`)} {
			cases = append(cases, costCase{"network with " + name + " in " + key, "k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", func(n int) string {
				text, err := json.Marshal(listed(n, `{"ipv4":[`, item, `]}`))
				if err != nil {
					panic(err) // a text can be encoded
				}
				return network(`{"`+key+`":`+string(text)+`}`, fmt.Sprintf(costConfig, costIPAMs["spiderpool"], "router"))
			}, 8000})
		}
	}
	for kind, apiVersion := range map[string]string{"MacvlanSubnet": "macvlan.cluster.cattle.io/v1", "FlatNetworkSubnet": "flatnetwork.pandaria.io/v1"} {
		for name, c := range map[string]struct {
			key  string
			item func(int) string
		}{
			"ranges":       {"ranges", addressed(`{"from":"%[1]s","to":"%[1]s","rangeStart":"%[1]s","rangeEnd":"%[1]s"}`)},
			"equal ranges": {"ranges", same(`{"from":"10.0.0.5","to":"10.0.0.9","rangeStart":"10.0.0.5","rangeEnd":"10.0.0.9"}`)},
			"no ranges":    {"ranges", same(`{}`)},
			"routes":       {"routes", addressed(`{"dst":"%s/32","gw":"10.0.0.1","via":"10.0.0.1"}`)},
			"no routes":    {"routes", same(`{}`)},
		} {
			cases = append(cases, costCase{kind + " with " + name, apiVersion, kind, func(n int) string {
				return `{"metadata":{"name":"a","namespace":"kube-system"},"spec":{"master":"bond0","cidr":"10.0.0.0/8","` + c.key + `":[` + listed(n, "", c.item, "") + `]}}`
			}, 10000})
		}
	}
	return cases
}

// cost is how many bytes are allocated to judge an object as it is written.
func cost(t testing.TB, inv inventory.Inventory, c *costCase, n int) (bytes, size int, v *verdict.Verdict) {
	t.Helper()
	change := review.Change{APIVersion: c.apiVersion, Kind: c.kind, Namespace: "team-a", Operation: review.Create, New: []byte(c.object(n))}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	outcome, err := review.Judge(t.Context(), inv, config.Default(), change)
	runtime.ReadMemStats(&after)
	if err != nil && len(err.Error()) > mostAnswer {
		t.Errorf("%s: an error of %d bytes", c.name, len(err.Error()))
	}
	return int(after.TotalAlloc - before.TotalAlloc), len(change.New), &outcome.Verdict
}

// The cost of a request grows with its size, not faster, and has an end, whatever stands in
// which field. So has the answer.
func TestCost(t *testing.T) {
	inv, networks := costWorld(t)
	for _, group := range []struct {
		name  string
		cases []costCase
		// most is what the largest object may cost, and perByte what it may cost beside for each of
		// its bytes.
		most, perByte int
	}{
		{"pods", podCases(networks), mostPerPod, 0},
		{"objects", objectCases(), 1 << 20, mostPerByte},
		{"networks", networkCases(), mostPerNetwork, mostPerByte},
	} {
		t.Run(group.name, func(t *testing.T) {
			dearest, name := 0, ""
			for i := range group.cases {
				c := &group.cases[i]
				half, _, _ := cost(t, inv, c, c.most/2)
				whole, size, v := cost(t, inv, c, c.most)
				if most := group.most + group.perByte*size; whole > most {
					t.Errorf("%s: %d bytes are allocated for an object of %d bytes, and %d are accepted", c.name, whole, size, most)
				}
				// What does not depend on the size is left out of the comparison.
				const floor = 256 << 10
				if growth := float64(whole+floor) / float64(half+floor); growth > mostGrowth {
					t.Errorf("%s: twice the size costs %.2f times as much: %d bytes, and before %d", c.name, growth, whole, half)
				}
				said := v.Bounded()
				if n := len(said.Explanation(verdict.Warn)); n > mostAnswer || len(said.Findings) > verdict.MostFindings || said.Decision() != v.Decision() {
					t.Errorf("%s: an answer of %d findings and %d bytes, which is %s and was %s", c.name, len(said.Findings), n, said.Decision(), v.Decision())
				}
				if whole > dearest {
					dearest, name = whole, c.name
				}
			}
			t.Logf("%d cases; the dearest costs %d bytes: %s", len(group.cases), dearest, name)
		})
	}
}
