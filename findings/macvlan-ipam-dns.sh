#!/usr/bin/env bash
# macvlan: the "dns" of an IPAM plugin is lost on the way; bridge hands the same one on.
#
# Package: github.com/containernetworking/plugins v1.10.0, plugins macvlan, bridge and static.
# Source:  plugins/main/macvlan/macvlan.go, cmdAdd: sets the result's DNS to the top-level "dns"
#          always; plugins/main/bridge/bridge.go, cmdAdd: only when there is one.
# Guess:   "dns" inside "ipam", as the pages of static and (resolvConf) host-local describe it, reaches
#          the result, whichever plugin makes the link.
# Happens: behind bridge it does, behind macvlan it is gone without a word.
# Needs:   Go, ip, unshare; root, or users that may make namespaces; macvlan and bridge in the kernel.
set -euo pipefail

if [[ ${1-} != inside ]]; then
    spaces=(unshare --net --mount)
    ((EUID == 0)) || spaces+=(--map-root-user)
    "${spaces[@]}" true || { echo "skipped: needs root, or a kernel that lets users make namespaces" >&2; exit 77; }
    dir=$(mktemp -d)
    trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
    export GOMODCACHE=${GOMODCACHE:-$dir/mod}
    GOBIN=$dir/bin go install -trimpath \
        github.com/containernetworking/plugins/plugins/main/{macvlan,bridge}@v1.10.0 \
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

# dns PLUGIN LINK prints the name servers of the result of ADD.
dns() {
    local network='{"cniVersion":"1.0.0","name":"lan","type":"'$1'",'$2',"ipam":{"type":"static",
      "addresses":[{"address":"10.1.0.5/24"}],"dns":{"nameservers":["10.1.0.53"]}}}'
    CNI_COMMAND=ADD "$dir/bin/$1" <<<"$network" | tr -d ' \n' | grep -o '"nameservers":[^]]*]' || echo none
    CNI_COMMAND=DEL "$dir/bin/$1" <<<"$network"
}

said="bridge:   $(dns bridge '"bridge":"br0"')
macvlan:  $(dns macvlan '"master":"up0"')"
echo "$said"

[[ $said == 'bridge:   "nameservers":["10.1.0.53"]
macvlan:  none' ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
