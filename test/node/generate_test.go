package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// generated is a pod that is made up, with the networks that it names.
type generated struct {
	title string
	// configs are the configurations of networks in the pod's namespace, by their names.
	configs map[string]string
	// networks and first are the annotations; empty for none.
	networks, first string
	// plain says that the pod asks for no more than its network, so that what is said of the
	// network counts as well.
	plain bool
}

// option is a part of a configuration or an annotation, in JSON, by the words for it.
type option struct{ title, text string }

// inRange is a host-local IPAM that most are compared with.
const inRange = `{"type":"host-local","ranges":[[{"subnet":"10.20.30.0/24"}]]}`

// ipams are what a network has for its addresses, the subnet being 10.20.30.0/24 or
// fd00:20::/64.
var ipams = []option{
	{"no ipam", ``},
	{"empty ipam", `{}`},
	{"ipam of no type", `{"type":""}`},
	{"host-local", inRange},
	{"host-local, old form", `{"type":"host-local","subnet":"10.20.30.0/24"}`},
	{"host-local, range", `{"type":"host-local","subnet":"10.20.30.0/24","rangeStart":"10.20.30.20","rangeEnd":"10.20.30.40"}`},
	{"host-local, gateway and default route", `{"type":"host-local","ranges":[[{"subnet":"10.20.30.0/24","gateway":"10.20.30.254"}]],"routes":[{"dst":"0.0.0.0/0"}]}`},
	{"host-local, two families", `{"type":"host-local","ranges":[[{"subnet":"10.20.30.0/24"}],[{"subnet":"fd00:20::/64"}]]}`},
	{"host-local, IPv6", `{"type":"host-local","ranges":[[{"subnet":"fd00:20::/64"}]]}`},
	{"host-local, set of two ranges", `{"type":"host-local","ranges":[[{"subnet":"10.20.30.0/24"},{"subnet":"10.20.31.0/24"}]]}`},
	{"host-local, two sets of one subnet", `{"type":"host-local","ranges":[[{"subnet":"10.20.30.0/24","rangeStart":"10.20.30.2","rangeEnd":"10.20.30.99"}],[{"subnet":"10.20.30.0/24","rangeStart":"10.20.30.100","rangeEnd":"10.20.30.199"}]]}`},
	{"host-local, /30", `{"type":"host-local","ranges":[[{"subnet":"10.20.30.4/30"}]]}`},
	{"host-local, range of one", `{"type":"host-local","subnet":"10.20.30.0/24","rangeStart":"10.20.30.9","rangeEnd":"10.20.30.9"}`},
	{"host-local, range of the gateway", `{"type":"host-local","subnet":"10.20.30.0/24","rangeStart":"10.20.30.9","rangeEnd":"10.20.30.9","gateway":"10.20.30.9"}`},
	{"host-local, gateway outside", `{"type":"host-local","subnet":"10.20.30.0/24","gateway":"10.20.31.1"}`},
	{"host-local, range to the broadcast address", `{"type":"host-local","subnet":"10.20.30.0/24","rangeStart":"10.20.30.254","rangeEnd":"10.20.30.255"}`},
	{"static", `{"type":"static","addresses":[{"address":"10.20.30.40/24"}]}`},
	{"static, gateway and default route", `{"type":"static","addresses":[{"address":"10.20.30.40/24","gateway":"10.20.30.1"}],"routes":[{"dst":"0.0.0.0/0"}]}`},
	{"static, gateway elsewhere, no route", `{"type":"static","addresses":[{"address":"10.20.30.40/24","gateway":"10.99.0.1"}]}`},
	{"static, gateway elsewhere and default route", `{"type":"static","addresses":[{"address":"10.20.30.40/24","gateway":"10.99.0.1"}],"routes":[{"dst":"0.0.0.0/0"}]}`},
	{"static, /32 with a gateway", `{"type":"static","addresses":[{"address":"10.20.30.40/32","gateway":"10.20.30.1"}],"routes":[{"dst":"0.0.0.0/0"}]}`},
	{"static, IPv6", `{"type":"static","addresses":[{"address":"fd00:20::40/64"}]}`},
	{"static, IPv6 with a link-local gateway", `{"type":"static","addresses":[{"address":"fd00:20::40/64","gateway":"fe80::1"}],"routes":[{"dst":"::/0"}]}`},
	{"static, two families", `{"type":"static","addresses":[{"address":"10.20.30.40/24"},{"address":"fd00:20::40/64"}]}`},
	{"static, two of one subnet", `{"type":"static","addresses":[{"address":"10.20.30.40/24"},{"address":"10.20.30.41/24"}]}`},
	{"static, one address with two lengths", `{"type":"static","addresses":[{"address":"10.20.30.40/24"},{"address":"10.20.30.40/16"}]}`},
	{"static, the same twice", `{"type":"static","addresses":[{"address":"10.20.30.40/24"},{"address":"10.20.30.40/24"}]}`},
	{"static, IPv6 twice with two lengths", `{"type":"static","addresses":[{"address":"fd00:20::40/64"},{"address":"fd00:20::40/80"}]}`},
	{"static, without a length", `{"type":"static","addresses":[{"address":"10.20.30.40"}]}`},
	{"static, no address of a link", `{"type":"static","addresses":[{"address":"ff02::5/64"}]}`},
	{"static, unspecified", `{"type":"static","addresses":[{"address":"::/64"}]}`},
	{"static, loopback", `{"type":"static","addresses":[{"address":"::1/128"}]}`},
	{"static, network address", `{"type":"static","addresses":[{"address":"10.20.30.0/24"}]}`},
	{"static, broadcast address", `{"type":"static","addresses":[{"address":"10.20.30.255/24"}]}`},
	{"static, no addresses", `{"type":"static"}`},
	{"static, empty addresses", `{"type":"static","addresses":[]}`},
	{"host-local, keys of whereabouts", `{"type":"host-local","subnet":"10.20.30.0/24","exclude":["10.20.30.9/32"],"range_start":"10.20.30.5"}`},
}

// forms are what a pod may ask of a network: the JSON of an element without its name.
var forms = []option{
	{"plain", ``},
	{"named", `"interface":"lan"`},
	{"mac", `"mac":"02:5e:00:00:00:01"`},
	{"ips", `"ips":["10.20.30.50/24"]`},
	{"ips without a length", `"ips":["10.20.30.50"]`},
	{"ips outside", `"ips":["10.99.0.9/24"]`},
	{"ips of two families", `"ips":["10.20.30.50/24","fd00:20::50/64"]`},
	{"default-route", `"default-route":["10.20.30.1"]`},
	{"default-route outside", `"default-route":["10.99.0.1"]`},
	{"default-route IPv6", `"default-route":["fd00:20::1"]`},
	{"ips and default-route", `"ips":["10.20.30.50/24"],"default-route":["10.20.30.1"]`},
	{"cni-args", `"cni-args":{"ips":["10.20.30.60/24"]}`},
}

// moreForms are tried on few networks.
var moreForms = []option{
	{"gateway as ips", `"ips":["10.20.30.1/24"]`},
	{"two ips of one subnet", `"ips":["10.20.30.50/24","10.20.30.51/24"]`},
	{"unspecified ips", `"ips":["0.0.0.0"]`},
	{"default-route of its own address", `"ips":["10.20.30.50/24"],"default-route":["10.20.30.50"]`},
	{"default-route of the network address", `"default-route":["10.20.30.0"]`},
	{"default-route of the broadcast address", `"default-route":["10.20.30.255"]`},
	{"default-route empty list", `"default-route":[]`},
	{"default-route empty text", `"default-route":[""]`},
	{"default-route unspecified", `"default-route":["::"]`},
	{"default-route unspecified IPv4", `"default-route":["0.0.0.0"]`},
	{"default-route link-local", `"default-route":["fe80::1"]`},
	{"default-route two", `"default-route":["10.20.30.1","10.20.30.2"]`},
	{"default-route of two families", `"default-route":["10.20.30.1","fd00:20::1"]`},
	{"cni-args outside", `"cni-args":{"ips":["10.99.0.9"]}`},
	{"cni-args of the gateway", `"cni-args":{"ips":["10.20.30.1"]}`},
	{"cni-args of two", `"cni-args":{"ips":["10.20.30.60","10.20.30.61"]}`},
	{"cni-args no list", `"cni-args":{"ips":"10.20.30.60"}`},
	{"cni-args without a length", `"cni-args":{"ips":["10.20.30.60"]}`},
	{"cni-args beside ips", `"ips":["10.20.30.50/24"],"cni-args":{"ips":["10.20.30.60/24"]}`},
	{"cni-args beside the same ips", `"ips":["10.20.30.60/24"],"cni-args":{"ips":["10.20.30.60/24"]}`},
	{"cni-args mac", `"cni-args":{"mac":"02:5e:00:00:00:02"}`},
	{"cni-args of others", `"cni-args":{"vf":"1"}`},
	{"multicast mac", `"mac":"01:00:5e:00:00:01"`},
	{"zero mac", `"mac":"00:00:00:00:00:00"`},
	{"long name", `"interface":"abcdefghijklmno"`},
	{"name with a percent sign", `"interface":"a%d"`},
	{"name of the kernel", `"interface":"all"`},
	{"bandwidth", `"bandwidth":{"ingressRate":1000000,"ingressBurst":1000000}`},
	{"portMappings", `"portMappings":[{"hostPort":8080,"containerPort":80}]`},
	{"unknown field", `"ip":["10.20.30.50/24"]`},
}

// links are the other fields of macvlan.
var links = []option{
	{"mode bridge", `"mode":"bridge"`},
	{"mode private", `"mode":"private"`},
	{"mode vepa", `"mode":"vepa"`},
	{"mode passthru", `"mode":"passthru"`},
	{"mode in capitals", `"mode":"Bridge"`},
	{"mtu 0", `"mtu":0`},
	{"mtu 67", `"mtu":67`},
	{"mtu 68", `"mtu":68`},
	{"mtu 1279", `"mtu":1279`},
	{"mtu 1280", `"mtu":1280`},
	{"mtu 1500", `"mtu":1500`},
	{"mtu 9000", `"mtu":9000`},
	{"mtu beyond numbers", `"mtu":99999999999`},
	{"mtu as text", `"mtu":"1500"`},
	{"mac", `"mac":"02:5e:00:00:00:01"`},
	{"mac multicast", `"mac":"03:5e:00:00:00:01"`},
	{"mac unreadable", `"mac":"02:5e:00:00:00"`},
	{"bcqueuelen", `"bcqueuelen":5`},
	{"bcqueuelen too large", `"bcqueuelen":4294967296`},
	{"vlan", `"vlan":100`},
	{"passthru with a mac", `"mode":"passthru","mac":"02:5e:00:00:00:01"`},
	{"args", `"args":{"cni":{"ips":["10.20.30.70/24"]}}`},
	{"args outside", `"args":{"cni":{"ips":["10.99.0.9"]}}`},
	{"args as text", `"args":"x"`},
	{"runtimeConfig", `"runtimeConfig":{"ips":["10.20.30.80/24"]}`},
	{"capabilities of texts", `"capabilities":{"ips":"true"}`},
	{"dns", `"dns":{"nameservers":["10.20.30.53"]}`},
	{"ipMasq", `"ipMasq":true`},
}

// masters stand in place of the link.
var masters = []option{
	{"no master", ``},
	{"vlan", `"master":"bond0.100"`},
	{"15 bytes", `"master":"enp129s0f1np1.x"`},
	{"16 bytes", `"master":"enp129s0f1np1.xy"`},
	{"loopback", `"master":"lo"`},
	{"blank", `"master":"bond0 100"`},
	{"slash", `"master":"bond0/100"`},
	{"number", `"master":5`},
	{"in container", `"master":"eth0","linkInContainer":true`},
	{"in container, itself", `"master":"net1","linkInContainer":true`},
	{"in container, none", `"linkInContainer":true`},
	{"in container, another", `"master":"net7","linkInContainer":true`},
	{"in container, loopback", `"master":"lo","linkInContainer":true`},
}

// chains stand behind a macvlan plugin, or in its place where the title says so.
var chains = []option{
	{"tuning", `{"type":"tuning"}`},
	{"tuning mac", `{"type":"tuning","mac":"02:5e:00:00:00:03"}`},
	{"tuning mac multicast", `{"type":"tuning","mac":"03:5e:00:00:00:03"}`},
	{"tuning mac unreadable", `{"type":"tuning","mac":"02:5e"}`},
	{"tuning capability mac", `{"type":"tuning","capabilities":{"mac":true}}`},
	{"tuning mtu", `{"type":"tuning","mtu":1400}`},
	{"tuning mtu 67", `{"type":"tuning","mtu":67}`},
	{"tuning mtu negative", `{"type":"tuning","mtu":-1}`},
	{"tuning mtu above the master's", `{"type":"tuning","mtu":9000}`},
	{"tuning mtu 1000", `{"type":"tuning","mtu":1000}`},
	{"tuning sysctl", `{"type":"tuning","sysctl":{"net.ipv4.conf.IFNAME.arp_notify":"1"}}`},
	{"tuning sysctl with slashes", `{"type":"tuning","sysctl":{"net/ipv4/conf/IFNAME/arp_notify":"1"}}`},
	{"tuning sysctl number", `{"type":"tuning","sysctl":{"net.core.somaxconn":500}}`},
	{"tuning sysctl of the kernel", `{"type":"tuning","sysctl":{"kernel.shm_rmid_forced":"1"}}`},
	{"tuning sysctl net", `{"type":"tuning","sysctl":{"net":"1"}}`},
	{"tuning sysctl empty", `{"type":"tuning","sysctl":{"":"1"}}`},
	{"tuning sysctl that is not there", `{"type":"tuning","sysctl":{"net.ipv4.conf.IFNAME.nosuch":"1"}}`},
	{"tuning sysctl disable_ipv6", `{"type":"tuning","sysctl":{"net.ipv6.conf.IFNAME.disable_ipv6":"1"}}`},
	{"tuning promisc", `{"type":"tuning","promisc":true}`},
	{"tuning promisc as text", `{"type":"tuning","promisc":"true"}`},
	{"tuning allmulti", `{"type":"tuning","allmulti":true}`},
	{"tuning txqlen", `{"type":"tuning","txQLen":500}`},
	{"tuning txqlen negative", `{"type":"tuning","txQLen":-1}`},
	{"sbr", `{"type":"sbr"}`},
	{"sbr table", `{"type":"sbr","table":150}`},
	{"sbr table as text", `{"type":"sbr","table":"150"}`},
	{"portmap", `{"type":"portmap","capabilities":{"portMappings":true}}`},
	{"bandwidth", `{"type":"bandwidth","capabilities":{"bandwidth":true}}`},
	{"bandwidth rate", `{"type":"bandwidth","ingressRate":1000000,"ingressBurst":1000000}`},
	{"bandwidth rate without burst", `{"type":"bandwidth","ingressRate":1000000}`},
	{"vrf", `{"type":"vrf","vrfname":"blue"}`},
	{"vrf without a name", `{"type":"vrf"}`},
	{"macvlan again", `{"type":"macvlan","master":"lan0","ipam":{"type":"host-local","subnet":"10.20.32.0/24"}}`},
	{"two tunings", `{"type":"tuning","mtu":1400},{"type":"tuning","promisc":true}`},
	{"tuning and sbr", `{"type":"tuning","mtu":1400},{"type":"sbr"}`},
	{"no such plugin", `{"type":".."}`},
	{"no type", `{}`},
}

// mains are networks of other plugins.
var mains = []option{
	{"bridge", `"type":"bridge","bridge":"br9"`},
	{"bridge without a name", `"type":"bridge"`},
	{"bridge as gateway", `"type":"bridge","bridge":"br9","isGateway":true`},
	{"bridge with a long name", `"type":"bridge","bridge":"abcdefghijklmnop"`},
	{"bridge vlan", `"type":"bridge","bridge":"br9","vlan":100`},
	{"bridge vlan 5000", `"type":"bridge","bridge":"br9","vlan":5000`},
	{"bridge mtu 67", `"type":"bridge","bridge":"br9","mtu":67`},
	{"bridge hairpin and promisc", `"type":"bridge","bridge":"br9","hairpinMode":true,"promiscMode":true`},
	{"ptp", `"type":"ptp"`},
	{"ptp mtu", `"type":"ptp","mtu":1400`},
	{"ipvlan", `"type":"ipvlan","master":"lan0"`},
	{"ipvlan l3", `"type":"ipvlan","master":"lan0","mode":"l3"`},
	{"ipvlan bridge", `"type":"ipvlan","master":"lan0","mode":"bridge"`},
	{"vlan", `"type":"vlan","master":"lan0","vlanId":100`},
	{"vlan 4095", `"type":"vlan","master":"lan0","vlanId":4095`},
	{"vlan -1", `"type":"vlan","master":"lan0","vlanId":-1`},
	{"vlan without an ID", `"type":"vlan","master":"lan0"`},
	{"dummy", `"type":"dummy"`},
	{"host-device", `"type":"host-device","device":"lan0"`},
	{"host-device without a device", `"type":"host-device"`},
	{"tap", `"type":"tap"`},
	{"loopback", `"type":"loopback"`},
	{"tuning alone", `"type":"tuning"`},
	{"sbr alone", `"type":"sbr"`},
	{"portmap alone", `"type":"portmap"`},
	{"bandwidth alone", `"type":"bandwidth"`},
	{"vrf alone", `"type":"vrf","vrfname":"blue"`},
	{"host-local as plugin", `"type":"host-local"`},
	{"dot", `"type":"."`},
	{"dots", `"type":".."`},
	{"slash", `"type":"a/b"`},
}

// routes are of the network, beside a host-local or static address.
var routes = []option{
	{"by the gateway", `[{"dst":"172.20.0.0/16"}]`},
	{"by a neighbour", `[{"dst":"172.20.0.0/16","gw":"10.20.30.2"}]`},
	{"out of reach", `[{"dst":"172.20.0.0/16","gw":"10.99.0.1"}]`},
	{"other family", `[{"dst":"172.20.0.0/16","gw":"fd00:20::1"}]`},
	{"the same twice", `[{"dst":"172.20.0.0/16"},{"dst":"172.20.0.0/16"}]`},
	{"the same by two gateways", `[{"dst":"172.20.0.0/16","gw":"10.20.30.2"},{"dst":"172.20.0.0/16","gw":"10.20.30.3"}]`},
	{"default twice", `[{"dst":"0.0.0.0/0"},{"dst":"0.0.0.0/0"}]`},
	{"host bits", `[{"dst":"172.20.5.5/16"}]`},
	{"IPv6 host bits", `[{"dst":"fd00:99::5/64","gw":"fe80::1"}]`},
	{"broadcast as gateway", `[{"dst":"172.20.0.0/16","gw":"10.20.30.255"}]`},
	{"network as gateway", `[{"dst":"172.20.0.0/16","gw":"10.20.30.0"}]`},
	{"its own address as gateway", `[{"dst":"172.20.0.0/16","gw":"10.20.30.40"}]`},
	{"IPv6 default on IPv4", `[{"dst":"::/0"}]`},
	{"no dst", `[{"gw":"10.20.30.1"}]`},
	{"empty", `[{}]`},
	{"dst no prefix", `[{"dst":"172.20.0.0"}]`},
	{"scope link", `[{"dst":"172.20.0.0/16","scope":253}]`},
	{"scope link with a gateway", `[{"dst":"172.20.0.0/16","gw":"10.20.30.1","scope":253}]`},
	{"scope host", `[{"dst":"172.20.0.0/16","scope":254}]`},
	{"table", `[{"dst":"172.20.0.0/16","table":100}]`},
	{"priority", `[{"dst":"0.0.0.0/0","priority":500}]`},
	{"mtu", `[{"dst":"172.20.0.0/16","mtu":1400}]`},
	{"its own subnet", `[{"dst":"10.20.30.0/24"}]`},
	{"zero gateway", `[{"dst":"172.20.0.0/16","gw":"0.0.0.0"}]`},
}

// versions are of the configuration.
var versions = []string{"", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", "1.2.0", "0.3", "v1.0.0", "1.1"}

// joined is an object of parts that are not empty.
func joined(parts ...string) string {
	return "{" + strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ",") + "}"
}

func field(key, text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf("%q:%s", key, text)
}

// macvlan is a configuration of the plugin on lan0.
func macvlan(ipam string, parts ...string) string {
	return joined(append([]string{`"cniVersion":"1.0.0","type":"macvlan","master":"lan0"`, field("ipam", ipam)}, parts...)...)
}

// asks is an annotation: an element for each form, of networks in turn.
func asks(name string, forms ...string) string {
	var elements []string
	for _, form := range forms {
		elements = append(elements, joined(field("name", fmt.Sprintf("%q", name)), form))
	}
	return "[" + strings.Join(elements, ",") + "]"
}

const capable = `"capabilities":{"ips":true,"mac":true}`

// generate makes all pods, always the same.
func generate() []generated {
	var all []generated
	add := func(title, config string, form option) {
		all = append(all, generated{
			title: title + "; " + form.title, configs: map[string]string{"n": config},
			networks: asks("n", form.text), plain: form.text == "",
		})
	}
	plain := forms[0]

	for i, ipam := range ipams {
		for j, form := range forms {
			capability := ""
			// With and without in turn, and both where addresses are asked for.
			if (i+j)%2 == 0 {
				capability = capable
			}
			add(ipam.title+" "+capability, macvlan(ipam.text, capability), form)
		}
		all = append(all,
			generated{title: ipam.title + "; twice", configs: map[string]string{"n": macvlan(ipam.text)}, networks: asks("n", "", "")},
			generated{title: ipam.title + "; first", configs: map[string]string{"n": macvlan(ipam.text)}, first: asks("n", `"namespace":"default"`)},
		)
	}
	for _, form := range moreForms {
		for _, ipam := range []string{"", inRange, `{"type":"static","addresses":[{"address":"10.20.30.40/24"}]}`, `{"type":"host-local","ranges":[[{"subnet":"10.20.30.0/24"}],[{"subnet":"fd00:20::/64"}]]}`} {
			capability := capable
			if strings.Contains(form.title, "beside") {
				capability = ""
			}
			add("macvlan with "+ipam, macvlan(ipam, capability), form)
		}
	}
	for _, link := range links {
		for _, ipam := range []string{inRange, `{"type":"static","addresses":[{"address":"fd00:20::40/64"}]}`} {
			add(link.title, macvlan(ipam, link.text), plain)
			all = append(all, generated{title: link.title + "; twice", configs: map[string]string{"n": macvlan(ipam, link.text)}, networks: asks("n", "", "")})
		}
		add(link.title, macvlan(inRange, link.text, capableBeside(link.text)), option{"mac", `"mac":"02:5e:00:00:00:09"`})
		all = append(all, generated{title: link.title + "; first", configs: map[string]string{"n": macvlan(inRange, link.text)}, first: asks("n", `"namespace":"default"`)})
	}
	for _, master := range masters {
		config := joined(`"cniVersion":"1.0.0","type":"macvlan"`, master.text, field("ipam", inRange))
		add("master: "+master.title, config, plain)
		all = append(all,
			generated{
				title: "master: " + master.title + "; behind another", configs: map[string]string{"n": config, "before": macvlan("")},
				networks: `[{"name":"before"},{"name":"n"}]`,
			},
			generated{
				title: "master: " + master.title + "; before another", configs: map[string]string{"n": strings.ReplaceAll(config, "net1", "net2"), "behind": macvlan("")},
				networks: `[{"name":"n"},{"name":"behind"}]`,
			},
			generated{title: "master: " + master.title + "; first", configs: map[string]string{"n": config}, first: asks("n", `"namespace":"default"`)},
		)
	}
	for _, chain := range chains {
		for _, ipam := range []string{"", inRange, `{"type":"static","addresses":[{"address":"fd00:20::40/64"}]}`} {
			link := joined(`"type":"macvlan","master":"lan0"`, field("ipam", ipam))
			add("behind macvlan: "+chain.title, `{"cniVersion":"1.0.0","name":"chain","plugins":[`+link+`,`+chain.text+`]}`, plain)
		}
		link := joined(`"type":"macvlan","master":"lan0"`, field("ipam", inRange))
		add("before macvlan: "+chain.title, `{"cniVersion":"1.0.0","name":"chain","plugins":[`+chain.text+`,`+link+`]}`, plain)
		add("behind macvlan: "+chain.title, `{"cniVersion":"1.0.0","name":"chain","plugins":[`+joined(`"type":"macvlan","master":"lan0"`, capable, field("ipam", inRange))+`,`+chain.text+`]}`, option{"mac", `"mac":"02:5e:00:00:00:01"`})
	}
	for _, main := range mains {
		for _, ipam := range []string{"", inRange} {
			config := joined(`"cniVersion":"1.0.0"`, main.text, field("ipam", ipam))
			add(main.title, config, plain)
		}
		config := joined(`"cniVersion":"1.0.0"`, main.text, field("ipam", inRange), capable)
		add(main.title, config, option{"mac", `"mac":"02:5e:00:00:00:01"`})
		add(main.title, config, option{"ips", `"ips":["10.20.30.50/24"]`})
		all = append(all,
			generated{title: main.title + "; first", configs: map[string]string{"n": config}, first: asks("n", `"namespace":"default"`)},
			generated{title: main.title + "; beside macvlan", configs: map[string]string{"n": config, "m": macvlan("")}, networks: `[{"name":"m"},{"name":"n"}]`},
			generated{title: main.title + "; before macvlan", configs: map[string]string{"n": config, "m": macvlan("")}, networks: `[{"name":"n"},{"name":"m"}]`},
		)
	}
	for _, r := range routes {
		for _, ipam := range []string{`"type":"host-local","subnet":"10.20.30.0/24"`, `"type":"static","addresses":[{"address":"10.20.30.40/24","gateway":"10.20.30.1"}]`, `"type":"static","addresses":[{"address":"fd00:20::40/64"}]`} {
			config := macvlan("{"+ipam+`,"routes":`+r.text+"}", capable)
			add("route "+r.title, config, plain)
			add("route "+r.title, config, option{"ips", `"ips":["10.20.30.50/24"]`})
			add("route "+r.title, config, option{"default-route", `"default-route":["10.20.30.2"]`})
		}
		config := macvlan(`{"type":"host-local","subnet":"10.20.30.0/24","routes":` + r.text + "}")
		all = append(all, generated{title: "route " + r.title + "; twice", configs: map[string]string{"n": config}, networks: asks("n", "", "")})
	}
	for _, version := range versions {
		quoted := fmt.Sprintf("%q", version)
		for _, ipam := range []string{"", inRange, `{"type":"static","addresses":[{"address":"10.20.30.40/24"},{"address":"10.20.30.41/24"}]}`} {
			add("version "+version, joined(field("cniVersion", quoted), `"type":"macvlan","master":"lan0"`, field("ipam", ipam)), plain)
			add("version "+version+" of a list", joined(field("cniVersion", quoted), `"name":"list"`, `"plugins":[`+joined(`"type":"macvlan","master":"lan0"`, field("ipam", ipam))+"]"), plain)
		}
	}
	for _, length := range []int{100, 184, 185, 186, 187, 200} {
		name := strings.Repeat("n", length)
		all = append(all,
			generated{title: fmt.Sprintf("network of %d bytes", length), configs: map[string]string{name: macvlan(inRange)}, networks: asks(name, "")},
			generated{title: fmt.Sprintf("network of %d bytes, named lan", length), configs: map[string]string{name: macvlan(inRange)}, networks: asks(name, `"interface":"lan"`)},
			generated{title: fmt.Sprintf("network of %d bytes, name in the configuration", length), configs: map[string]string{name: macvlan(inRange, `"name":"short"`)}, networks: asks(name, "")},
			generated{title: fmt.Sprintf("name of %d bytes in the configuration", length), configs: map[string]string{"n": macvlan(inRange, field("name", fmt.Sprintf("%q", name)))}, networks: asks("n", "")},
		)
	}
	for _, name := range []string{"my net", ".net", "net:1", "nét", "net-", "a/b"} {
		add("name "+name, macvlan(inRange, field("name", fmt.Sprintf("%q", name))), plain)
	}
	for _, first := range []string{"n", "default/n", "default/n@eth0", "default/n@net1", `[{"name":"n","namespace":"default","interface":"eth0"}]`, `[{"name":"n","namespace":"default"},{"name":"n","namespace":"default"}]`, `[]`, "default/n,default/n", "default/nosuch"} {
		for _, networks := range []string{"", "n", "n@eth0"} {
			all = append(all, generated{title: fmt.Sprintf("first %s; %s", first, networks), configs: map[string]string{"n": macvlan(inRange)}, first: first, networks: networks})
		}
	}
	return append(all, mixed()...)
}

// capableBeside are capabilities where there are none yet.
func capableBeside(text string) string {
	if strings.Contains(text, "capabilities") {
		return ""
	}
	return capable
}

// mixed are pods on two or three networks, of which each is drawn from all that there is.
func mixed() []generated {
	// Any seed will do: it is the same every time.
	random := rand.New(rand.NewPCG(12, 15))
	pick := func(options []option) option { return options[random.IntN(len(options))] }
	var all []generated
	for i := range 200 {
		g := generated{title: fmt.Sprintf("mixed %d", i), configs: map[string]string{}}
		var elements []string
		for n := range 2 + random.IntN(2) {
			name := fmt.Sprintf("n%d", n)
			// Mostly what works: of three that fail two are not seen.
			ipam, form, chain := ipams[3+random.IntN(9)], forms[random.IntN(5)], ""
			if random.IntN(3) == 0 {
				form = pick(forms)
			}
			if random.IntN(4) == 0 {
				ipam = pick(ipams)
			}
			if random.IntN(4) == 0 {
				chain = "," + pick(chains).text
			}
			master := fmt.Sprintf("lan%d", random.IntN(2))
			mode := []string{"bridge", "bridge", "bridge", "private", "passthru"}[random.IntN(5)]
			link := joined(`"type":"macvlan"`, field("master", fmt.Sprintf("%q", master)), field("mode", fmt.Sprintf("%q", mode)), field("ipam", ipam.text), capable)
			g.configs[name] = joined(`"cniVersion":"1.0.0"`, field("name", fmt.Sprintf("%q", name)), `"plugins":[`+link+chain+`]`)
			// Other addresses for each, and now and then the same.
			text := form.text
			if random.IntN(5) > 0 {
				text = strings.NewReplacer("02:5e:00:00:00:01", fmt.Sprintf("02:5e:00:00:00:%02x", 16+n), "10.20.30.50", fmt.Sprintf("10.20.30.%d", 60+n)).Replace(text)
			}
			if n > 0 {
				text = strings.ReplaceAll(text, `"lan"`, fmt.Sprintf(`"lan%d"`, n))
			}
			if form.title == "default-route" && n > 0 {
				text = ""
			}
			elements = append(elements, joined(field("name", fmt.Sprintf("%q", name)), text))
		}
		g.networks = "[" + strings.Join(elements, ",") + "]"
		all = append(all, g)
	}
	return all
}

// objects are the networks of a generated pod, and a Node that says what its runtime is.
func (g *generated) objects() []any {
	objects := []any{map[string]any{
		"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": "node-1"},
		"status": map[string]any{"nodeInfo": map[string]any{"containerRuntimeVersion": "containerd://2.4.2"}},
	}}
	for name, config := range g.configs {
		objects = append(objects, map[string]any{
			"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
			"metadata": map[string]any{"namespace": "default", "name": name},
			"spec":     map[string]any{"config": config},
		})
	}
	return objects
}

// annotations of the pod.
func (g *generated) annotations() map[string]string {
	annotations := map[string]string{}
	if g.networks != "" {
		annotations[networksKey] = g.networks
	}
	if g.first != "" {
		annotations[defaultNetworkKey] = g.first
	}
	return annotations
}
