#!/usr/bin/env bash
# whereabouts: one and the same wrong "range_start" is ignored in one place and an error in another.
#
# Package: github.com/k8snetworkplumbingwg/whereabouts v0.9.2.
# Source:  pkg/types/types.go, IPAMConfig.UnmarshalJSON (reads text, and takes what is no address as absent)
#          and RangeConfiguration (reads an address); pkg/iphelpers/iphelpers.go, GetIPRange.
# Guess:   a range_start that cannot be read is refused; as host-local does, so is one outside of the range.
# Happens: beside "range" it is ignored, and addresses are given from the bottom of the subnet, which
#          somebody meant to keep free. In "ipRanges" the same text is an error. One that
#          can be read but is outside of the range is ignored in both.
# Needs:   Go.
set -euo pipefail

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
export GOMODCACHE=${GOMODCACHE:-$dir/mod}

mkdir "$dir/finding"
cd "$dir/finding"
# What a node has for whereabouts; no cluster is asked for anything here.
echo '{"kubernetes":{"kubeconfig":"/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig"}}' >node.conf
cat >main.go <<'PROGRAM'
package main

import (
	"fmt"
	"strings"

	"github.com/k8snetworkplumbingwg/whereabouts/pkg/allocate"
	"github.com/k8snetworkplumbingwg/whereabouts/pkg/config"
	"github.com/k8snetworkplumbingwg/whereabouts/pkg/logging"
)

// first prints what the first pod of a network gets.
func first(ipam string) {
	network := `{"cniVersion":"1.0.0","name":"lan","type":"macvlan","ipam":{"type":"whereabouts","configuration_path":"node.conf",` + ipam + `}}`
	fmt.Println(ipam)
	read, _, err := config.LoadIPAMConfig([]byte(network), "")
	if err != nil {
		reason, _, _ := strings.Cut(err.Error(), " / bytes")
		fmt.Println("  ", reason)
		return
	}
	for _, r := range read.IPRanges {
		address, _, err := allocate.AssignIP(r, nil, "container", "default/pod", "net1")
		if err != nil {
			fmt.Println("  ", err)
			return
		}
		fmt.Println("  ", address.String())
	}
}

func main() {
	logging.SetLogStderr(false)
	first(`"range":"10.1.0.0/24","range_start":"10.1.0.50"`)
	first(`"range":"10.1.0.0/24","range_start":"10.1.0.50/24"`)
	first(`"ipRanges":[{"range":"10.1.0.0/24","range_start":"10.1.0.50/24"}]`)
	first(`"range":"10.1.0.0/24","range_start":"10.2.0.50"`)
	first(`"ipRanges":[{"range":"10.1.0.0/24","range_start":"10.2.0.50"}]`)
}
PROGRAM
go mod init finding
go get github.com/k8snetworkplumbingwg/whereabouts/pkg/{config,allocate}@v0.9.2

said=$(go run -trimpath .)
echo "$said"

[[ $said == '"range":"10.1.0.0/24","range_start":"10.1.0.50"
   10.1.0.50/24
"range":"10.1.0.0/24","range_start":"10.1.0.50/24"
   10.1.0.1/24
"ipRanges":[{"range":"10.1.0.0/24","range_start":"10.1.0.50/24"}]
   LoadIPAMConfig - JSON Parsing Error: invalid IP address: 10.1.0.50/24
"range":"10.1.0.0/24","range_start":"10.2.0.50"
   10.1.0.1/24
"ipRanges":[{"range":"10.1.0.0/24","range_start":"10.2.0.50"}]
   10.1.0.1/24' ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
