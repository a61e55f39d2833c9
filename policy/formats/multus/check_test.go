package multus

import "testing"

func TestInterfaceDetail(t *testing.T) {
	const reserved = "is a name reserved by the kernel"
	tests := []struct{ name, want string }{
		{"net1", ""},
		{"lo", ""},
		{"...", ""},
		{"a,b", ""},
		{"x;y", ""},
		{"~!#$&*()", ""},
		{"é", ""},
		{"\x01", ""},
		{"\xff", ""},
		{"ALL", ""},
		{"alla", ""},
		{"123456789012345", ""},
		{"1234567890123456", "is longer than 15 bytes"},
		{"ééééééééé", "is longer than 15 bytes"},
		{".", reserved},
		{"..", reserved},
		{"all", reserved},
		{"default", reserved},
		{"a/b", "has a / in it"},
		{"a:b", "has a : in it"},
		{"x%d", "has a % in it, which the kernel takes for a template"},
		{"%", "has a % in it, which the kernel takes for a template"},
		{"a\x00", "has a NUL byte in it"},
		{"a b", "has white space in it"},
		{"a\tb", "has white space in it"},
		{"a\nb", "has white space in it"},
		{"a\vb", "has white space in it"},
		{"a\fb", "has white space in it"},
		{"a\rb", "has white space in it"},
		{"a\u0085b", "has white space in it"},
		{"a\u00a0b", "has white space in it"},
		{"a\u2003b", "has white space in it"},
		{"à", "has a byte A0 in it, which the kernel takes for a space"},
		{"Š", "has a byte A0 in it, which the kernel takes for a space"},
		{"a\xa0", "has a byte A0 in it, which the kernel takes for a space"},
	}
	for _, tt := range tests {
		if got := interfaceDetail(tt.name); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAddressDetails(t *testing.T) {
	const notMAC, notIP, notCIDR = "is not a MAC address", "is not an IP address", "is not an IP address with a prefix length"
	tests := []struct {
		check       string
		detail      func(string) string
		value, want string
	}{
		{"mac", macDetail, "02:00:00:00:00:01", ""},
		{"mac", macDetail, "02-00-00-00-00-0A", ""},
		{"mac", macDetail, "0200.0000.0001", ""},
		{"mac", macDetail, "00:00:00:00:00:01", ""},
		{"mac", macDetail, "zz", notMAC},
		{"mac", macDetail, " 02:00:00:00:00:01", notMAC},
		{"mac", macDetail, "02:00:00:00:00:01:", notMAC},
		{"mac", macDetail, "020000000001", unseparatedDetail},
		{"mac", macDetail, "02:00:00:00:00:00:00:01", "is not six bytes long"},
		{"mac", macDetail, "01:00:5e:00:00:01", "is a multicast address"},
		{"mac", macDetail, "ff:ff:ff:ff:ff:ff", "is a multicast address"},
		{"mac", macDetail, "00:00:00:00:00:00", "is all zeros"},
		{"ip", ipDetail, "10.1.2.3", ""},
		{"ip", ipDetail, "10.1.2.3/24", ""},
		{"ip", ipDetail, "fd00::3", ""},
		{"ip", ipDetail, "fd00::3/64", ""},
		{"ip", ipDetail, "::ffff:10.1.2.3", ""},
		{"ip", ipDetail, "", notIP},
		{"ip", ipDetail, "1.2.3.999", notIP},
		{"ip", ipDetail, "10.1.2.03", notIP},
		{"ip", ipDetail, "10.1.2.3 ", notIP},
		{"ip", ipDetail, "fe80::1%eth0", notIP},
		{"ip", ipDetail, "10.1.2.3/33", notCIDR},
		{"ip", ipDetail, "10.1.2.3/", notCIDR},
		{"ip", ipDetail, "/24", notCIDR},
		{"gateway", gatewayDetail, "10.1.2.1", ""},
		{"gateway", gatewayDetail, "", ""},
		{"gateway", gatewayDetail, "10.1.2.1/24", notIP},
		{"guid", guidDetail, "02:00:00:00:00:00:00:01", ""},
		{"guid", guidDetail, "02:00:00:00:00:01", ""},
		{"guid", guidDetail, "0200000000000001", unseparatedDetail},
		{"guid", guidDetail, "02:00", "is not an InfiniBand GUID"},
	}
	for _, tt := range tests {
		if got := tt.detail(tt.value); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.check, tt.value, got, tt.want)
		}
	}
}

func TestJSONNameDetail(t *testing.T) {
	tests := []struct{ name, want string }{
		{"a", ""},
		{"bond0.100", ""},
		{"a-b.c-d.0", ""},
		{"", "has no name"},
		{"kube-system/a", "has a / in it"},
		{"a@net1", "has an @ in it"},
		{"A", "has an upper case letter in it"},
		{" a", "has white space in it"},
		{"a_b", "has a character in it that is not allowed in names"},
		{"a\xff", "has a character in it that is not allowed in names"},
		{".a", "has a dot where a letter or digit must be"},
		{"a.", "has a dot where a letter or digit must be"},
		{"a..b", "has a dot where a letter or digit must be"},
		{"a-.b", "has a - where a letter or digit must be"},
		{"a.-b", "has a - where a letter or digit must be"},
		{"-", "has a - where a letter or digit must be"},
	}
	for _, tt := range tests {
		if got := jsonNameDetail(tt.name); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.name, got, tt.want)
		}
	}
}
