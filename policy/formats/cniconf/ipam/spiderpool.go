package ipam

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/field"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

const spiderpoolType = "spiderpool"

// spiderpool gives addresses of its pools, which are objects in the cluster.
type spiderpool struct {
	ordinary
	pools Pools
	fault string
}

// readSpiderpool follows cmd/spiderpool/cmd/cni_types.go of Spiderpool 1.2. Its
// own documentation writes the sizes as strings, which the plugin cannot decode.
func readSpiderpool(s Source) Plugin {
	var f struct {
		IPAM struct {
			LogLevel          string   `json:"log_level"`
			LogFilePath       string   `json:"log_file_path"`
			LogFileMaxSize    int      `json:"log_file_max_size"`
			LogFileMaxAge     int      `json:"log_file_max_age"`
			LogFileMaxCount   int      `json:"log_file_max_count"`
			DefaultIPv4IPPool []string `json:"default_ipv4_ippool"`
			DefaultIPv6IPPool []string `json:"default_ipv6_ippool"`
			CleanGateway      bool     `json:"clean_gateway"`
			MatchMasterSubnet bool     `json:"match_master_subnet"`
			UnixSocketPath    string   `json:"ipam_unix_socket_path"`
		} `json:"ipam"`
	}
	p := &spiderpool{}
	if err := json.Unmarshal(s.Main, &f); err != nil {
		p.fault = field.Fault("", err)
	}
	p.pools = Pools{IPv4: f.IPAM.DefaultIPv4IPPool, IPv6: f.IPAM.DefaultIPv6IPPool}
	return p
}

func (*spiderpool) Type() string    { return spiderpoolType }
func (p *spiderpool) Fault() string { return p.fault }
func (p *spiderpool) Pools() *Pools { return &p.pools }

// spiderpoolVersions are the versions that Spiderpool's IPAM plugin accepts; it
// refuses a config that names none (cmd/spiderpool/cmd/cni_types.go, 1.2).
var spiderpoolVersions = []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0"}

func (*spiderpool) VersionFault(cniVersion string) string {
	switch {
	case cniVersion == "":
		return "cniVersion is missing, and Spiderpool's IPAM accepts only " + strings.Join(spiderpoolVersions, ", ")
	case slices.Contains(spiderpoolVersions, cniVersion):
		return ""
	default:
		return "cniVersion " + quote.Value(cniVersion) + " is not one of " + strings.Join(spiderpoolVersions, ", ") +
			", which are all that Spiderpool's IPAM accepts"
	}
}

// AddressFaults: the plugin is called before all that follow the main plugin, and is
// itself one that reads a single address without a prefix length (K8sArgs in
// cmd/spiderpool/cmd/cni_types.go), though it has no use for it.
func (*spiderpool) AddressFaults(asked Request, _ Chain) []AddressFault {
	if len(asked.IPs) == 0 {
		return []AddressFault{unheeded(true, "Spiderpool gives addresses of its pools", `no "ips" in "cni-args", and a pool of the addresses that are meant`)}
	}
	return []AddressFault{heedless(asked.IPs, spiderpoolType, "Spiderpool gives addresses of its pools",
		`no "ips", and a pool of the addresses that are meant`)}
}
