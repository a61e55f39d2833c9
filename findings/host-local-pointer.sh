#!/usr/bin/env bash
# host-local: a pod that asks for an address decides what the next pod gets.
#
# Package: github.com/containernetworking/plugins v1.10.0, plugin host-local.
# Source:  plugins/ipam/host-local/backend/allocator/allocator.go, Get: the address asked
#          for is reserved as the last one given, and GetIter goes on behind that.
# Guess:   pods that ask for nothing go on where they were: .2, .3, .4, whatever others ask for.
# Happens: after IP=10.1.0.100 the next pod gets .101, and after IP=10.1.0.254 counting
#          starts at the bottom again. A range that was to be used from the bottom up, with
#          the top kept for those who ask, is used up from the top.
# Needs:   Go.
set -euo pipefail

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
export GOMODCACHE=${GOMODCACHE:-$dir/mod}
GOBIN=$dir/bin go install -trimpath github.com/containernetworking/plugins/plugins/ipam/host-local@v1.10.0

network='{"cniVersion":"1.0.0","name":"lan","type":"macvlan","ipam":{"type":"host-local",
  "dataDir":"'$dir'/state","ranges":[[{"subnet":"10.1.0.0/24"}]]}}'

# add POD [CNI_ARGS] prints the address that the pod gets.
add() {
    CNI_COMMAND=ADD CNI_CONTAINERID=$1 CNI_NETNS=/run/netns/$1 CNI_IFNAME=net1 CNI_PATH=$dir/bin CNI_ARGS=${2-} \
        "$dir/bin/host-local" <<<"$network" | grep -o '"address": "[^"]*"' | cut -d'"' -f4
}

said="first, asks for nothing:  $(add first)
second, asks for .100:    $(add second IP=10.1.0.100)
third, asks for nothing:  $(add third)
fourth, asks for .254:    $(add fourth IP=10.1.0.254)
fifth, asks for nothing:  $(add fifth)"
echo "$said"

[[ $said == "first, asks for nothing:  10.1.0.2/24
second, asks for .100:    10.1.0.100/24
third, asks for nothing:  10.1.0.101/24
fourth, asks for .254:    10.1.0.254/24
fifth, asks for nothing:  10.1.0.3/24" ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
