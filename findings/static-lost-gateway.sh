#!/usr/bin/env bash
# static: a pod that brings its own address loses the network's gateway.
#
# Package: github.com/containernetworking/plugins v1.10.0, plugins static and macvlan.
# Source:  plugins/ipam/static/main.go, LoadIPAMConfig: args.cni.ips and runtimeConfig.ips
#          replace the list of addresses, and the gateways, which stand in that list, go with it.
# Guess:   the address is replaced, the gateway of the same subnet stays.
# Happens: ADD succeeds, and the route to 0.0.0.0/0 has no gateway: "default dev net1". The pod
#          starts and asks by ARP for every address of the world. Multus fills args.cni from "cni-args".
# Needs:   Go, ip, unshare; root, or users that may make namespaces; macvlan in the kernel.
set -euo pipefail

if [[ ${1-} != inside ]]; then
    spaces=(unshare --net --mount)
    ((EUID == 0)) || spaces+=(--map-root-user)
    "${spaces[@]}" true || { echo "skipped: needs root, or a kernel that lets users make namespaces" >&2; exit 77; }
    dir=$(mktemp -d)
    trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
    export GOMODCACHE=${GOMODCACHE:-$dir/mod}
    GOBIN=$dir/bin go install -trimpath \
        github.com/containernetworking/plugins/plugins/main/macvlan@v1.10.0 \
        github.com/containernetworking/plugins/plugins/ipam/static@v1.10.0
    "${spaces[@]}" bash "$0" inside "$dir"
    exit
fi
dir=$2

# A master link for the pod, in a namespace of its own that ends with this script.
mount -t tmpfs tmpfs /run
ip netns add pod
ip link add up0 type veth peer name up1
ip link set up0 up
ip link set up1 up
export CNI_PATH=$dir/bin CNI_NETNS=/run/netns/pod CNI_CONTAINERID=pod CNI_IFNAME=net1

# route [MORE] adds the pod's link, prints the default route, and deletes the link again.
route() {
    local network='{"cniVersion":"1.0.0","name":"lan","type":"macvlan","master":"up0","ipam":{"type":"static",
      "addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"}],"routes":[{"dst":"0.0.0.0/0"}]}'${1-}'}'
    CNI_COMMAND=ADD "$dir/bin/macvlan" <<<"$network" >"$dir/result"
    ip -n pod route show default | xargs
    CNI_COMMAND=DEL "$dir/bin/macvlan" <<<"$network"
}

said="the network's own address:      $(route)
the pod asks for another one:   $(route ',"args":{"cni":{"ips":["10.1.0.9/24"]}}')"
echo "$said"

[[ $said == "the network's own address:      default via 10.1.0.1 dev net1
the pod asks for another one:   default dev net1" ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
