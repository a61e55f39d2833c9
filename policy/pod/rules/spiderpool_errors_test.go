package rules

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// errorCase is something that people get wrong, or right, with Spiderpool.
type errorCase struct {
	title string
	// pod are annotations, by their short names and values in turn.
	pod []string
	// change makes the case special where the annotations do not; nil for not.
	change func(*testing.T, *situation)
	// want are the findings, and says what a message must contain.
	want, says string
}

// situation is what a case may change before the pod is judged.
type situation struct {
	cluster *cluster
	subject *pod.Subject
	config  string
}

// Changes that several cases make.
func onTemplate(_ *testing.T, s *situation) {
	labels := s.subject.Labels
	*s.subject = pod.Subject{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "team-a", Name: "web", PodPath: "spec.template",
		Annotations: s.subject.Annotations, Labels: labels, Controller: object.Controller{APIVersion: "apps/v1", Kind: "Deployment"}}
}

func withConfig(text string) func(*testing.T, *situation) {
	return func(_ *testing.T, s *situation) { s.config = text }
}

func withPool(name, spec string) func(*testing.T, *situation) {
	return func(t *testing.T, s *situation) { s.cluster.setPool(t, name, spec) }
}

func withNamespace(pairs ...string) func(*testing.T, *situation) {
	return func(_ *testing.T, s *situation) { s.cluster.setNamespace(annotated(pairs...)) }
}

// withResources gives the first container these resources.
func withResources(names ...string) func(*testing.T, *situation) {
	return func(_ *testing.T, s *situation) { s.subject.Resources = names }
}

func withController(apiVersion, kind string) func(*testing.T, *situation) {
	return func(_ *testing.T, s *situation) {
		s.subject.Controller = object.Controller{APIVersion: apiVersion, Kind: kind}
	}
}

// fullDefaultPools leaves some default pools, the first of which are full.
func fullDefaultPools(full, all int) func(*testing.T, *situation) {
	return func(t *testing.T, s *situation) {
		s.cluster.withoutDefaults()
		for i := range all {
			used := 8
			if i < full {
				used = 9
			}
			s.cluster.setPoolObject(t, fmt.Sprintf(`{"metadata":{"name":"d%d"},"spec":{"ipVersion":4,"default":true},"status":{"totalIPCount":9,"allocatedIPCount":%d}}`, i, used))
		}
	}
}

func withoutDefaultPools(_ *testing.T, s *situation) { s.cluster.withoutDefaults() }

func both(changes ...func(*testing.T, *situation)) func(*testing.T, *situation) {
	return func(t *testing.T, s *situation) {
		for _, change := range changes {
			change(t, s)
		}
	}
}

// net1 is ippools for the first network of a pod beside the cluster's own.
func net1(ipv4 string) string { return `[{"interface":"net1","ipv4":[` + ipv4 + `]}]` }

const (
	invalid    = "deny ippool-annotation-invalid"
	unknownKey = "warn ippool-unknown-field"
	left       = "deny ippools-interface-missing"
	listed     = "deny ippools-interface-unknown"
	notFound   = "deny ippool-not-found"
	ignoredKey = "warn spiderpool-annotation-ignored"
	wrong      = "deny spiderpool-annotation-invalid"
	passed     = "warn spiderpool-annotation-invalid"
	noSubnet   = "deny subnet-annotation-unsupported"
)

// TestSpiderpoolErrors goes through what Spiderpool refuses, and what it ignores
// silently, section by section of what is known about it.
func TestSpiderpoolErrors(t *testing.T) {
	lan := []string{"networks", "kube-system/lan"}
	with := func(pairs ...string) []string { return append(append([]string{}, lan...), pairs...) }
	two := func(pairs ...string) []string {
		return append([]string{"networks", "kube-system/lan,kube-system/wan"}, pairs...)
	}
	alone := func(pairs ...string) []string {
		return append([]string{"first", "kube-system/first", "networks", "kube-system/further"}, pairs...)
	}
	for _, section := range []struct {
		title string
		cases []errorCase
	}{
		{"ippool: one object for all interfaces", []errorCase{
			{title: "both IP versions", pod: with("ippool", `{"ipv4":["lan-v4"],"ipv6":["lan-v6"]}`)},
			{title: "keys in upper case are the same", pod: with("ippool", `{"IPv4":["lan-v4"],"IPV6":["lan-v6"]}`)},
			{title: "interface is for ippools", pod: with("ippool", `{"interface":"net1","ipv4":["lan-v4"]}`), want: unknownKey, says: "has no effect in this annotation"},
			{title: "cleangateway is for ippools", pod: with("ippool", `{"cleangateway":true,"ipv4":["lan-v4"]}`), want: unknownKey},
			{title: "ipv4pools is from before 0.3", pod: with("ippool", `{"ipv4pools":["lan-v4"],"ipv6":["lan-v6"]}`), want: unknownKey, says: `accepted: "ipv4"`},
			{title: "ipv6pools is from before 0.3", pod: with("ippool", `{"ipv6pools":["lan-v6"],"ipv4":["lan-v4"]}`), want: unknownKey, says: `accepted: "ipv6"`},
			{title: "nothing but an unknown key", pod: with("ippool", `{"ipv4pools":["lan-v4"]}`), want: invalid + ", " + unknownKey},
			{title: "an empty object does not fall through to default pools", pod: with("ippool", `{}`), want: invalid, says: "no default pool takes its place"},
			{title: "nor to those of the namespace", pod: with("ippool", `{}`), change: withNamespace("ns4", `["lan-v4"]`), want: invalid},
			{title: "nor do empty lists", pod: with("ippool", `{"ipv4":[],"ipv6":[]}`), want: invalid},
			{title: "null is an object without pools", pod: with("ippool", `null`), want: invalid},
			{title: "an empty value is there all the same", pod: with("ippool", ``), want: invalid},
			{title: "no JSON", pod: with("ippool", `lan-v4`), want: invalid},
			{title: "a list", pod: with("ippool", `[{"ipv4":["lan-v4"]}]`), want: invalid, says: "is a list and must be an object"},
			{title: "a text for a list", pod: with("ippool", `{"ipv4":"lan-v4"}`), want: invalid, says: "a list of strings"},
			{title: "text after the object", pod: with("ippool", `{"ipv4":["lan-v4"]} x`), want: invalid},
			{title: "it holds for every interface", pod: two("ippool", `{"ipv4":["lan-v4"]}`), want: "deny ippool-network-mismatch", says: `interface "net2"`},
			{title: "where each finds its own", pod: two("ippool", `{"ipv4":["lan-v4","wan-v4"]}`)},
			{title: "but not for those of other plugins", pod: []string{"networks", "kube-system/lan,kube-system/host", "ippool", `{"ipv4":["lan-v4"]}`}},
			{title: "on a template", pod: with("ippool", `{}`), change: onTemplate, want: invalid},
		}},
		{"ippools: a list, one element for each interface", []errorCase{
			{title: "named", pod: two("ippools", `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["wan-v4"],"cleangateway":true}]`)},
			{title: "no JSON", pod: with("ippools", `net1`), want: invalid},
			{title: "an object", pod: with("ippools", `{"ipv4":["lan-v4"]}`), want: invalid, says: "is an object and must be a list"},
			{title: "an empty value", pod: with("ippools", ``), want: invalid},
			{title: "an empty list", pod: with("ippools", `[]`), want: invalid, says: "has no element"},
			{title: "null is an empty list", pod: with("ippools", `null`), want: invalid, says: "has no element"},
			{title: "some elements named", pod: alone("ippools", `[{"interface":"eth0","ipv4":["any-v4"]},{"ipv4":["any-v4b"]}]`), want: invalid, says: "name their interfaces"},
			{title: "an interface twice", pod: with("ippools", `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net1","ipv4":["lan-v4b"]}]`), want: invalid, says: "already the interface of element 1"},
			{title: "an element without pools", pod: with("ippools", `[{"interface":"net1"}]`), want: invalid},
			{title: "an interface left out", pod: two("ippools", net1(`"lan-v4"`)), want: left, says: `"net2"`},
			{title: "an interface of another plugin left out", pod: []string{"networks", "kube-system/host,kube-system/lan", "ippools", `[{"interface":"net2","ipv4":["lan-v4"]}]`}},
			{title: "an unknown key", pod: with("ippools", `[{"interface":"net1","ipv4":["lan-v4"],"ipv6pools":["lan-v6"]}]`), want: unknownKey},
			{title: "without names, the first is for eth0", pod: with("ippools", `[{"ipv4":["lan-v4"]}]`), want: left + ", " + listed, says: "element 1 names no interface and is for \"eth0\""},
			{title: "without names, the second is for net1, but eth0 is not Spiderpool's", pod: with("ippools", `[{"ipv4":["any-v4"]},{"ipv4":["lan-v4"]}]`), want: listed},
			{title: "without names on a standalone pod", pod: alone("ippools", `[{"ipv4":["any-v4"]},{"ipv4":["any-v4b"]}]`)},
			{title: "without names, too few", pod: alone("ippools", `[{"ipv4":["any-v4"]}]`), want: left, says: `"net1"`},
			{title: "without names, too many", pod: alone("ippools", `[{"ipv4":["any-v4"]},{"ipv4":["any-v4b"]},{"ipv4":["any-v4"]}]`), want: listed, says: `"net2"`},
			{title: "eth0 of the cluster's own network", pod: with("ippools", `[{"interface":"eth0","ipv4":["any-v4"]},{"interface":"net1","ipv4":["lan-v4"]}]`), want: listed, says: "has no pools"},
			{title: "eth0 where that network is known: an address for nobody", pod: with("ippools", `[{"interface":"eth0","ipv4":["any-v4"]},{"interface":"net1","ipv4":["lan-v4"]}]`), change: withConfig("multus: {clusterNetwork: calico}"), want: "warn ippools-interface-unknown", says: "stay unused"},
			{title: "eth0 where that network takes addresses from Spiderpool", pod: []string{"networks", "kube-system/further", "ippools", `[{"interface":"eth0","ipv4":["any-v4"]},{"interface":"net1","ipv4":["any-v4b"]}]`}, change: withConfig("multus: {clusterNetwork: first}")},
			{title: "eth0 left out there", pod: []string{"networks", "kube-system/further", "ippools", net1(`"any-v4b"`)}, change: withConfig("multus: {clusterNetwork: first}"), want: left, says: `"eth0"`},
			{title: "a netX that is not there", pod: with("ippools", `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net7","ipv4":["any-v4"]}]`), want: listed, says: `"net7" does not exist in the pod`},
			{title: "an interface of another plugin", pod: []string{"networks", "kube-system/lan,kube-system/host", "ippools", `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["any-v4"]}]`}, want: "warn ippools-interface-unknown"},
			{title: "a standalone pod lists eth0 and net1", pod: alone("ippools", `[{"interface":"eth0","ipv4":["any-v4"]},{"interface":"net1","ipv4":["any-v4b"]}]`)},
			{title: "the name after @", pod: []string{"networks", "kube-system/lan@storage", "ippools", `[{"interface":"storage","ipv4":["lan-v4"]}]`}},
			{title: "the name in the JSON form", pod: []string{"networks", `[{"name":"lan","namespace":"kube-system","interface":"storage"}]`, "ippools", `[{"interface":"storage","ipv4":["lan-v4"]}]`}},
			{title: "net1 where the name after @ counts", pod: []string{"networks", "kube-system/lan@storage", "ippools", net1(`"lan-v4"`)}, want: left + ", " + listed, says: `"storage"`},
			{title: "net1 where the name in the JSON form counts", pod: []string{"networks", `[{"name":"lan","namespace":"kube-system","interface":"storage"}]`, "ippools", net1(`"lan-v4"`)}, want: left + ", " + listed},
			{title: "eth0 with another name", pod: []string{"first", `[{"name":"first","namespace":"kube-system","interface":"lan0"}]`, "ippools", `[{"interface":"eth0","ipv4":["any-v4"]}]`}, want: "warn default-network-unusable, " + left + ", " + listed},
			{title: "on a template", pod: two("ippools", net1(`"lan-v4"`)), change: onTemplate, want: left},
		}},
		{"the pools of a list", []errorCase{
			{title: "one does not exist", pod: with("ippools", net1(`"lan-v4","gone"`)), want: notFound, says: `"gone"`},
			{title: "one does not exist, on a template", pod: with("ippools", net1(`"lan-v4","gone"`)), change: onTemplate, want: "warn ippool-not-found"},
			{title: "twice in a list", pod: with("ippools", net1(`"lan-v4","lan-v4"`)), want: invalid, says: "named twice"},
			{title: "twice in a list of ippool", pod: with("ippool", `{"ipv6":["lan-v6","lan-v6"]}`), want: invalid},
			{title: "an empty name", pod: with("ippools", net1(`""`)), want: invalid + ", " + notFound},
			{title: "is being deleted", pod: with("ippools", net1(`"old"`)), want: "deny ippool-disabled", says: "being deleted", change: func(t *testing.T, s *situation) {
				s.cluster.setPoolObject(t, `{"metadata":{"name":"old","deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"ipVersion":4}}`)
			}},
			{title: "is disabled", pod: with("ippools", net1(`"off"`)), change: withPool("off", `"ipVersion":4,"disable":true`), want: "deny ippool-disabled", says: "spec.disable"},
			{title: "one is disabled, another serves", pod: with("ippools", net1(`"off","lan-v4"`)), change: withPool("off", `"ipVersion":4,"disable":true`), want: "warn ippool-disabled", says: "another pool of the list serves"},
			{title: "IPv6 in the list of IPv4", pod: with("ippools", net1(`"lan-v6"`)), want: "deny ippool-wrong-family"},
			{title: "IPv4 in the list of IPv6, beside a good list", pod: with("ippool", `{"ipv4":["lan-v4"],"ipv6":["lan-v4b"]}`), want: "deny ippool-wrong-family"},
			{title: "one of the other version, another serves", pod: with("ippools", net1(`"lan-v4","lan-v6"`)), want: "warn ippool-wrong-family"},
			{title: "the IP version follows from the subnet", pod: with("ippools", net1(`"six"`)), change: withPool("six", `"subnet":"fd00::/64"`), want: "deny ippool-wrong-family"},
			{title: "a list of one IP version is enough", pod: with("ippools", `[{"interface":"net1","ipv6":["lan-v6"]}]`)},
			{title: "nodes are not judged", pod: with("ippools", net1(`"rack"`)), change: withPool("rack", `"ipVersion":4,"nodeName":["node-1"],"nodeAffinity":{"matchLabels":{"rack":"a"}}`)},
			{title: "for another namespace", pod: with("ippools", net1(`"b"`)), change: withPool("b", `"ipVersion":4,"namespaceName":["team-b"]`), want: "deny ippool-namespace-mismatch"},
			{title: "for namespaces with other labels", pod: with("ippools", net1(`"b"`)), change: withPool("b", `"ipVersion":4,"namespaceAffinity":{"matchLabels":{"team":"b"}}`), want: "deny ippool-namespace-mismatch", says: "spec.namespaceAffinity"},
			{title: "for namespaces with these labels", pod: with("ippools", net1(`"a"`)), change: withPool("a", `"ipVersion":4,"namespaceAffinity":{"matchLabels":{"team":"a"}}`)},
			{title: "names override labels that do not match", pod: with("ippools", net1(`"a"`)), change: withPool("a", `"ipVersion":4,"namespaceName":["team-a"],"namespaceAffinity":{"matchLabels":{"team":"b"}}`)},
			{title: "names override labels that match", pod: with("ippools", net1(`"b"`)), change: withPool("b", `"ipVersion":4,"namespaceName":["team-b"],"namespaceAffinity":{"matchLabels":{"team":"a"}}`), want: "deny ippool-namespace-mismatch", says: "spec.namespaceName"},
			{title: "labels of a namespace that is not known", pod: with("ippools", net1(`"b"`)), change: both(withPool("b", `"ipVersion":4,"namespaceAffinity":{"matchLabels":{"team":"b"}}`), func(_ *testing.T, s *situation) { s.cluster.namespaces = nil })},
			{title: "for other pods", pod: with("ippools", net1(`"db"`)), change: withPool("db", `"ipVersion":4,"podAffinity":{"matchLabels":{"app":"db"}}`), want: "deny ippool-pod-mismatch"},
			{title: "for pods with this label", pod: with("ippools", net1(`"db"`)), change: both(withPool("db", `"ipVersion":4,"podAffinity":{"matchLabels":{"app":"db"}}`), func(_ *testing.T, s *situation) { s.subject.Labels = map[string]string{"app": "db"} })},
			{title: "a template's pods get more labels", pod: with("ippools", net1(`"db"`)), change: both(withPool("db", `"ipVersion":4,"podAffinity":{"matchExpressions":[{"key":"pod-template-hash","operator":"Exists"},{"key":"app","operator":"In","values":["db"]}]}`), func(_ *testing.T, s *situation) { s.subject.Labels = map[string]string{"app": "db"} }, onTemplate)},
			{title: "a pod's own labels are all there are", pod: with("ippools", net1(`"db"`)), change: withPool("db", `"ipVersion":4,"podAffinity":{"matchExpressions":[{"key":"pod-template-hash","operator":"Exists"}]}`), want: "deny ippool-pod-mismatch"},
			{title: "but not others on a template", pod: with("ippools", net1(`"db"`)), change: both(withPool("db", `"ipVersion":4,"podAffinity":{"matchLabels":{"app":"db"}}`), onTemplate), want: "deny ippool-pod-mismatch"},
			{title: "made for a workload of this namespace, on whatever network", pod: with("ippools", net1(`"auto"`)), change: func(t *testing.T, s *situation) {
				s.cluster.setPoolObject(t, `{"metadata":{"name":"auto","labels":{"ipam.spidernet.io/owner-application-name":"web"}},"spec":{"ipVersion":4,"multusName":["kube-system/wan"],"podAffinity":{"matchLabels":{"ipam.spidernet.io/app-namespace":"team-a","ipam.spidernet.io/app-name":"web"}}}}`)
			}},
			{title: "made for a workload of another namespace", pod: with("ippools", net1(`"auto"`)), want: "deny ippool-pod-mismatch", change: func(t *testing.T, s *situation) {
				s.cluster.setPoolObject(t, `{"metadata":{"name":"auto","labels":{"ipam.spidernet.io/owner-application-name":"web"}},"spec":{"ipVersion":4,"podAffinity":{"matchLabels":{"ipam.spidernet.io/app-namespace":"team-b","ipam.spidernet.io/app-name":"web"}}}}`)
			}},
			{title: "bound to another network", pod: with("ippools", net1(`"wan-v4"`)), want: "deny ippool-network-mismatch"},
			{title: "bound to a network of another namespace", pod: []string{"networks", "lan", "ippools", net1(`"lan-v4"`)}, want: "deny ippool-network-mismatch"},
			{title: "a multusName without a namespace is in Spiderpool's", pod: with("ippools", net1(`"p"`)), change: withPool("p", `"ipVersion":4,"multusName":["lan"]`)},
			{title: "not in the pod's", pod: []string{"networks", "lan", "ippools", net1(`"p"`)}, change: withPool("p", `"ipVersion":4,"multusName":["lan"]`), want: "deny ippool-network-mismatch", says: "one without a namespace is in Spiderpool's"},
			{title: "nor where Multus looks", pod: with("ippools", net1(`"p"`)), change: both(withPool("p", `"ipVersion":4,"multusName":["lan"]`), withConfig("spiderpool: {namespace: spiderpool}")), want: "deny ippool-network-mismatch"},
			{title: "a default-network without a namespace is in Spiderpool's", pod: []string{"first", "first", "ippools", `[{"interface":"eth0","ipv4":["p"]}]`}, change: both(withPool("p", `"ipVersion":4,"multusName":["spiderpool/first"]`), withConfig("spiderpool: {namespace: spiderpool}"))},
			{title: "not where Multus looks", pod: []string{"first", "first", "ippools", `[{"interface":"eth0","ipv4":["p"]}]`}, change: both(withPool("p", `"ipVersion":4,"multusName":["kube-system/first"]`), withConfig("spiderpool: {namespace: spiderpool}")), want: "deny ippool-network-mismatch"},
			{title: "a default-network with its namespace", pod: []string{"first", "kube-system/first", "ippools", `[{"interface":"eth0","ipv4":["p"]}]`}, change: both(withPool("p", `"ipVersion":4,"multusName":["kube-system/first"]`), withConfig("spiderpool: {namespace: spiderpool}"))},
			{title: "all for different reasons", pod: with("ippools", net1(`"wan-v4","lan-v6","off"`)), change: withPool("off", `"ipVersion":4,"disable":true`), want: "deny ippool-disabled, deny ippool-wrong-family, deny ippool-network-mismatch"},
			{title: "the same in another order", pod: with("ippools", net1(`"off","lan-v6","wan-v4"`)), change: withPool("off", `"ipVersion":4,"disable":true`), want: "deny ippool-disabled, deny ippool-wrong-family, deny ippool-network-mismatch"},
			{title: "full", pod: with("ippools", net1(`"full"`)), want: "warn ippool-exhausted", says: "254 of 254", change: func(t *testing.T, s *situation) {
				s.cluster.setPoolObject(t, `{"metadata":{"name":"full"},"spec":{"ipVersion":4},"status":{"totalIPCount":254,"allocatedIPCount":254}}`)
			}},
			{title: "one address left", pod: with("ippools", net1(`"full"`)), change: func(t *testing.T, s *situation) {
				s.cluster.setPoolObject(t, `{"metadata":{"name":"full"},"spec":{"ipVersion":4},"status":{"totalIPCount":254,"allocatedIPCount":253}}`)
			}},
			{title: "full, and another has room", pod: with("ippools", net1(`"full","lan-v4"`)), change: func(t *testing.T, s *situation) {
				s.cluster.setPoolObject(t, `{"metadata":{"name":"full"},"spec":{"ipVersion":4},"status":{"totalIPCount":254,"allocatedIPCount":254}}`)
			}},
			{title: "two default pools are full, and the third has room", pod: lan, change: fullDefaultPools(2, 3)},
			{title: "all default pools are full", pod: lan, change: fullDefaultPools(3, 3), want: "warn ippool-exhausted", says: `"d0" has 9 of 9 in use, pool "d1"`},
			{title: "without any address", pod: with("ippools", net1(`"full"`)), want: "warn ippool-exhausted", change: func(t *testing.T, s *situation) {
				s.cluster.setPoolObject(t, `{"metadata":{"name":"full"},"spec":{"ipVersion":4},"status":{"totalIPCount":0,"allocatedIPCount":0}}`)
			}},
		}},
		{"patterns", []errorCase{
			{title: "a star", pod: with("ippools", net1(`"lan-v4*"`))},
			{title: "a question mark", pod: with("ippools", net1(`"lan-v4?"`))},
			{title: "brackets", pod: with("ippools", net1(`"lan-v4[a-c]"`))},
			{title: "a lone bracket is part of a name", pod: with("ippools", net1(`"lan-v4["`)), want: notFound, says: "does not exist"},
			{title: "no match", pod: with("ippools", net1(`"none-*"`)), want: notFound, says: "the interface gets no address"},
			{title: "no match, on a template", pod: with("ippools", net1(`"none-*"`)), change: onTemplate, want: "warn ippool-not-found"},
			{title: "no match in one IP version", pod: with("ippool", `{"ipv4":["lan-v4"],"ipv6":["none-*"]}`), want: "warn ippool-not-found", says: "no IPv6 address"},
			{title: "only pools of that IP version match", pod: with("ippools", net1(`"lan-v6*"`)), want: notFound},
			{title: "cannot be read", pod: with("ippools", net1(`"lan-[b-]"`)), want: invalid, says: "a pattern that cannot be read"},
			{title: "brings a pool that is named", pod: with("ippools", net1(`"lan-v4","lan-*"`)), want: invalid, says: "once because of a pattern"},
			{title: "two patterns bring the same pool", pod: with("ippools", net1(`"lan-v4*","lan-*"`)), want: invalid},
			{title: "brings one that cannot serve, and one that can", pod: with("ippools", net1(`"*-v4"`))},
			{title: "brings none that can serve", pod: with("ippools", net1(`"wan-*"`)), want: "deny ippool-network-mismatch", says: "no pool can serve"},
			{title: "in the namespace", pod: lan, change: withNamespace("ns4", `["lan-*"]`)},
			{title: "in the namespace, cannot be read", pod: lan, change: withNamespace("ns4", `["lan-[b-]"]`), want: notFound},
			{title: "in the network's configuration", pod: []string{"networks", "kube-system/own-pattern"}},
		}},
		{"the levels", []errorCase{
			{title: "ippools before ippool", pod: with("ippools", net1(`"lan-v4"`), "ippool", `{"ipv4":["gone"]}`), want: ignoredKey, says: "ippools takes precedence"},
			{title: "subnets before subnet before ippools before ippool", pod: with("subnets", `[{"interface":"net1","ipv4":["s"]}]`, "subnet", `{"ipv4":["s"]}`, "ippools", ``, "ippool", ``), change: onTemplate, want: ignoredKey + ", " + ignoredKey + ", " + ignoredKey},
			{title: "subnets that are off", pod: with("subnets", `[{"interface":"net1","ipv4":["s"]}]`, "ippools", net1(`"lan-v4"`)), change: withConfig("spiderpool: {subnets: false}"), want: ignoredKey, says: "the SpiderSubnet feature is off"},
			{title: "a subnet that is off, and wrong", pod: with("subnet", `x`), change: withConfig("spiderpool: {subnets: false}"), want: ignoredKey},
			{title: "ippools that cannot be read do not fall through", pod: with("ippools", ``, "ippool", `{"ipv4":["lan-v4"]}`), want: ignoredKey + ", " + invalid},
			{title: "the namespace before the network", pod: []string{"networks", "kube-system/own-pool"}, change: withNamespace("ns4", `["wan-v4"]`), want: "deny ippool-network-mismatch", says: `namespace "team-a" names`},
			{title: "the namespace's IPv6 hides the network's IPv4", pod: []string{"networks", "kube-system/own-pool"}, change: withNamespace("ns6", `["wan-v6"]`), want: "deny ippool-network-mismatch"},
			{title: "a namespace with empty lists names none", pod: lan, change: withNamespace("ns4", `[]`, "ns6", `null`)},
			{title: "a namespace that cannot be read", pod: lan, change: withNamespace("ns4", `lan-v4`), want: invalid, says: "default-ipv4-ippool cannot be used"},
			{title: "a namespace with an object", pod: lan, change: withNamespace("ns6", `{"ipv6":["lan-v6"]}`), want: invalid, says: "default-ipv6-ippool cannot be used"},
			{title: "a namespace with a number in the list", pod: lan, change: withNamespace("ns4", `["lan-v4",4]`), want: invalid},
			{title: "a namespace that names a pool twice", pod: lan, change: withNamespace("ns4", `["lan-v4","lan-v4"]`), want: invalid, says: "is in the list twice: Spiderpool"},
			{title: "a namespace whose pool does not exist", pod: lan, change: withNamespace("ns4", `["gone"]`), want: notFound},
			{title: "nobody looks there when the pod names pools", pod: with("ippools", net1(`"lan-v4"`)), change: withNamespace("ns4", `lan-v4`)},
			{title: "the network before default pools", pod: []string{"networks", "kube-system/own-pool"}, change: withoutDefaultPools},
			{title: "the network's pool does not exist", pod: []string{"networks", "kube-system/p"}, want: notFound, says: "default_ipv4_ippool", change: func(_ *testing.T, s *situation) {
				s.cluster.setNetwork("kube-system/p", "overlay", `{"type":"spiderpool","default_ipv4_ippool":["gone"]}`, "")
			}},
			{title: "default pools", pod: lan},
			{title: "default pools that cannot serve", pod: lan, want: "deny ippool-namespace-mismatch", says: "spec.default", change: func(t *testing.T, s *situation) {
				s.cluster.withoutDefaults()
				s.cluster.setPool(t, "d", `"ipVersion":4,"default":true,"namespaceName":["team-b"]`)
			}},
			{title: "no level names a pool", pod: lan, change: withoutDefaultPools, want: notFound, says: "the cluster has no default pool"},
			{title: "no level names a pool, on a template", pod: lan, change: both(withoutDefaultPools, onTemplate), want: "warn ippool-not-found"},
		}},
		{"subnets", []errorCase{
			{title: "subnet", pod: with("subnet", `{"interface":"net1","ipv4":["s4"],"ipv6":["s6"]}`), change: onTemplate},
			{title: "subnet, for eth0 where it names none", pod: []string{"first", "kube-system/first", "subnet", `{"ipv4":["s4"]}`}, change: onTemplate},
			{title: "subnets", pod: two("subnets", `[{"interface":"net1","ipv4":["s1"]},{"interface":"net2","ipv4":["s2"]}]`), change: onTemplate},
			{title: "no JSON", pod: with("subnet", `s4`), change: onTemplate, want: wrong},
			{title: "a list in subnet", pod: with("subnet", `[{"ipv4":["s4"]}]`), change: onTemplate, want: wrong},
			{title: "an object in subnets", pod: with("subnets", `{"ipv4":["s4"]}`), change: onTemplate, want: wrong},
			{title: "null in subnets", pod: with("subnets", `null`), change: onTemplate, want: wrong},
			{title: "null in subnet", pod: with("subnet", `null`), change: onTemplate, want: wrong},
			{title: "an empty list", pod: with("subnets", `[]`), change: onTemplate, want: wrong},
			{title: "neither IPv4 nor IPv6", pod: with("subnets", `[{"interface":"net1"}]`), change: onTemplate, want: wrong, says: "names no subnet"},
			{title: "an empty name", pod: with("subnet", `{"interface":"net1","ipv4":[""]}`), change: onTemplate, want: wrong},
			{title: "one subnet for two interfaces", pod: two("subnets", `[{"interface":"net1","ipv4":["s"]},{"interface":"net2","ipv4":["s"]}]`), change: onTemplate, want: wrong, says: "a subnet of its own"},
			{title: "one interface twice", pod: two("subnets", `[{"interface":"net1","ipv4":["s"]},{"interface":"net1","ipv4":["s2"]}]`), change: onTemplate, want: wrong},
			{title: "only the first name counts", pod: with("subnet", `{"interface":"net1","ipv4":["s","s2"]}`), change: onTemplate, want: passed, says: "only the first subnet"},
			{title: "an unknown key", pod: with("subnet", `{"interface":"net1","ipv4":["s"],"ipv6pools":["x"]}`), change: onTemplate, want: passed},
			{title: "a pod without a controller", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`), want: noSubnet, says: "has no controller"},
			{title: "a pod of a ReplicaSet", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`), change: withController("apps/v1", "ReplicaSet")},
			{title: "a pod of a Job", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`), change: withController("batch/v1", "Job")},
			{title: "a pod of another controller", pod: with("subnets", `[{"interface":"net1","ipv4":["s"]}]`), change: withController("apps.kruise.io/v1alpha1", "CloneSet"), want: noSubnet, says: "cannot count"},
			{title: "a pod of another controller, with a number above its pods", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "+1"), change: withController("apps.kruise.io/v1alpha1", "CloneSet"),
				want: "warn subnet-annotation-unsupported", says: "a number without +"},
			{title: "a pod of another controller, with a number", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "3"), change: withController("apps.kruise.io/v1alpha1", "CloneSet")},
			{title: "a pod without Spiderpool's addresses", pod: []string{"first", "kube-system/calico", "subnet", `{"ipv4":["s"]}`}, want: ignoredKey},
		}},
		{"the number of addresses, and their return", []errorCase{
			{title: "a number", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "3"), change: onTemplate},
			{title: "more than the replicas", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "+1"), change: onTemplate},
			{title: "none", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "0"), change: onTemplate},
			{title: "below none", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "-1"), change: onTemplate, want: wrong, says: "below 0"},
			{title: "below none with a sign", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "+-1"), change: onTemplate, want: wrong},
			{title: "no number", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "three"), change: onTemplate, want: wrong},
			{title: "empty", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", ""), change: onTemplate, want: wrong},
			{title: "a sum: what is before the + is ignored", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "1+1"), change: onTemplate, want: passed, says: "has no effect"},
			{title: "a letter before the +", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "x+1"), change: onTemplate, want: passed},
			{title: "a sign before the +", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "-+1"), change: onTemplate, want: passed},
			{title: "two signs", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "number", "++1"), change: onTemplate, want: wrong},
			{title: "without a subnet", pod: with("number", "x"), want: ignoredKey},
			{title: "true", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "reclaim", "T"), change: onTemplate},
			{title: "neither true nor false", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "reclaim", "yes"), change: onTemplate, want: wrong},
			{title: "reclaim without a subnet", pod: with("reclaim", "yes"), want: ignoredKey},
		}},
		{"routes and the default route", []errorCase{
			{title: "a route", pod: with("ippools", net1(`"lan-v4"`), "routes", `[{"dst":"10.0.0.0/16","gw":"10.1.0.1"}]`)},
			{title: "null is no route", pod: with("ippools", net1(`"lan-v4"`), "routes", `null`)},
			{title: "no JSON", pod: with("routes", `10.0.0.0/16`), want: wrong},
			{title: "an object", pod: with("routes", `{"dst":"10.0.0.0/16","gw":"10.4.0.1"}`), want: wrong},
			{title: "a destination without its length", pod: with("routes", `[{"dst":"10.0.0.0","gw":"10.4.0.1"}]`), want: wrong, says: "a prefix length"},
			{title: "no gateway", pod: with("routes", `[{"dst":"10.0.0.0/16"}]`), want: wrong},
			{title: "a gateway that is no address", pod: with("routes", `[{"dst":"10.0.0.0/16","gw":"10.4.0"}]`), want: wrong},
			{title: "two IP versions", pod: with("routes", `[{"dst":"10.0.0.0/16","gw":"fd04::1"}]`), want: wrong, says: "family"},
			{title: "a gateway in no subnet of the pod's", pod: with("ippools", net1(`"lan-v4"`), "routes", `[{"dst":"10.0.0.0/16","gw":"10.1.0.1"},{"dst":"10.6.0.0/16","gw":"10.9.0.1"}]`), want: passed, says: "element 2"},
			{title: "a gateway in the subnet of another interface", pod: two("ippools", `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["wan-v4"]}]`, "routes", `[{"dst":"10.0.0.0/16","gw":"10.3.0.1"}]`)},
			{title: "a gateway that nobody can place: the subnet of a pool is not known", pod: with("ippools", net1(`"p"`), "routes", `[{"dst":"10.0.0.0/16","gw":"10.9.0.1"}]`), change: withPool("p", `"ipVersion":4`)},
			{title: "an unknown key", pod: with("ippools", net1(`"lan-v4"`), "routes", `[{"dst":"10.0.0.0/16","gw":"10.1.0.1","metric":5}]`), want: passed},
			{title: "routes count beside subnets", pod: with("subnet", `{"interface":"net1","ipv4":["s"]}`, "routes", `x`), change: onTemplate, want: wrong},
			{title: "the default route on net1", pod: with("nic", "net1")},
			{title: "the default route on eth0", pod: with("nic", "eth0")},
			{title: "the default route nowhere", pod: with("nic", "")},
			{title: "the default route on an interface that is not there", pod: with("nic", "net2"), want: passed, says: "the default route is not changed"},
			{title: "whoever gives the addresses", pod: []string{"networks", "kube-system/host", "nic", "net7"}, want: passed},
		}},
		{"one pool for two interfaces", []errorCase{
			{title: "ippool on two interfaces of a network", pod: []string{"networks", "kube-system/lan,kube-system/lan", "ippool", `{"ipv4":["lan-v4"]}`}, want: "deny ippool-shared", says: `"net1" and "net2"`},
			{title: "ippools with one pool", pod: alone("ippools", `[{"interface":"eth0","ipv4":["any-v4"]},{"interface":"net1","ipv4":["any-v4"]}]`), want: "deny ippool-shared"},
			{title: "in IPv6 only", pod: alone("ippools", `[{"interface":"eth0","ipv4":["any-v4"],"ipv6":["any-v6"]},{"interface":"net1","ipv4":["any-v4b"],"ipv6":["any-v6"]}]`), want: "deny ippool-shared", says: "IPv6"},
			{title: "one pool is left for both", pod: alone("ippools", `[{"interface":"eth0","ipv4":["any-v4","wan-v4"]},{"interface":"net1","ipv4":["any-v4"]}]`), want: "warn ippool-network-mismatch, deny ippool-shared"},
			{title: "lists with a pool in common", pod: alone("ippools", `[{"interface":"eth0","ipv4":["any-v4","any-v4b"]},{"interface":"net1","ipv4":["any-v4"]}]`), want: "warn ippool-shared", says: "when both take from it"},
			{title: "ippool with two pools for two interfaces", pod: alone("ippool", `{"ipv4":["any-v4","any-v4b"]}`), want: "warn ippool-shared"},
			{title: "different pools", pod: alone("ippools", `[{"interface":"eth0","ipv4":["any-v4b"]},{"interface":"net1","ipv4":["any-v4"]}]`)},
			{title: "the same network twice, with one default pool of the cluster", pod: []string{"first", "kube-system/first", "networks", "kube-system/first"}, want: "warn ippool-shared", change: func(t *testing.T, s *situation) {
				s.cluster.withoutDefaults()
				s.cluster.setPool(t, "d", `"ipVersion":4,"default":true`)
			}},
			{title: "the same network twice, with two default pools", pod: []string{"first", "kube-system/first", "networks", "kube-system/first"}},
			{title: "one pool of the namespace", pod: []string{"networks", "kube-system/lan,kube-system/lan"}, change: withNamespace("ns4", `["lan-v4"]`), want: "warn ippool-shared"},
			{title: "one pool of the configuration of a network", pod: []string{"networks", "kube-system/own-pool,kube-system/own-pool"}, want: "warn ippool-shared"},
			{title: "three interfaces", pod: []string{"networks", "kube-system/lan,kube-system/lan,kube-system/lan", "ippool", `{"ipv4":["lan-v4"]}`}, want: "deny ippool-shared, deny ippool-shared"},
			{title: "on a template", pod: []string{"networks", "kube-system/lan,kube-system/lan", "ippool", `{"ipv4":["lan-v4"]}`}, change: onTemplate, want: "deny ippool-shared"},
		}},
		{"networks that Spiderpool writes", []errorCase{
			{title: "on the pod", pod: with("inject", "group-a"), want: "warn resource-inject-overrides-networks"},
			{title: "for RDMA", pod: with("rdma", "group-a"), want: "warn resource-inject-overrides-networks", says: "rdma-resource-inject"},
			{title: "both: the one for RDMA counts", pod: with("rdma", "group-a", "inject", "group-b"), want: "warn resource-inject-overrides-networks", says: `rdma-resource-inject ("group-a")`},
			{title: "on the namespace", pod: lan, change: withNamespace("inject", "group-a"), want: "warn resource-inject-overrides-networks", says: "the namespace's"},
			{title: "without networks nothing is lost", pod: []string{"inject", "group-a"}},
			{title: "a namespace that is not known", pod: lan, change: func(_ *testing.T, s *situation) { s.cluster.namespaces = nil }},
			{title: "what the pools are for is not known yet", pod: []string{"networks", "lan", "inject", "group-a", "ippools", `[{"interface":"net9","ipv4":["lan-v4"]}]`}, change: onTemplate,
				want: "warn resource-inject-overrides-networks"},
			{title: "written by Spiderpool", pod: with("inject", "group-a"), change: withResources("example.com/lan")},
			{title: "judged as they stand", pod: with("inject", "group-a", "ippools", net1(`"gone"`)), want: "warn resource-inject-overrides-networks, deny ippool-not-found"},
			{title: "judged as they stand, with the annotation on the namespace", pod: with("ippools", net1(`"gone"`)), change: withNamespace("inject", "group-a"),
				want: "warn resource-inject-overrides-networks, deny ippool-not-found"},
			{title: "on a template", pod: with("inject", "group-a"), change: onTemplate, want: "warn resource-inject-overrides-networks"},
		}},
		{"what a pod will really get", []errorCase{
			{title: "not the default that is not filled in", pod: []string{"networks", "kube-system/lan-default,kube-system/lan-default"},
				change: func(_ *testing.T, s *situation) { s.cluster.withoutDefaults() },
				want:   "deny ippool-not-found, deny ippool-not-found, warn ippool-shared", says: "the cluster has no default pool"},
			{title: "not the pools of an IP version that is off", pod: with("ippool", `{"ipv4":["lan-v4"],"ipv6":["gone"]}`), change: withConfig("spiderpool: {ipv6: false}")},
			{title: "the pools of one that is on", pod: with("ippool", `{"ipv4":["lan-v4"],"ipv6":["gone"]}`), want: "deny ippool-not-found"},
			{title: "no pool of an IP version that is off", pod: with("ippool", `{"ipv6":["lan-v4"]}`), change: withConfig("spiderpool: {ipv6: false}"), want: "deny ippool-annotation-invalid"},
			{title: "a default that may be applied later, on a template", pod: lan,
				change: func(t *testing.T, s *situation) { withNamespace("ns4", `["gone"]`)(t, s); onTemplate(t, s) }, want: "warn ippool-not-found"},
			{title: "the default of its network, which does not exist", pod: []string{"networks", "kube-system/lan-default", "ippools", net1(`"lan-v4"`)},
				change: func(_ *testing.T, s *situation) { s.cluster.pools.Delete("lan-v4") },
				want:   "deny ippool-not-found", says: `which the annotation of network "kube-system/lan-default" names`},
			{title: "nothing, without the networks annotation", pod: []string{"ippools", net1(`"lan-v4"`)}, want: "warn ippools-interface-unknown", says: "remove the annotation: no network"},
			{title: "another pool than the one that is taken", pod: []string{"networks", "kube-system/lan,kube-system/lan", "ippools", `[{"interface":"net1","ipv4":["lan-v4"]},{"interface":"net2","ipv4":["gone"]}]`},
				want: "deny ippool-not-found", says: `such as "lan-v4b"`},
			{title: "the rest of the list", pod: with("ippools", net1(`"lan-v4","gone"`)), want: "deny ippool-not-found", says: "leave the pool out"},
		}},
		{"what is not known", []errorCase{
			{title: "which pools there are", pod: with("ippools", net1(`"gone","gone-*"`)), change: func(_ *testing.T, s *situation) { s.cluster.pools = nil }},
			{title: "whether there are default pools", pod: lan, change: func(_ *testing.T, s *situation) { s.cluster.pools = nil }},
			{title: "names in common are seen all the same", pod: []string{"networks", "kube-system/lan,kube-system/lan", "ippool", `{"ipv4":["gone"]}`}, change: func(_ *testing.T, s *situation) { s.cluster.pools = nil }, want: "deny ippool-shared"},
			{title: "what is wrong with the annotation too", pod: with("ippools", `[{"interface":"net2","ipv4":["a","a"]}]`), change: func(_ *testing.T, s *situation) { s.cluster.pools = nil }, want: invalid + ", " + left + ", " + listed},
			{title: "the network of the interface", pod: []string{"networks", "kube-system/gone", "ippools", net1(`"gone"`)}, want: "deny network-not-found"},
			{title: "the namespace", pod: lan, change: func(_ *testing.T, s *situation) { s.cluster.namespaces = nil }},
		}},
		{"keys that nobody reads", []errorCase{
			{title: "on a pod of other plugins", pod: []string{"first", "kube-system/calico", "networks", "kube-system/host", "ippools", `x`, "ippool", `x`, "routes", `x`}, want: ignoredKey + ", " + ignoredKey + ", " + ignoredKey, says: "no interface of the pod"},
			{title: "on the host's network", pod: with("ippools", `x`), change: func(_ *testing.T, s *situation) { s.subject.HostNetwork = true }, want: "warn host-network"},
		}},
	} {
		t.Run(section.title, func(t *testing.T) {
			for _, test := range section.cases {
				t.Run(test.title, func(t *testing.T) {
					s := situation{cluster: newCluster(t), subject: podOf(test.pod...)}
					if test.change != nil {
						test.change(t, &s)
					}
					v := s.cluster.judge(s.subject, configOf(t, s.config))
					if v.Undecided != nil {
						t.Fatal(v.Undecided)
					}
					text := v.Explanation(verdict.Warn)
					if got := ids(v); got != test.want {
						t.Errorf("got %q, want %q\n%s", got, test.want, text)
					}
					if !strings.Contains(text, test.says) {
						t.Errorf("the findings do not say %q:\n%s", test.says, text)
					}
					for _, f := range v.Findings {
						if value := s.subject.Annotations[f.Place.Annotation()]; f.Place.Offset < 0 || f.Place.Offset > len(value) {
							t.Errorf("%s points at byte %d of %q", f.Rule, f.Place.Offset, value)
						}
					}
				})
			}
		})
	}
}

// What could not be looked up leaves a pod undecided, unless there is reason enough
// to refuse it, or it does not depend on it.
func TestUndecidedForPools(t *testing.T) {
	down := errors.New("connection refused")
	for _, test := range []struct {
		title     string
		subject   *pod.Subject
		change    func(*cluster)
		want      string
		undecided string
	}{
		{"pools", podOf("networks", "kube-system/lan", "ippools", net1(`"gone"`)), func(c *cluster) { c.poolsErr = down }, "", "look up pools: connection refused"},
		{"pools, and the annotation is wrong", podOf("networks", "kube-system/lan", "ippools", `x`), func(c *cluster) { c.poolsErr = down }, invalid, ""},
		{"pools, on a pod of other plugins", podOf("networks", "kube-system/host"), func(c *cluster) { c.poolsErr = down }, "", ""},
		{"the namespace", podOf("networks", "kube-system/lan"), func(c *cluster) { c.namespaceErr = down }, "", `look up namespace "team-a": connection refused`},
		{"the namespace, and a pool does not exist", podOf("networks", "kube-system/lan", "ippools", net1(`"gone"`)), func(c *cluster) { c.namespaceErr = down }, notFound, ""},
		{"the namespace, on a pod of other plugins", podOf("networks", "kube-system/host"), func(c *cluster) { c.namespaceErr = down }, "", ""},
		{"the network", podOf("networks", "kube-system/lan", "ippools", net1(`"gone"`)), func(c *cluster) { c.networkErr = down }, "", `look up network "kube-system/lan": connection refused`},
	} {
		t.Run(test.title, func(t *testing.T) {
			c := newCluster(t)
			test.change(c)
			v := c.judge(test.subject, config.Default())
			if got := ids(v); got != test.want {
				t.Errorf("got %q, want %q\n%s", got, test.want, v.Explanation(verdict.Warn))
			}
			got := ""
			if v.Undecided != nil {
				got = v.Undecided.Error()
			}
			if got != test.undecided {
				t.Errorf("undecided %q, want %q", got, test.undecided)
			}
			if v.Undecided != nil && !errors.Is(v.Undecided, down) {
				t.Error("the cause is lost")
			}
		})
	}
}

// The report shows which pools an interface gets, and from which level.
func TestPoolsOfInterfaces(t *testing.T) {
	for _, test := range []struct {
		title  string
		pod    []string
		change func(*testing.T, *situation)
		want   string
	}{
		{"pod", []string{"networks", "kube-system/lan", "ippools", `[{"interface":"net1","ipv4":["lan-*"],"ipv6":["lan-v6"]}]`}, nil, "net1 pod lan-v4,lan-v4b lan-v6"},
		{"namespace", []string{"networks", "kube-system/own-pool"}, withNamespace("ns4", `["lan-v4"]`), "net1 namespace lan-v4 "},
		{"network", []string{"networks", "kube-system/own-pool"}, nil, "net1 network lan-v4b "},
		{"default", []string{"networks", "kube-system/lan"}, nil, "net1 default any-v4,any-v4b "},
		{"none", []string{"networks", "kube-system/lan"}, withoutDefaultPools, "net1 none  "},
		{"config", []string{"networks", "kube-system/lan-default@a,kube-system/wan@b,kube-system/host@c"}, nil, "a config lan-v4 ; b default any-v4,any-v4b "},
		{"a standalone pod", []string{"first", "kube-system/first", "networks", "kube-system/own-pool"}, nil, "eth0 default any-v4,any-v4b ; net1 network lan-v4b "},
		{"subnets", []string{"networks", "kube-system/lan", "subnet", `{"interface":"net1","ipv4":["s"]}`}, onTemplate, "net1 pod  "},
		{"pools that are not known", []string{"networks", "kube-system/lan", "ippools", net1(`"a*","b"`)}, func(_ *testing.T, s *situation) { s.cluster.pools = nil }, "net1 pod a*,b "},
		{"default pools that are not known", []string{"networks", "kube-system/lan"}, func(_ *testing.T, s *situation) { s.cluster.pools = nil }, "net1 default  "},
	} {
		t.Run(test.title, func(t *testing.T) {
			s := situation{cluster: newCluster(t), subject: podOf(test.pod...)}
			if test.change != nil {
				test.change(t, &s)
			}
			var got []string
			for _, i := range s.cluster.view(s.cluster.complete(s.subject, config.Default()), config.Default()).KnownInterfaces() {
				if p := i.Pools(); p != nil {
					got = append(got, i.Name+" "+string(p.Source)+" "+strings.Join(p.IPv4, ",")+" "+strings.Join(p.IPv6, ","))
				}
			}
			if text := strings.Join(got, "; "); text != test.want {
				t.Errorf("got %q, want %q", text, test.want)
			}
		})
	}
}

// Which pools a verdict rests on is known once the pod was judged: only those are
// asked for again before it is refused.
func TestQuestionsAboutPools(t *testing.T) {
	for _, test := range []struct {
		title string
		pod   []string
		pools string
		every bool
	}{
		{"named", []string{"networks", "kube-system/lan,kube-system/wan", "ippools", `[{"interface":"net1","ipv4":["lan-v4"],"ipv6":["gone"]},{"interface":"net2","ipv4":["wan-v4","lan-v4"]}]`}, "lan-v4 gone wan-v4", false},
		{"a pattern", []string{"networks", "kube-system/lan", "ippools", net1(`"lan-v4","lan-*"`)}, "lan-v4", true},
		{"default pools", []string{"networks", "kube-system/lan"}, "", true},
		{"of the network", []string{"networks", "kube-system/own-pool"}, "lan-v4b", false},
		{"other plugins", []string{"networks", "kube-system/host"}, "", false},
	} {
		c := newCluster(t)
		pod := pod.Parse(podOf(test.pod...), config.Default())
		if before := pod.Questions(); before.Namespace != "team-a" || before.Pools != nil || before.EveryPool {
			t.Errorf("%s: asked at first: %+v", test.title, before)
		}
		if pools, every := pod.With(c.facts(pod.Questions())).UsedPools(); strings.Join(pools, " ") != test.pools || every != test.every {
			t.Errorf("%s: asked then: %q, every pool: %t", test.title, pools, every)
		}
	}
	var names []string
	for n := range pod.MaxNamedPools + 1 {
		names = append(names, fmt.Sprintf("%q", fmt.Sprintf("p%d", n)))
	}
	p := pod.Parse(podOf("networks", "kube-system/lan", "ippools", net1(strings.Join(names, ","))), config.Default())
	if pools, every := p.With(newCluster(t).facts(p.Questions())).UsedPools(); len(pools) != pod.MaxNamedPools || !every {
		t.Errorf("%d pools are asked for by their names, every pool: %t", len(pools), every)
	}
	exempt := podOf("ippool", `{}`)
	exempt.Namespace = "kube-system"
	if q := pod.Parse(exempt, config.Default()).Questions(); q.Namespace != "" {
		t.Errorf("an exempt pod asks for namespace %q", q.Namespace)
	}
}
