package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	words := []string{"networks", "default-network", "ip", "mac", "interface", "default-route", "ips", "cni-args"}
	for word, want := range map[string]string{
		"network": "networks", "Networks": "networks", "netwroks": "networks", "networkss": "networks", "nteworks": "networks",
		"default_network": "default-network", "defaultNetwork": "default-network", "default-networks": "default-network",
		"IP": "ip", "macs": "mac", "max": "", "ipv": "", "i": "", "cniArgs": "cni-args", "cni.args": "cni-args",
		"interfaces": "interface", "intreface": "interface", "interfacename": "", "defaultroute": "default-route",
		"networks": "", "": "", "net": "", "netzwerke": "", strings.Repeat("networks", 9): "",
	} {
		if got, ok := Nearest(word, words); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t, want %q", word, got, ok, want)
		}
	}
}

// Words come from whoever may write an object.
func FuzzNearest(f *testing.F) {
	f.Add("ne\xfftworks", "networks")
	f.Add(strings.Repeat("İ", 32), strings.Repeat("x", 64))
	f.Fuzz(func(t *testing.T, word, known string) {
		if got, ok := Nearest(word, []string{known}); ok && got != known {
			t.Errorf("%q of %q", got, known)
		}
	})
}
