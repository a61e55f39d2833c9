#!/usr/bin/env bash
# host-local: a range that starts on the last address of its subnet goes on in the next subnet,
# and the version that refuses this also refuses to delete.
#
# Package: github.com/containernetworking/plugins v1.9.1 and v1.10.0, plugin host-local.
# Source:  plugins/ipam/host-local/backend/allocator/range.go, Canonicalize: v1.9.1 does not
#          compare rangeStart with the rangeEnd that it fills in.
# Guess:   no address is left, or one; with an upgrade, pods that run can still be deleted.
# Happens: v1.9.1 gives 10.1.0.255, then 10.1.1.0 and so on, each with the /24 and the gateway
#          of the subnet left behind. v1.10.0 refuses the configuration, on DEL too: pods made
#          before the upgrade keep hanging, and their reservations stay.
# Needs:   Go.
set -euo pipefail

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
export GOMODCACHE=${GOMODCACHE:-$dir/mod}
mkdir "$dir/state"
for version in v1.9.1 v1.10.0; do
    GOBIN=$dir/$version go install -trimpath "github.com/containernetworking/plugins/plugins/ipam/host-local@$version"
done

network='{"cniVersion":"1.0.0","name":"lan","type":"macvlan","ipam":{"type":"host-local",
  "dataDir":"'$dir'/state","ranges":[[{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.255"}]]}}'

# call VERSION COMMAND POD prints the address or the error.
call() {
    CNI_COMMAND=$2 CNI_CONTAINERID=$3 CNI_NETNS=/run/netns/$3 CNI_IFNAME=net1 CNI_PATH=$dir/$1 \
        "$dir/$1/host-local" <<<"$network" | grep -o '"\(address\|msg\)": "[^"]*"' || true
}

said="v1.9.1 ADD first:    $(call v1.9.1 ADD first)
v1.9.1 ADD second:   $(call v1.9.1 ADD second)
v1.9.1 ADD third:    $(call v1.9.1 ADD third)
v1.10.0 ADD fourth:  $(call v1.10.0 ADD fourth)
v1.10.0 DEL first:   $(call v1.10.0 DEL first)
still reserved:      $(find "$dir/state" -name "10.*" -printf "%f\n" | sort | xargs)"
echo "$said"

refused='"msg": "invalid range set 0: RangeStart 10.1.0.255 is after RangeEnd 10.1.0.254 in network 10.1.0.0/24"'
[[ $said == 'v1.9.1 ADD first:    "address": "10.1.0.255/24"
v1.9.1 ADD second:   "address": "10.1.1.0/24"
v1.9.1 ADD third:    "address": "10.1.1.1/24"
v1.10.0 ADD fourth:  '"$refused"'
v1.10.0 DEL first:   '"$refused"'
still reserved:      10.1.0.255 10.1.1.0 10.1.1.1' ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
