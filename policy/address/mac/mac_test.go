package mac

import "testing"

func TestFault(t *testing.T) {
	for address, want := range map[string]string{
		"02:00:00:00:00:01":       "",
		"02-00-00-00-00-01":       "",
		"0200.0000.0001":          "",
		"":                        "is not a MAC address",
		"02:00:00:00:00":          "is not a MAC address",
		"02:00:00:00:00:00:00:01": "is not six bytes long",
		"01:00:5e:00:00:01":       "is a multicast address",
		"ff:ff:ff:ff:ff:ff":       "is a multicast address",
		"00:00:00:00:00:00":       "is all zeros",
	} {
		if got := Fault(address); got != want {
			t.Errorf("%q %s, want %q", address, got, want)
		}
	}
}
