package whereabouts

import (
	"testing"

	"github.com/k8snetworkplumbingwg/whereabouts/pkg/storage/kubernetes"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
)

// TestLedgers: the pool of a range is called as whereabouts calls it.
func TestLedgers(t *testing.T) {
	for _, network := range []string{"", "a"} {
		for _, subnet := range []string{"10.0.0.0/24", "0.0.0.0/0", "fd00::/64", "fd00:1:2::/48", "2001:db8:1:2:3:4:5:0/112", "::/0"} {
			p := ipam.Compile(ipam.Source{
				Type: "whereabouts", Caller: "macvlan", CNIVersion: "1.0.0",
				Main: []byte(`{"ipam":{"type":"whereabouts","range":"` + subnet + `","network_name":"` + network + `"}}`),
			})
			want := kubernetes.IPPoolName(kubernetes.PoolIdentifier{IpRange: subnet, NetworkName: network})
			if got := p.Ledgers(); len(got) != 1 || got[0] != want {
				t.Errorf("%s of network %q: %q, want %q", subnet, network, got, want)
			}
		}
	}
}
