#!/usr/bin/env bash
# Multus: of two gateways of "default-route", an unreachable one is an error only when it comes last.
#
# Package: gopkg.in/k8snetworkplumbingwg/multus-cni.v4 v4.3.0.
# Source:  pkg/netutils/netutils.go, SetDefaultGW: each turn of the loop overwrites the error of the one before.
# Guess:   a gateway that cannot be set fails the pod, wherever it stands in the list.
# Happens: ["10.99.0.1","fd00:2::1"] succeeds with IPv6 alone, and the pod starts without
#          an IPv4 default route; ["fd00:2::1","10.99.0.1"] fails.
# Needs:   Go, ip, unshare; root, or users that may make namespaces; IPv6 in the kernel.
set -euo pipefail

if [[ ${1-} != inside ]]; then
    spaces=(unshare --net --mount)
    ((EUID == 0)) || spaces+=(--map-root-user)
    "${spaces[@]}" true || { echo "skipped: needs root, or a kernel that lets users make namespaces" >&2; exit 77; }
    dir=$(mktemp -d)
    trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
    export GOMODCACHE=${GOMODCACHE:-$dir/mod}
    mkdir "$dir/finding"
    cat >"$dir/finding/main.go" <<'PROGRAM'
package main

import (
	"fmt"
	"net"
	"os"

	"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/netutils"
)

func main() {
	var gateways []net.IP
	for _, text := range os.Args[1:] {
		gateways = append(gateways, net.ParseIP(text))
	}
	fmt.Println(netutils.SetDefaultGW("/run/netns/pod", "net1", gateways))
}
PROGRAM
    (
        cd "$dir/finding"
        go mod init finding
        go get gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/netutils@v4.3.0
        go build -trimpath -o "$dir/call" .
    )
    "${spaces[@]}" bash "$0" inside "$dir"
    exit
fi
dir=$2

# A pod with two interfaces, in namespaces that end with this script.
mount -t tmpfs tmpfs /run
ip netns add pod
for link in eth0 net1; do
    ip -n pod link add "$link" type veth peer name "far-$link"
    ip -n pod link set "$link" up
    ip -n pod link set "far-$link" up
done
ip -n pod address add 10.1.0.5/24 dev eth0
ip -n pod address add 10.2.0.5/24 dev net1
ip -n pod address add fd00:2::5/64 dev net1 nodad

said="unreachable one first:  $("$dir/call" 10.99.0.1 fd00:2::1)
default routes:         $(ip -n pod -4 route show default | xargs) $(ip -n pod -6 route show default | cut -d' ' -f1-5)
unreachable one last:   $("$dir/call" fd00:2::1 10.99.0.1)"
echo "$said"

[[ $said == "unreachable one first:  <nil>
default routes:          default via fd00:2::1 dev net1
unreachable one last:   network is unreachable" ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
