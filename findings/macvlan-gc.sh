#!/usr/bin/env bash
# macvlan: GC succeeds and cleans up nothing, although the IPAM plugin below could.
#
# Package: github.com/containernetworking/plugins v1.10.0, plugins macvlan and host-local.
# Source:  plugins/main/macvlan/macvlan.go, main: hands skel no GC, which pkg/skel
#          (containernetworking/cni) takes as success; plugins/ipam/host-local/main.go has cmdGC.
# Guess:   as with ADD, DEL, CHECK and STATUS, the main plugin calls its IPAM plugin; since
#          host-local can collect garbage, addresses of lost pods come back.
# Happens: exit status 0, no output, and the reservation stays. Called by itself, which no
#          runtime does, host-local drops it. vlan and bridge are the same.
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
        github.com/containernetworking/plugins/plugins/ipam/host-local@v1.10.0
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

network='{"cniVersion":"1.1.0","name":"lan","type":"macvlan","master":"up0","ipam":{"type":"host-local",
  "dataDir":"'$dir'/state","ranges":[[{"subnet":"10.1.0.0/24"}]]}'
CNI_COMMAND=ADD "$dir/bin/macvlan" <<<"$network}" >"$dir/result"

# gc PLUGIN tells it that no attachment is left, and prints what is reserved afterwards.
gc() {
    env -u CNI_NETNS -u CNI_CONTAINERID -u CNI_IFNAME CNI_COMMAND=GC \
        "$dir/bin/$1" <<<"$network,\"cni.dev/valid-attachments\":[]}"
    find "$dir/state/lan" -name '10.*' -printf '%f'
}

said="after GC of macvlan:     $(gc macvlan)
after GC of host-local:  $(gc host-local)"
echo "$said"

[[ $said == "after GC of macvlan:     10.1.0.2
after GC of host-local:  " ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
