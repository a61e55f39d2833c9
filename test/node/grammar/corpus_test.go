package grammar

import (
	"math/rand/v2"
	"strings"
)

// written are the values that were thought of.
var written = []string{
	"", " ", "a", "a,b", "null", "0", "a,", ",", "a,,b", "a,\n b", "ns/", "/a", "ns/a", "ns/a@", "@if", "/@", "ns / a @ if0",
	"x/y/z", "a@a@b", "a@x/y", "ns/a@x/y", "A", "a.b", "a b", "a\nb", "a_b", "-a", "a-", "n.s/a", "NS/a", "a;b", "true",
	"a@Net9", "a@eth0.100", "a@net_1", "a@exactly15chars_", "a@sixteencharsname", "a@lo", "a@.", "a@..", "a@...", "a@all",
	"a@default", "a@a:b", "a@a b", "a@x%d", "a@à", "a@Š", "a@é", "a@\u00a0x\u2003", "a@x\u00a0y", "a@x\u0085y", "a@x\u2028y",
	"a@\x00", "a@x\x00", "a\x00", "\ufeffa", "\u3000a\u3000/\u3000b\u3000", "a\xff", "a@\xff", "a@\xa0",
	strings.Repeat("n", 63) + "/a", strings.Repeat("n", 64) + "/a", strings.Repeat("a", 253), strings.Repeat("a", 254),
	`[]`, ` [ ] `, `[{}]`, `[[]]`, `["a"]`, `[5]`, `{"name":"a"}`, `"ns/a"`, `"a"`, `a[b`, `a"b`, `a{b`, `[`, `{`, `"`,
	`[{"name":"a"}]`, `[{"name":"a"},]`, `[{"name":"a",}]`, `[{"name":"a"}] x`, `[{"name":"a"}]]`, `[{'name':'a'}]`, `[{name:"a"}]`,
	"[\n  {\n \"name\": \"a\"\n }\n]\n", `[{"name":"a"},{"name":"b"}]`, `[{"name":""}]`, `[{"name":null}]`,
	`[{"name":"kube-system/a"}]`, `[{"name":"A"}]`, `[{"name":"bond0.100"}]`, `[{"name":" a"}]`, `[{"name":"a@b"}]`, `[{"name":5}]`,
	`[{"NAME":"a"}]`, `[{"name":"a","Name":"b"}]`, `[{"name":"a","name":null}]`, `[{"n\u0061me":"a"}]`, `[{"name":"a","x":{"y":[1]}}]`,
	`[{"name":"a","namespace":""}]`, `[{"name":"a","namespace":"n.s"}]`, `[{"name":"a","namespace":" ns"}]`, `[{"name":"a","namespace":[]}]`,
	`[{"name":"a","interface":"sixteencharsname"}]`, `[{"name":"a","interface":"a,b"}]`, `[{"name":"a","interface":"x\u0000"}]`,
	`[{"name":"a","interfaceRequest":"x"}]`, `[{"name":"a","interface":"y","interfaceRequest":"x y"}]`,
	`[{"name":"a","interface":"","interfaceRequest":"x y"}]`, `[{"name":"a","interfacerequest":"x"}]`,
	`[{"name":"a","mac":"zz"}]`, `[{"name":"a","mac":""}]`, `[{"name":"a","mac":"01:00:00:00:00:00"}]`, `[{"name":"a","mac":"020000000001"}]`,
	`[{"name":"a","infiniband-guid":"zz"}]`, `[{"name":"a","infiniband-guid":"0200000000000001"}]`,
	`[{"name":"a","ips":["1.2.3.999"]}]`, `[{"name":"a","ips":"1.2.3.4"}]`, `[{"name":"a","ips":[null]}]`, `[{"name":"a","ips":[5]}]`,
	`[{"name":"a","ips":[]}]`, `[{"name":"a","ips":{}}]`, `[{"name":"a","ips":["1.1.1.1"],"ips":[null]}]`, `[{"name":"a","ips":["x"],"ips":null}]`,
	`[{"name":"a","default-route":[]}]`, `[{"name":"a","default-route":"1.2.3.4"}]`, `[{"name":"a","default-route":["x"]}]`,
	`[{"name":"a","default-route":["",null]}]`, `[{"name":"a","default-route":["x"]},{"name":"b"}]`,
	`[{"name":"a","portMappings":[{"hostPort":"80"}]}]`, `[{"name":"a","portMappings":[{"hostPort":80},null]}]`,
	`[{"name":"a","portMappings":{}}]`, `[{"name":"a","bandwidth":{"ingressRate":1.5}}]`, `[{"name":"a","bandwidth":{"ingressRate":1e3}}]`,
	`[{"name":"a","cni-args":{"x":1e999}}]`, `[{"name":"a","cni-args":[]}]`, `[{"name":"a","deviceID":1}]`, `[{"name":"a","ſ":1,"ipſ":5}]`,
	strings.Repeat("[", 10001), `[{"name":"a","x":` + strings.Repeat("[", 9998) + strings.Repeat("]", 9998) + `}]`,
	`[{"name":"a","x":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}]`,
}

// The words that values are made of, the good ones more often than the others.
var (
	names      = []string{"a", "b", "macvlan-1", "bond0.100", "a", "b", "x1", "", "A", "a_b", " a ", "-", "a..b", "a/b", "null", "é"}
	namespaces = []string{"ns", "kube-system", "n-1", "ns", "default", "", "n.s", "NS", " ns", strings.Repeat("n", 64)}
	interfaces = []string{"net1", "eth0", "eth0.100", "Net_1", "x;y", "lo", "", "a b", "x%d", "all", "default", ".", "..", "a:b", "a/b",
		"é", "à", "sixteencharsname", "x\u2003y", "\u00a0x", "fifteen_chars_x"}
	macs = []string{"02:00:00:00:00:01", "02-00-00-00-00-0A", "0200.0000.0001", "", "zz", "01:00:5e:00:00:01", "00:00:00:00:00:00",
		"02:00:00:00:00:00:00:01", "020000000001", "02:00:00:00:00:1", "02:00-00:00:00:01"}
	addresses = []string{"10.1.2.3", "10.1.2.3/24", "fd00::3", "fd00::3/64", "", "1.2.3.999", "10.1.2.3/33", "::1%lo", "/", "10.1.2.03", "10.1.2"}
	pieces    = []string{",", "/", "@", "[", "]", "{", "}", `"`, ":", `\`, " ", "\t", "\n", "\u00a0", "\u2003", "\xa0", "\xff", "\x00", "a", "A", "-", ".",
		"%", "null", "5", "'", `"name"`, `"mac":"zz"`, `"ips":[5]`, `{"name":"a"}`, `,"interface":"x"`, "_", "é", "//", "@@"}
)

// values are the written ones and, from a generator that always yields the
// same, as many made ones as asked for: a third after each form's grammar and a
// third by small changes to other values.
func values(made int) []string {
	random := rand.New(rand.NewPCG(4, 3))
	all := append([]string(nil), written...)
	for range made / 3 {
		all = append(all, commaValue(random), jsonValue(random), changed(random, all[random.IntN(len(all))]))
	}
	return all
}

// pick takes a word, twice as often from the front half, where the good are.
func pick(random *rand.Rand, words []string) string {
	n := len(words)
	if random.IntN(3) > 0 {
		n = (n + 1) / 2
	}
	return words[random.IntN(n)]
}

func commaValue(random *rand.Rand) string {
	items := make([]string, 1+random.IntN(3))
	for i := range items {
		items[i] = pick(random, names)
		if random.IntN(2) == 0 {
			items[i] = pick(random, namespaces) + "/" + items[i]
		}
		if random.IntN(2) == 0 {
			items[i] += "@" + pick(random, interfaces)
		}
	}
	return strings.Join(items, ",")
}

func jsonValue(random *rand.Rand) string {
	quoted := func(words []string) string { return `"` + pick(random, words) + `"` }
	list := func(words []string) string {
		members := make([]string, random.IntN(3))
		for i := range members {
			members[i] = quoted(words)
		}
		return "[" + strings.Join(members, ",") + "]"
	}
	items := make([]string, 1+random.IntN(2))
	for i := range items {
		entries := []string{`"name":` + quoted(names)}
		for _, entry := range []func() string{
			func() string { return `"namespace":` + quoted(namespaces) },
			func() string { return `"interface":` + quoted(interfaces) },
			func() string { return `"interfaceRequest":` + quoted(interfaces) },
			func() string { return `"mac":` + quoted(macs) },
			func() string { return `"infiniband-guid":` + quoted(macs) },
			func() string { return `"ips":` + list(addresses) },
			func() string { return `"default-route":` + list(addresses) },
			func() string { return `"cni-args":{"x":["]}",5]}` },
		} {
			if random.IntN(5) == 0 {
				entries = append(entries, entry())
			}
		}
		random.Shuffle(len(entries), func(a, b int) { entries[a], entries[b] = entries[b], entries[a] })
		items[i] = "{" + strings.Join(entries, ", ") + "}"
	}
	return "[" + strings.Join(items, ",") + "]"
}

// changed puts in, replaces or takes out one to three pieces.
func changed(random *rand.Rand, value string) string {
	for range 1 + random.IntN(3) {
		from := random.IntN(len(value) + 1)
		to := min(len(value), from+random.IntN(3))
		piece := ""
		if random.IntN(3) > 0 {
			piece = pieces[random.IntN(len(pieces))]
		}
		value = value[:from] + piece + value[to:]
	}
	return value
}
