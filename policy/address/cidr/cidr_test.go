package cidr

import (
	"net/netip"
	"testing"
)

func TestLast(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/24":   "10.0.0.255",
		"10.0.0.77/24":  "10.0.0.255",
		"10.0.0.0/23":   "10.0.1.255",
		"10.0.0.4/30":   "10.0.0.7",
		"10.0.0.4/31":   "10.0.0.5",
		"10.0.0.4/32":   "10.0.0.4",
		"0.0.0.0/0":     "255.255.255.255",
		"fd00::/64":     "fd00::ffff:ffff:ffff:ffff",
		"fd00::/127":    "fd00::1",
		"2001:db8::/33": "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff",
	} {
		if got := Last(netip.MustParsePrefix(text)).String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
