#!/usr/bin/env bash
# whereabouts: "exclude" beside "ipRanges" is dropped without a word.
#
# Package: github.com/k8snetworkplumbingwg/whereabouts v0.9.2.
# Source:  pkg/config/config.go, LoadIPAMConfig: the keys beside "range" become a range of their own,
#          put before those of "ipRanges", and only when there is a "range".
# Guess:   what stands at the top level holds for every range below it, or is refused there.
# Happens: with "ipRanges" alone the excluded addresses are given out; with a "range" beside it, "exclude"
#          holds for that one and not for the others. It has to be written into each range.
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
	first(`"range":"10.1.0.0/24","exclude":["10.1.0.0/28"]`)
	first(`"ipRanges":[{"range":"10.1.0.0/24"}],"exclude":["10.1.0.0/28"]`)
	first(`"ipRanges":[{"range":"10.1.0.0/24","exclude":["10.1.0.0/28"]}]`)
}
PROGRAM
go mod init finding
go get github.com/k8snetworkplumbingwg/whereabouts/pkg/{config,allocate}@v0.9.2

said=$(go run -trimpath .)
echo "$said"

[[ $said == '"range":"10.1.0.0/24","exclude":["10.1.0.0/28"]
   10.1.0.16/24
"ipRanges":[{"range":"10.1.0.0/24"}],"exclude":["10.1.0.0/28"]
   10.1.0.1/24
"ipRanges":[{"range":"10.1.0.0/24","exclude":["10.1.0.0/28"]}]
   10.1.0.16/24' ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
