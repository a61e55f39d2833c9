#!/usr/bin/env bash
# go-cni: the result has an interface eth0 even when no plugin made one.
#
# Package: github.com/containerd/go-cni v1.1.15, which containerd uses.
# Source:  result.go, createResult: puts an empty eth0 into the result before it reads the plugins'
#          results, and asks afterwards whether there is an eth0.
# Guess:   the error "default network not found for: eth0", which createResult has for this case.
# Happens: no error; an eth0 with no address, no MAC and no namespace stands beside the interface that
#          there is. So a network whose first interface has another name (Multus: default-network
#          "lan@ext0") is set up, and whoever called has to see that eth0 is empty.
# Needs:   Go. The plugin is a stand-in that answers with a fixed, valid result.
set -euo pipefail

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
export GOMODCACHE=${GOMODCACHE:-$dir/mod}

mkdir "$dir/finding" "$dir/bin"
cd "$dir/finding"
cat >"$dir/bin/answers" <<'PLUGIN'
#!/bin/sh
cat >/dev/null
[ "$CNI_COMMAND" != ADD ] || echo '{"cniVersion":"1.0.0",
  "interfaces":[{"name":"ext0","mac":"02:5e:00:00:00:01","sandbox":"/run/netns/pod"}],
  "ips":[{"interface":0,"address":"10.1.0.5/24"}]}'
PLUGIN
chmod +x "$dir/bin/answers"
cat >main.go <<'PROGRAM'
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/containerd/go-cni"
)

func main() {
	network := `{"cniVersion":"1.0.0","name":"lan","plugins":[{"type":"answers"}]}`
	runtime, err := cni.New(cni.WithPluginDir([]string{os.Args[1]}), cni.WithMinNetworkCount(1), cni.WithConfListBytes([]byte(network)))
	if err != nil {
		fmt.Println("load:", err)
		return
	}
	result, err := runtime.Setup(context.Background(), "pod", "/run/netns/pod")
	if err != nil {
		fmt.Println("setup:", err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(result.Interfaces)) {
		link := result.Interfaces[name]
		fmt.Printf("%s: %d addresses, MAC %q, namespace %q\n", name, len(link.IPConfigs), link.Mac, link.Sandbox)
	}
}
PROGRAM
go mod init finding
go get github.com/containerd/go-cni@v1.1.15

said=$(go run -trimpath . "$dir/bin")
echo "$said"

[[ $said == 'eth0: 0 addresses, MAC "", namespace ""
ext0: 1 addresses, MAC "02:5e:00:00:00:01", namespace "/run/netns/pod"' ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
