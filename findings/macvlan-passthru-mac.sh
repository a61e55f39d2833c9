#!/usr/bin/env bash
# macvlan: with mode "passthru" the MAC address that was asked for is dropped, and ADD succeeds.
#
# Package: github.com/containernetworking/plugins v1.10.0, plugin macvlan.
# Source:  plugins/main/macvlan/macvlan.go, createMacvlan: hands the address to the kernel
#          with the new link; in passthru mode the kernel gives that link the master's own.
# Guess:   the address is set, as in every other mode, or refused.
# Happens: exit status 0, and the link and the result have the MAC address of the master.
#          (The tuning plugin behind it does set one.)
# Needs:   Go, ip, unshare; root, or users that may make namespaces; macvlan in the kernel.
set -euo pipefail

if [[ ${1-} != inside ]]; then
    spaces=(unshare --net --mount)
    ((EUID == 0)) || spaces+=(--map-root-user)
    "${spaces[@]}" true || { echo "skipped: needs root, or a kernel that lets users make namespaces" >&2; exit 77; }
    dir=$(mktemp -d)
    trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
    export GOMODCACHE=${GOMODCACHE:-$dir/mod}
    GOBIN=$dir/bin go install -trimpath github.com/containernetworking/plugins/plugins/main/macvlan@v1.10.0
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
ip link set up0 address 02:aa:aa:aa:aa:aa

# mac MODE prints the MAC address that the link gets when 02:5e:00:00:00:01 is asked for.
mac() {
    local network='{"cniVersion":"1.0.0","name":"lan","type":"macvlan","master":"up0","mac":"02:5e:00:00:00:01","mode":"'$1'"}'
    CNI_COMMAND=ADD "$dir/bin/macvlan" <<<"$network" | grep -o '\([0-9a-f][0-9a-f]:\)\{5\}..'
    CNI_COMMAND=DEL "$dir/bin/macvlan" <<<"$network"
}

said="bridge:    $(mac bridge)
passthru:  $(mac passthru)"
echo "$said"

[[ $said == "bridge:    02:5e:00:00:00:01
passthru:  02:aa:aa:aa:aa:aa" ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
