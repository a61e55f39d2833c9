#!/usr/bin/env bash
# tuning: an "mtu" below 1280 takes the IPv6 addresses away, and the result still lists them.
#
# Package: github.com/containernetworking/plugins v1.10.0, plugins tuning, macvlan and static.
# Source:  plugins/meta/tuning/tuning.go, cmdAdd: sets the MTU and returns the result of the plugin
#          before it; the kernel ends IPv6 on a link below its least MTU (RFC 8200, section 5).
# Guess:   the MTU is refused because of the IPv6 address, or the address works in small packets.
# Happens: ADD succeeds with fd00::5/64 in its result, so that is what the pod's network status
#          says, and net1 has no IPv6 at all. Asked of macvlan itself the same MTU is an error.
# Needs:   Go, ip, unshare; root, or users that may make namespaces; macvlan and IPv6 in the kernel.
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
        github.com/containernetworking/plugins/plugins/meta/tuning@v1.10.0 \
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

# add PLUGIN CONFIGURATION prints the result on one line.
add() {
    CNI_COMMAND=ADD "$dir/bin/$1" <<<'{"cniVersion":"1.0.0","name":"lan","type":"'$1'",'"$2}" | tr -d ' \n'
}
# addresses prints those of the link, without the one that the kernel makes by itself.
addresses() { ip -n pod -o -6 address show dev net1 scope global | grep -o 'inet6 [^ ]*' || echo none; }

made=$(add macvlan '"master":"up0","ipam":{"type":"static","addresses":[{"address":"fd00::5/64"}]}')
before=$(addresses)
tuned=$(add tuning '"mtu":1279,"prevResult":'"$made")
said="on the link before:  $before
result of tuning:    $(grep -o '"address":"[^"]*"' <<<"$tuned")
on the link after:   $(addresses)"
echo "$said"

[[ $said == 'on the link before:  inet6 fd00::5/64
result of tuning:    "address":"fd00::5/64"
on the link after:   none' ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
