package cniconf

// Configs as clusters have them: the rendered form of DaoCloud's chart, what
// Spiderpool generates from a SpiderMultusConfig, and plain ones.
const (
	chartStandalone = `{"cniVersion":"0.3.1","name":"macvlan-standalone","plugins":[
 {"type":"macvlan","master":"ens192","mode":"bridge",
  "ipam":{"type":"spiderpool","log_level":"DEBUG","log_file_path":"/var/log/spidernet/spiderpool.log",
          "log_file_max_size":100,"log_file_max_age":30,"log_file_max_count":10}},
 {"type":"veth","service_hijack_subnet":["10.233.0.0/18"],"overlay_hijack_subnet":["10.233.64.0/18"],
  "additional_hijack_subnet":["169.254.25.10/32"],"migrate_route":-1,
  "rp_filter":{"set_host":true,"value":0},"skip_call":false}]}`

	chartOverlay = `{"cniVersion":"0.3.1","name":"macvlan-overlay","plugins":[
 {"type":"macvlan","master":"bond0.100","mode":"bridge",
  "ipam":{"type":"spiderpool","log_level":"DEBUG","log_file_path":"/var/log/spidernet/spiderpool.log",
          "log_file_max_size":100,"log_file_max_age":30,"log_file_max_count":10}},
 {"type":"router","service_hijack_subnet":["10.233.0.0/18"],"overlay_hijack_subnet":["10.233.64.0/18"],
  "additional_hijack_subnet":["169.254.25.10/32"],"migrate_route":-1,
  "rp_filter":{"set_host":true,"value":0},"skip_call":false,"overlay_interface":"eth0"}]}`

	// What the chart renders with service_subnet.ipv4 empty and ipv6 set.
	chartEmptyIPv4 = `{"cniVersion":"0.3.1","name":"macvlan-standalone","plugins":[
 {"type":"macvlan","master":"ens192","mode":"bridge","ipam":{"type":"spiderpool"}},
 {"type":"veth","service_hijack_subnet":[,"fd00::/108"]}]}`

	// Two examples of the meta-plugins' documentation.
	docsDoubleQuote   = `{"type":"veth","overlay_hijack_subnet":[""10.244.0.0/16"]}`
	docsTrailingComma = `{"type":"macvlan","ipam":{"type":"spiderpool",}}`

	generated = `{"cniVersion":"0.3.1","name":"macvlan-vlan100","plugins":[
 {"type":"ifacer","interfaces":["ens224"],"vlanID":100},
 {"type":"macvlan","master":"ens224.100","mode":"bridge","mtu":1400,
  "ipam":{"type":"spiderpool","default_ipv4_ippool":["v4-a","v4-b*"],"default_ipv6_ippool":["v6-a"]}},
 {"type":"coordinator","mode":"underlay","detectGateway":false}]}`

	hostLocal = `{"cniVersion":"0.3.0","type":"macvlan","master":"eth0","mode":"bridge","ipam":{"type":"host-local","subnet":"172.16.0.0/16","rangeStart":"172.16.123.101","rangeEnd":"172.16.123.200","routes":[{"dst":"0.0.0.0/0"}],"gateway":"172.16.0.254"}}`

	hostLocalSets = `{"cniVersion":"1.0.0","type":"macvlan","master":"bond0","ipam":{"type":"host-local",
 "ranges":[[{"subnet":"10.1.0.0/24","rangeEnd":"10.1.0.99"},{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.100"}],[{"subnet":"fd00::/64","gateway":"fd00::ff"}]]}}`

	staticAddresses = `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","capabilities":{"ips":true},"ipam":{"type":"static",
 "addresses":[{"address":"10.10.0.1/24","gateway":"10.10.0.254"},{"address":"3ffe:ffff:0:01ff::1/64"},{"address":"nonsense"}],
 "routes":[{"dst":"0.0.0.0/0"},{"dst":"192.168.0.0/16","gw":"10.10.5.1"}],"dns":{"nameservers":["8.8.8.8"]}}}`

	tuned = `{"cniVersion":"0.4.0","plugins":[
 {"type":"macvlan","linkInContainer":true,"mac":"02:00:00:00:00:01","bcqueuelen":4294967295,"vlan":100},
 {"type":"tuning","capabilities":{"mac":true,"ips":false}},
 {"type":"coordinator"}]}`
)

// chained is a macvlan network with one more plugin.
func chained(plugin string) string {
	return `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"eth0"},` + plugin + `]}`
}
