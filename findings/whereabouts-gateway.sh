#!/usr/bin/env bash
# whereabouts: the first pod gets the gateway's own address.
#
# Package: github.com/k8snetworkplumbingwg/whereabouts v0.9.2.
# Source:  pkg/allocate/allocate.go, IterateForAssignment: skips what is reserved and what is
#          in "exclude"; pkg/config/config.go, LoadIPAMConfig, only reads "gateway".
# Guess:   as host-local does, the address that stands beside as "gateway" is left out.
# Happens: the first pod is 10.1.0.1 with the gateway 10.1.0.1: an address twice on the link, and a pod that
#          sends everything to itself. The gateway has to be listed in "exclude" as well.
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
		fmt.Println("  ", address.String(), "gateway", read.Gateway)
	}
}

func main() {
	logging.SetLogStderr(false)
	first(`"range":"10.1.0.0/24","gateway":"10.1.0.1"`)
	first(`"range":"10.1.0.0/24","gateway":"10.1.0.1","exclude":["10.1.0.1/32"]`)
}
PROGRAM
go mod init finding
go get github.com/k8snetworkplumbingwg/whereabouts/pkg/{config,allocate}@v0.9.2

said=$(go run -trimpath .)
echo "$said"

[[ $said == '"range":"10.1.0.0/24","gateway":"10.1.0.1"
   10.1.0.1/24 gateway 10.1.0.1
"range":"10.1.0.0/24","gateway":"10.1.0.1","exclude":["10.1.0.1/32"]
   10.1.0.2/24 gateway 10.1.0.1' ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
