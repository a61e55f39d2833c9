#!/usr/bin/env bash
# macvlan with dhcp: without the DHCP daemon a pod cannot be deleted either, and STATUS says all is well.
#
# Package: github.com/containernetworking/plugins v1.10.0, plugins macvlan and dhcp.
# Source:  plugins/main/macvlan/macvlan.go, cmdDel: returns when the IPAM plugin's DEL fails, before
#          the link is deleted; plugins/ipam/dhcp/main.go, main: has no STATUS, which counts as success.
# Guess:   STATUS reports the missing daemon; DEL, which is to be lenient, takes the link away.
# Happens: STATUS succeeds. ADD fails and leaves the link. DEL fails with the same error and leaves
#          it as well, and a second ADD finds the name taken.
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
        github.com/containernetworking/plugins/plugins/ipam/dhcp@v1.10.0
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

# call COMMAND prints "ok" or the error, without the kernel's words about the socket.
call() {
    if said=$(CNI_COMMAND=$1 "$dir/bin/macvlan" <<<'{"cniVersion":"1.1.0","name":"lan","type":"macvlan","master":"up0","ipam":{"type":"dhcp"}}')
    then echo ok
    else sed -n 's/.*"msg": "\(error dialing DHCP daemon\|.*file exists\).*/\1/p' <<<"$said"
    fi
}
links() { ip -n pod -o link show type macvlan | cut -d: -f2 | cut -d@ -f1 | xargs; }

said="STATUS:      $(call STATUS)
ADD:         $(call ADD)
links left:  $(links)
DEL:         $(call DEL)
links left:  $(links)
ADD again:   $(call ADD)"
echo "$said"

[[ $said == 'STATUS:      ok
ADD:         error dialing DHCP daemon
links left:  net1
DEL:         error dialing DHCP daemon
links left:  net1
ADD again:   failed to rename macvlan to \"net1\": file exists' ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
