package whereabouts

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8snetworkplumbingwg/whereabouts/pkg/allocate"
	"github.com/k8snetworkplumbingwg/whereabouts/pkg/config"
	"github.com/k8snetworkplumbingwg/whereabouts/pkg/logging"
	"github.com/k8snetworkplumbingwg/whereabouts/pkg/types"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
)

// drawn is how many addresses are drawn from each range, at most.
const drawn = 40

// answer is what either side says of a configuration, for a pod that asks for some addresses.
type answer struct {
	// fails says that the pod fails, in the plugin or in the kernel after it.
	fails bool
	// gateway is that of the ranges; empty without one.
	gateway string
	// subnets are those that the interface is in, one for each address.
	subnets []string
	// ranges holds the first addresses that pods get one after another, of each range.
	ranges [][]string
}

func (a answer) String() string {
	if a.fails {
		return "fails"
	}
	var ranges []string
	for _, r := range a.ranges {
		ranges = append(ranges, fmt.Sprintf("%d from %s to %s", len(r), r[0], r[len(r)-1]))
	}
	return fmt.Sprintf("%v by %q: %s", a.subnets, a.gateway, strings.Join(ranges, ", "))
}

// theirs asks whereabouts. Two ranges of one subnet have one pool (IPPoolName of
// pkg/storage/kubernetes), and an interface gets one address of it.
func theirs(t *testing.T, conf, ips string) (a answer, why string) {
	args := "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod"
	if ips != "" {
		args += ";IP=" + ips
	}
	c, _, err := config.LoadIPAMConfig([]byte(conf), args, nodeFile(t))
	if err != nil {
		return answer{fails: true}, err.Error()
	}
	if c.Gateway != nil {
		a.gateway = c.Gateway.String()
	}
	pools := map[string][]types.IPReservation{}
	on := map[string]bool{}
	twice := false
	give := func(address net.IPNet) {
		key := address.String()
		if address.IP.To4() == nil {
			key = address.IP.String()
		}
		twice = twice || on[key]
		on[key] = true
		a.subnets = append(a.subnets, subnetOf(address))
	}
	for _, r := range c.IPRanges {
		_, known := pools[r.Range]
		var given []string
		for n := range drawn {
			address, reserved, err := allocate.AssignIP(r, pools[r.Range], fmt.Sprintf("container-%d", n), fmt.Sprintf("default/pod-%d", n), "net1")
			if err != nil && n == 0 {
				return answer{fails: true}, err.Error()
			}
			if err != nil {
				break
			}
			pools[r.Range] = reserved
			given = append(given, address.IP.String())
			if n == 0 {
				give(address)
			}
		}
		if !known {
			a.ranges = append(a.ranges, given)
		}
	}
	for _, address := range c.Addresses {
		give(address.Address)
	}
	if twice {
		return answer{fails: true}, "one address twice"
	}
	return a, ""
}

func subnetOf(n net.IPNet) string {
	masked := net.IPNet{IP: n.IP.Mask(n.Mask), Mask: n.Mask}
	return masked.String()
}

func nodeFile(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "whereabouts.conf")
	if err := os.WriteFile(file, []byte(`{"kubernetes":{"kubeconfig":"/nowhere"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// ours asks our own reading.
func ours(conf, ips string) (a answer, why string) {
	var version struct{ CNIVersion string }
	_ = json.Unmarshal([]byte(conf), &version)
	p := ipam.Compile(ipam.Source{Type: "whereabouts", Caller: "macvlan", Main: []byte(conf), Network: "a", CNIVersion: version.CNIVersion})
	if p.Fault() != "" {
		return answer{fails: true}, p.Fault()
	}
	for _, f := range p.Flaws() {
		if f.Effect == flaw.FailsAll {
			return answer{fails: true}, f.Text
		}
	}
	asked := ipam.Request{}
	if ips != "" {
		asked.IPs = ipam.ReadAsked(strings.Split(ips, ","))
		for _, f := range p.AddressFaults(asked, ipam.Chain{CNIVersion: version.CNIVersion}) {
			if f.Effect == ipam.EffectFails {
				return answer{fails: true}, f.Detail
			}
		}
	}
	given := p.Given(asked, ipam.Chain{})
	for _, gateway := range []netip.Addr{given.Gateway4, given.Gateway6} {
		if gateway.IsValid() {
			a.gateway = gateway.String()
		}
	}
	for _, prefix := range given.Prefixes {
		a.subnets = append(a.subnets, prefix.Masked().String())
	}
	fixed := strings.Count(strings.ToLower(conf), `"address":`)
	spans := p.Spans()
	spans = spans[:len(spans)-fixed]
	// The spans of one range stand in order, and those of the next are in another subnet.
	for i := 0; i < len(spans); {
		subnet := given.Prefixes[len(a.ranges)]
		var addresses []string
		for ; i < len(spans) && subnet.Contains(spans[i].First); i++ {
			for at := spans[i].First; !spans[i].Last.Less(at) && len(addresses) < drawn; at = at.Next() {
				addresses = append(addresses, at.String())
			}
		}
		a.ranges = append(a.ranges, addresses)
		if addresses == nil {
			return a, "spans out of order"
		}
	}
	return a, ""
}

// bodies are what stands in "ipam" beside the type: every form of a range with every way to
// narrow it, and then what is rare.
func bodies() []string {
	var all []string
	ranges := []string{
		"10.0.0.0/24", "10.0.0.5/24", "10.0.0.0/29", "10.0.0.8/30", "10.0.0.0/31", "10.0.0.7/32", "010.0.0.0/24", "10.0.0.255/24",
		"10.0.0.5-10.0.0.9/24", "10.0.0.9-10.0.0.5/24", "10.0.0.0-10.0.0.255/24", "10.0.0.5-10.0.0.9", "10.0.0.5/24-10.0.0.9/24",
		"10.0.0.5 - 10.0.0.9/24", "10.0.0.5-10.0.1.9/24", "10.0.0.0", "x", "10.0.0.0/33", "10.0.0.5-10.0.0.5/24", "::ffff:10.0.0.0/120",
		"fd00::/64", "fd00::5/120", "fd00::5-fd00::9/64", "fd00::/126", "fd00::/127", "fd00::1/128", "fd00::-10.0.0.9/24",
	}
	narrow := []string{
		``, `"range_start":"10.0.0.5"`, `"range_start":"10.0.0.6","range_end":"10.0.0.4"`, `"range_end":"10.0.0.6"`,
		`"range_start":"10.0.1.5","range_end":"10.0.1.9"`, `"range_start":"10.0.0.0","range_end":"10.0.0.255"`, `"range_start":"10.0.0.255"`,
		`"range_start":"fd00::5"`, `"exclude":["10.0.0.0/30"]`, `"exclude":["10.0.0.1","10.0.0.3/32","10.0.0.2/31"]`, `"exclude":["10.0.0.0/24"]`,
		`"exclude":["fd00::/125"]`, `"exclude":["10.0.0.001/32"]`, `"exclude":["10.0.0.5-10.0.0.9"]`,
	}
	for _, r := range ranges {
		for _, n := range narrow {
			body := `"range":"` + r + `"`
			if n != "" {
				body += "," + n
			}
			all = append(all, body)
		}
	}
	for _, n := range narrow[1:] {
		element := `{"range":"10.0.0.0/24",` + n + `}`
		all = append(all, `"ipRanges":[`+element+`]`, n+`,"ipRanges":[{"range":"10.0.0.0/28"}]`, `"range":"fd00::/64","ipRanges":[`+element+`]`)
	}
	const dual = `"ipRanges":[{"range":"10.0.0.0/24"},{"range":"fd00::/64"}]`
	return append(all,
		dual, dual+`,"gateway":"10.0.0.1"`, dual+`,"gateway":"fd00::1"`, dual+`,"gateway":"10.9.0.1"`, dual+`,"gateway":""`,
		`"Range":"10.0.0.0/24","EXCLUDE":["10.0.0.1/32"]`, `"RANGE_START":"10.0.0.9","range":"10.0.0.0/24"`, `"ipranges":[{"RANGE":"10.0.0.0/24"}]`,
		`"range":"10.0.0.0/24","Gateway":"10.0.0.1"`, `"range":"10.0.0.0/24","Gateway":"x"`, `"range":"10.0.0.0/24","gateway":"x"`,
		`"range":"10.0.0.0/24","gateway":"10.0.0.1/24"`, `"range":"10.0.0.0/24","gateway":"010.0.0.1"`, `"range":"10.0.0.0/24","GATEWAY":"x"`,
		`"range":"10.0.0.0/24","range_start":"10.0.0.300"`, `"range":"10.0.0.0/24","range_end":"10.0.0.50/24"`, `"range":"10.0.0.0/24","rangeStart":"10.0.0.50"`,
		`"range":"10.0.0.0/24","range_start":7`, `"range":7`, `"range":["10.0.0.0/24"]`, `"exclude":"10.0.0.1/32","range":"10.0.0.0/24"`,
		`"ipRanges":[{}]`, `"ipRanges":[{"range":""}]`, `"ipRanges":[{"range_start":"10.0.0.5"}]`, `"ipRanges":[null]`, `"ipRanges":{}`,
		`"ipRanges":[{"range":"10.0.0.0/24","range_start":"10.0.0.300"}]`, `"ipRanges":[{"range":"10.0.0.0/24","range_end":"10.0.0.9/24"}]`,
		`"ipRanges":[{"range":"10.0.0.0/24","range_start":"010.0.0.9"}]`, `"ipRanges":[{"range":"10.0.0.0/24","range_start":""}]`,
		`"ipRanges":[{"range":"10.0.0.0/24","gateway":"10.0.0.1"}]`, `"range":"10.0.0.0/24","ipRanges":[]`, `"range":"10.0.0.0/24","ipRanges":null`,
		`"range":"10.0.0.0/24","ipRanges":[{"range":"10.0.0.0/24"}]`, `"ipRanges":[{"range":"10.0.0.5-10.0.0.9/24"},{"range":"10.0.0.20-10.0.0.29/24"}]`,
		`"ipRanges":[{"range":"10.0.0.0/24"},{"range":"10.0.0.7/24"}]`, `"ipRanges":[{"range":"fd00::/64"},{"range":"fd00::9/64"}]`,
		`"range":"10.0.0.0/24","ipRanges":[{"range":"10.0.1.0/24"},{"range":"fd00::/120"}]`,
		`"range":"10.0.0.0/24","addresses":[{"address":"10.9.0.7/16"}]`, `"range":"10.0.0.0/24","addresses":[{"address":"10.9.0.7"}]`,
		`"range":"10.0.0.0/24","addresses":[{}]`, `"range":"10.0.0.0/24","addresses":[{"address":"10.9.0.7/16"},{"address":"10.9.0.7/16"}]`,
		`"range":"10.0.0.0/24","addresses":[{"address":"10.9.0.7/16"},{"address":"10.9.0.7/24"}]`,
		`"range":"10.0.0.0/24","addresses":[{"address":"fd00::7/64"},{"address":"fd00::7/60"}]`,
		`"range":"10.0.0.0/24","addresses":[{"address":"010.9.0.7/16"}]`, `"range":"10.0.0.0/24","addresses":[{"address":"10.9.0.7/16","gateway":"x"}]`,
		`"range":"10.0.0.0/24","addresses":[{"Address":"10.9.0.7/16"}]`, `"range":"10.0.0.0/24","addresses":[{"ADDRESS":"10.9.0.7/16"}]`,
		`"range":"10.0.0.0/24","routes":[{"dst":"0.0.0.0/0"}]`, `"range":"10.0.0.0/24","routes":[{"dst":"x"}]`, `"range":"10.0.0.0/24","routes":{}`,
		`"range":"10.0.0.0/24","dns":7`, `"range":"10.0.0.0/24","name":7`, `"range":"10.0.0.0/24","podname":{}`, `"range":"10.0.0.0/24","log_level":7`,
		`"range":"10.0.0.0/24","enable_overlapping_ranges":"no"`, `"range":"10.0.0.0/24","enable_overlapping_ranges":false`,
		`"range":"10.0.0.0/24","kubernetes":{"kubeconfig":7}`, `"range":"10.0.0.0/24","kubernetes":"x"`, `"range":"10.0.0.0/24","leader_lease_duration":"x"`,
		`"range":"10.0.0.0/24","sleep_for_race":1.5`, `"range":"10.0.0.0/24","network_name":7`, `"range":"10.0.0.0/24","network_name":"a"`,
		`"range":"10.0.0.0/24","node_slice_size":7`, `"range":"10.0.0.0/24","configuration_path":7`, `"range":"10.0.0.0/24","datastore":7`,
		`"range":"10.0.0.0/24","reconciler_cron_expression":7`, `"range":"10.0.0.0/24","etcd_host":7`, `"range":"10.0.0.0/24","unknown":{"a":1}`,
		`"range":"0.0.0.0/0","exclude":["0.0.0.0/8"]`, `"range":"10.0.0.0/24","exclude":["::ffff:10.0.0.1"]`, `"range":"10.0.0.0/24","exclude":["::ffff:10.0.0.0/120"]`,
		`"range":"10.0.0.0/24","exclude":["::ffff:10.0.0.0/125"]`, `"range":"10.0.0.0/24","exclude":["10.0.0.17/28","10.0.0.4/30","10.0.0.0/32"]`, `"range":"10.0.0.0/24","exclude":[""]`,
		`"range":"fd00::/64","exclude":["fd00::1","fd00::8/125"]`, `"range":"::/0"`, `"range":"10.0.0.0/24","exclude":null`,
	)
}

// TestReading compares both over all bodies, in every version of the specification that
// matters, and for pods that ask for addresses.
func TestReading(t *testing.T) {
	logging.SetLogStderr(false)
	compared, failing := 0, 0
	compare := func(version, body, ips string) {
		conf := `{"name":"a","cniVersion":"` + version + `","type":"macvlan","master":"eth1","ipam":{"type":"whereabouts",` + body + `}}`
		their, theirWhy := theirs(t, conf, ips)
		our, ourWhy := ours(conf, ips)
		compared++
		if their.fails {
			failing++
		}
		if their.fails != our.fails || !their.fails && (their.String() != our.String() || !slices.EqualFunc(their.ranges, our.ranges, slices.Equal[[]string])) {
			t.Errorf("%s, version %q, ips %q\n  whereabouts: %s %s\n  we:          %s %s", body, version, ips, their, theirWhy, our, ourWhy)
		}
	}
	for _, body := range bodies() {
		compare("0.3.1", body, "")
	}
	for _, body := range []string{
		`"range":"10.0.0.0/24"`, `"range":"10.0.0.0/24","addresses":[{"address":"10.9.0.7/16"}]`, `"ipRanges":[{"range":"10.0.0.0/24"},{"range":"fd00::/64"}]`,
		`"range":"10.0.0.0/24","addresses":[{"address":"10.9.0.7/16"},{"address":"10.9.0.8/16"}]`,
	} {
		for _, version := range []string{"", "0.2.0", "0.3.0", "1.0.0"} {
			for _, ips := range []string{
				"", "10.0.0.7", "10.0.0.7/24", "10.9.0.7/16", "10.9.0.7/24", "10.1.0.7/24,10.1.0.8/24", "10.1.0.7/24,10.1.0.7/24", "10.1.0.7/24,10.1.0.8",
				"10.1.0.7/24,fd01::7/64", "fd01::7/64,fd01::7/60", "fd01::7",
			} {
				compare(version, body, ips)
			}
		}
	}
	if compared < 500 || failing < 100 || failing > compared-100 {
		t.Errorf("%d compared, of which %d fail: too few of one sort", compared, failing)
	}
	t.Logf("%d compared, of which %d fail", compared, failing)
}
