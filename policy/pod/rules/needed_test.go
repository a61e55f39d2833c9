package rules

import (
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// Nobody is told to remove addresses without which the network fails the pod.
func TestNeededAddressesStay(t *testing.T) {
	for _, tt := range []struct{ name, ipam, element, want string }{
		{"static without addresses", `{"type":"static"}`, `"ips":["10.0.0.7"]`, `change "ips" to what is accepted`},
		{"static with an address", `{"type":"static","addresses":[{"address":"10.0.0.2/24"}]}`, `"ips":["10.0.0.7"]`, `write "10.0.0.7/24", or remove "ips"`},
		{"host-local", `{"type":"host-local","subnet":"10.0.0.0/24"}`, `"ips":["10.9.0.7"]`, `change "ips" to what is accepted, or remove "ips"`},
		{"static without addresses, by cni-args", `{"type":"static"}`, `"cni-args":{"ips":["10.0.0.7"]}`, `change "cni-args" to what is accepted`},
		{"static without addresses, by both", `{"type":"static"}`, `"ips":["10.0.0.8/24"],"cni-args":{"ips":["10.0.0.7"]}`, `change "cni-args" to what is accepted, or remove "cni-args"`},
	} {
		ref := object.Reference{Namespace: "default", Name: "lan"}
		c := &cluster{networks: map[object.Reference]*cniconf.Network{ref: cniconf.Compile(cniconf.Source{
			Namespace: ref.Namespace, Name: ref.Name,
			Config: `{"cniVersion":"0.3.1","type":"macvlan","master":"eth1","capabilities":{"ips":true},"ipam":` + tt.ipam + `}`,
		})}}
		v := c.judge(podOf("networks", `[{"name":"lan","namespace":"default",`+tt.element+`}]`), config.Default())
		if got := remedyOf(t, &v, "address-not-assignable"); got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
