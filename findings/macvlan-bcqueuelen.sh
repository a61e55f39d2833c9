#!/usr/bin/env bash
# macvlan: "bcqueuelen" of one network is overruled by any other network on the same master.
#
# Package: github.com/containernetworking/plugins v1.10.0, plugin macvlan.
# Source:  plugins/main/macvlan/macvlan.go, createMacvlan (BCQueueLen); in the kernel,
#          drivers/net/macvlan.c, update_port_bc_queue_len: the largest one of a master counts.
# Guess:   the key limits the broadcast queue of this network's links, or of the master, as written.
# Happens: as soon as one pod of a network without the key (which means 1000) is on the same
#          master the limit of 5 is 1000 for all, and 5 again when that pod goes.
# Needs:   Go, ip, unshare; root, or users that may make namespaces; macvlan in the kernel, from 5.11 on.
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

# call COMMAND INTERFACE [MORE] makes or deletes a link of the pod.
call() {
    CNI_COMMAND=$1 CNI_IFNAME=$2 "$dir/bin/macvlan" >"$dir/result" \
        <<<'{"cniVersion":"1.0.0","name":"'$2'","type":"macvlan","master":"up0"'${3-}'}'
}
used() { ip -n pod -d link show net1 | grep -o 'bcqueuelen [0-9]* usedbcqueuelen [0-9]*'; }

call ADD net1 ',"bcqueuelen":5'
alone=$(used)
call ADD net2
beside=$(used)
call DEL net2
said="alone:          $alone
beside net2:    $beside
alone again:    $(used)"
echo "$said"

[[ $said == "alone:          bcqueuelen 5 usedbcqueuelen 5
beside net2:    bcqueuelen 5 usedbcqueuelen 1000
alone again:    bcqueuelen 5 usedbcqueuelen 5" ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
