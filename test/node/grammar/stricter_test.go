package grammar

import (
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/containernetworking/cni/pkg/utils"
	"k8s.io/apimachinery/pkg/util/validation"
)

// restrictions are the cases in which we refuse what Multus' parser takes, each
// because the pod would fail later. They are written without a look at our
// parser, from those who do the refusing: Kubernetes, libcni and the kernel.
var restrictions = []struct {
	title  string
	breaks func(selected) bool
}{
	{"no network can have the name", func(s selected) bool {
		return len(validation.IsDNS1123Subdomain(s.Name)) > 0
	}},
	{"no namespace can have the name", func(s selected) bool {
		return len(validation.IsDNS1123Label(s.Namespace)) > 0
	}},
	{"libcni refuses the interface name", func(s selected) bool {
		return s.Interface != "" && utils.ValidateInterfaceName(s.Interface) != nil
	}},
	{"the kernel refuses the interface name", func(s selected) bool {
		return s.Interface == "all" || s.Interface == "default" || refusedBytes.MatchString(s.Interface) ||
			strings.Contains(s.Interface, "\xa0")
	}},
	{"no macvlan link can have the MAC address", func(s selected) bool {
		return s.MAC != "" && !linkAddress(s.MAC)
	}},
	{"the address needs a newer Go than Multus is built with", func(s selected) bool {
		return bareDigits.MatchString(s.MAC) || bareDigits.MatchString(s.GUID)
	}},
}

var (
	refusedBytes = regexp.MustCompile(`[%\x00]`)
	bareDigits   = regexp.MustCompile(`^[0-9A-Fa-f]+$`)
	separators   = strings.NewReplacer(":", "", "-", "", ".", "")
)

// linkAddress: six bytes, the lowest bit of the first one unset, not all zero.
func linkAddress(s string) bool {
	b, err := hex.DecodeString(separators.Replace(s))
	return err == nil && len(b) == 6 && b[0]&1 == 0 && string(b) != "\x00\x00\x00\x00\x00\x00"
}

// broken are the titles of the restrictions that any of the networks breaks.
func broken(list []selected) []string {
	var titles []string
	for _, r := range restrictions {
		for _, s := range list {
			if r.breaks(s) {
				titles = append(titles, r.title)
				break
			}
		}
	}
	return titles
}
