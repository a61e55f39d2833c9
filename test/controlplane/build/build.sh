#!/usr/bin/env bash
# Builds the control plane that the tests run against, from Go modules, into the
# folder given. A cold build takes 5 to 8 minutes on two cores, so nothing is
# done when the folder already holds what would be built.
set -euo pipefail

destination=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"

packages=(
	go.etcd.io/etcd/server/v3
	k8s.io/kubernetes/cmd/kube-apiserver
	k8s.io/kubernetes/cmd/kube-controller-manager
	k8s.io/kubernetes/cmd/kube-scheduler
	k8s.io/kubernetes/cmd/kubectl
)
programs=(etcd kube-apiserver kube-controller-manager kube-scheduler kubectl)
flags=(-trimpath -buildvcs=false)
export CGO_ENABLED=0

# Versions are part of go.mod. What else the result depends on is the compiler,
# the platform and the flags.
stamp=$({
	cat go.mod go.sum
	go env GOVERSION GOOS GOARCH
	echo "${packages[@]}" "${flags[@]}" CGO_ENABLED=$CGO_ENABLED
} | sha256sum | cut -d ' ' -f 1)

complete() {
	local program
	[[ $(cat "$destination/.stamp" 2>/dev/null) == "$stamp" ]] || return 1
	for program in "${programs[@]}"; do
		[[ -x $destination/$program ]] || return 1
	done
}
if complete; then
	exit
fi

kubernetes=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
etcd=$(go list -m -f '{{.Version}}' go.etcd.io/etcd/server/v3)
echo "building the control plane: kubernetes $kubernetes, etcd $etcd; minutes when the build cache is cold" >&2

# Built beside the destination and moved when all is well: tests that run
# meanwhile keep the files that they have open.
work=$(mktemp -d "$destination/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Without these settings Kubernetes calls itself v0.0.0, and refuses features
# and clients by that number.
IFS=. read -r major minor _ <<<"${kubernetes#v}"
version=k8s.io/component-base/version
settings="-s -w -X $version.gitVersion=$kubernetes -X $version.gitMajor=$major -X $version.gitMinor=$minor"

# One build, so that what the programs have in common is compiled once.
go build "${flags[@]}" -ldflags "$settings" -o "$work/" "${packages[@]}"
mv "$work/server" "$work/etcd" # named after the last part of its import path

# expect PROGRAM VERSION ARGUMENT... fails unless the program prints the version.
expect() {
	local program=$1 want=$2 printed
	shift 2
	printed=$("$work/$program" "$@" 2>&1) || true
	if ! grep -qwF -- "$want" <<<"$printed"; then
		echo "$program is not the version that go.mod pins: want $want, it prints: $printed" >&2
		exit 1
	fi
}
expect etcd "${etcd#v}" --version
expect kube-apiserver "$kubernetes" --version
expect kube-controller-manager "$kubernetes" --version
expect kube-scheduler "$kubernetes" --version
expect kubectl "$kubernetes" version --client

rm -f "$destination/.stamp"
for program in "${programs[@]}"; do
	mv "$work/$program" "$destination/$program"
done
echo "$stamp" >"$destination/.stamp"
