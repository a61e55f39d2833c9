#!/usr/bin/env bash
# Multus: "default-route" leaves the old default route where it was, and reports success.
#
# Package: gopkg.in/k8snetworkplumbingwg/multus-cni.v4 v4.3.0, with github.com/vishvananda/netlink v1.3.1.
# Source:  pkg/netutils/netutils.go, DeleteDefaultGW: looks for routes without a destination, and SetDefaultGW:
#          takes "file exists" as success; netlink, route_linux.go, genZeroIPNet: a default route is read
#          with the destination 0.0.0.0/0. (Pull request 1552 of k8snetworkplumbingwg/multus-cni.)
# Guess:   the pod's traffic goes out by net1, for which the annotation gives a gateway.
# Happens: nothing is deleted, the new route is not added, both calls succeed, and the pod still
#          goes out by eth0. Only where no other interface has a default route does the annotation work.
# Needs:   Go, ip, unshare; root, or users that may make namespaces.
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

	"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/netutils"
)

// main does what Multus does for a pod whose network on net1 has a default-route.
func main() {
	pod := "/run/netns/pod"
	fmt.Println("delete from eth0:", netutils.DeleteDefaultGW(pod, "eth0"))
	fmt.Println("set on net1:", netutils.SetDefaultGW(pod, "net1", []net.IP{net.ParseIP("10.2.0.1")}))
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
ip -n pod route add default via 10.1.0.1 dev eth0

said="$("$dir/call")
default routes: $(ip -n pod route show default | xargs)"
echo "$said"

[[ $said == "delete from eth0: <nil>
set on net1: <nil>
default routes: default via 10.1.0.1 dev eth0" ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
