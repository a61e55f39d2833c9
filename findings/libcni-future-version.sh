#!/usr/bin/env bash
# libcni: a version from the future in "cniVersions" makes the network one of the oldest version.
#
# Package: github.com/containernetworking/cni v1.3.1 (libcni), github.com/containernetworking/plugins v1.10.0.
# Source:  libcni/conf.go, NetworkConfFromBytes: leaves out the entries that are too new; when none is left
#          the version is "", which means 0.1.0.
# Guess:   as with "cniVersion":"1.2.0" the plugin, or libcni, says that it does not know that version.
# Happens: ADD succeeds with a result of version 0.1.0, which knows no interfaces and no MAC addresses,
#          and for which there is no CHECK. Neither libcni nor the plugin says a word.
# Needs:   Go.
set -euo pipefail

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
export GOMODCACHE=${GOMODCACHE:-$dir/mod}

GOBIN=$dir/bin go install -trimpath github.com/containernetworking/plugins/plugins/ipam/host-local@v1.10.0
mkdir "$dir/finding"
cd "$dir/finding"
cat >main.go <<'PROGRAM'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/containernetworking/cni/libcni"
)

func main() {
	plugin := `"type":"host-local","ipam":{"type":"host-local","dataDir":"state","ranges":[[{"subnet":"10.1.0.0/24"}]]}`
	for _, version := range []string{
		`"cniVersions":["1.0.0","1.2.0"]`,
		`"cniVersion":"1.2.0"`,
		`"cniVersions":["1.2.0"]`,
	} {
		fmt.Println(version)
		list, err := libcni.NetworkConfFromBytes([]byte(`{` + version + `,"name":"lan","plugins":[{` + plugin + `}]}`))
		if err != nil {
			fmt.Println("   load:", err)
			continue
		}
		cni := libcni.NewCNIConfigWithCacheDir([]string{os.Args[1]}, "cache", nil)
		pod := &libcni.RuntimeConf{ContainerID: "pod", NetNS: "/run/netns/pod", IfName: "net1"}
		result, err := cni.AddNetworkList(context.Background(), list, pod)
		if err != nil {
			reason, _, _ := strings.Cut(err.Error(), ", plugin supports")
			fmt.Println("   ADD:", reason)
			continue
		}
		text, _ := json.Marshal(result)
		fmt.Println("   ADD:", string(text))
		fmt.Println("   DEL:", cni.DelNetworkList(context.Background(), list, pod))
	}
}
PROGRAM
go mod init finding
go get github.com/containernetworking/cni/libcni@v1.3.1

said=$(go run -trimpath . "$dir/bin")
echo "$said"

[[ $said == '"cniVersions":["1.0.0","1.2.0"]
   ADD: {"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24","gateway":"10.1.0.1"}]}
   DEL: <nil>
"cniVersion":"1.2.0"
   ADD: plugin type="host-local" failed (add): incompatible CNI versions; config is "1.2.0"
"cniVersions":["1.2.0"]
   ADD: {"cniVersion":"0.1.0","ip4":{"ip":"10.1.0.3/24","gateway":"10.1.0.1"},"dns":{}}
   DEL: <nil>' ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
