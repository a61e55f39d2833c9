#!/usr/bin/env bash
# macvlan: a second default route takes all traffic of IPv4, and a part of that of IPv6.
#
# Package: github.com/containernetworking/plugins v1.10.0, plugins macvlan and static (every plugin that
#          sets routes does so with the same function).
# Source:  pkg/ipam/ipam_linux.go, ConfigureIface: netlink.RouteAddEcmp, which asks the kernel to put the
#          route beside those that are there.
# Guess:   the route of the pod's first interface stays the one in use, or a second one is an error;
#          in any case, the same happens to both families.
# Happens: the IPv4 route goes before that of eth0, which is still listed and no longer used. The IPv6
#          route and that of eth0, when both have a gateway and the kernel's own metric, become one with
#          two next hops: some connections leave by eth0 and some by net1, and some of them are lost.
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
        github.com/containernetworking/plugins/plugins/ipam/static@v1.10.0
    "${spaces[@]}" bash "$0" inside "$dir"
    exit
fi
dir=$2

# A master link for the pod, and the pod's eth0, in namespaces that end with this script.
mount -t tmpfs tmpfs /run
ip netns add pod
ip link add up0 type veth peer name up1
ip link set up0 up
ip link set up1 up
ip -n pod link add eth0 type veth peer name far
ip -n pod link set eth0 up
ip -n pod link set far up
ip -n pod address add 10.1.0.5/24 dev eth0
ip -n pod address add fd00:1::5/64 dev eth0 nodad
ip -n pod route add default via 10.1.0.1
ip -n pod -6 route add default via fd00:1::1

CNI_COMMAND=ADD CNI_PATH=$dir/bin CNI_NETNS=/run/netns/pod CNI_CONTAINERID=pod CNI_IFNAME=net1 \
    "$dir/bin/macvlan" >"$dir/result" <<<'{"cniVersion":"1.0.0","name":"lan","type":"macvlan","master":"up0","ipam":{
      "type":"static","routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}],"addresses":[
        {"address":"10.2.0.5/24","gateway":"10.2.0.1"},{"address":"fd00:2::5/64","gateway":"fd00:2::1"}]}}'

# ways FAMILY PREFIX prints by which interfaces a hundred addresses are reached.
ways() {
    for last in {1..100}; do
        ip -n pod "$1" route get "$2$last" | grep -o 'dev [^ ]*'
    done | sort -u | xargs
}

said="IPv4 leaves by:  $(ways -4 192.0.2.)
IPv6 leaves by:  $(ways -6 2001:db8::)"
ip -n pod -4 route show default
ip -n pod -6 route show default
echo "$said"

[[ $said == "IPv4 leaves by:  dev net1
IPv6 leaves by:  dev eth0 dev net1" ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
