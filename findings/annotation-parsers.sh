#!/usr/bin/env bash
# The client library of NetworkAttachmentDefinitions does not read the networks annotation as Multus does.
#
# Package: github.com/k8snetworkplumbingwg/network-attachment-definition-client v1.7.7 and
#          gopkg.in/k8snetworkplumbingwg/multus-cni.v4 v4.3.0.
# Source:  pkg/utils/net-attach-def.go, ParseNetworkAnnotation, of the former;
#          pkg/k8sclient/k8sclient.go, parsePodNetworkObjectName and parsePodNetworkAnnotation, of the latter.
# Guess:   both are of one house and one specification, so what the library refuses fails in
#          Multus, and what it accepts works.
# Happens: the library refuses "lan@eth0.100" and "lan@net_1", with which pods start; it takes a name of
#          16 letters, an unreadable MAC and an unreadable address, with which no pod ever starts.
# Needs:   Go, and minutes for the first build: both bring in the Kubernetes client. Later ones take seconds.
set -euo pipefail

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
export GOMODCACHE=${GOMODCACHE:-$dir/mod}

mkdir "$dir/finding"
cd "$dir/finding"
cat >main.go <<'PROGRAM'
package main

import (
	"fmt"

	client "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/utils"
	multus "gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/k8sclient"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func word(err error) string {
	if err != nil {
		return "refuses"
	}
	return "accepts"
}

func main() {
	for _, value := range []string{
		"lan@net1",
		"lan@eth0.100",
		"lan@net_1",
		"lan@sixteencharsname",
		`[{"name":"lan","mac":"zz"}]`,
		`[{"name":"lan","ips":["10.1.0.999"]}]`,
	} {
		_, library := client.ParseNetworkAnnotation(value, "default")
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace:   "default",
			Annotations: map[string]string{"k8s.v1.cni.cncf.io/networks": value},
		}}
		_, plugin := multus.GetPodNetwork(pod)
		fmt.Printf("client %s, Multus %s: %s\n", word(library), word(plugin), value)
	}
}
PROGRAM
go mod init finding
go get github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/utils@v1.7.7 \
    gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/k8sclient@v4.3.0

said=$(go run -trimpath .)
echo "$said"

[[ $said == 'client accepts, Multus accepts: lan@net1
client refuses, Multus accepts: lan@eth0.100
client refuses, Multus accepts: lan@net_1
client accepts, Multus refuses: lan@sixteencharsname
client accepts, Multus refuses: [{"name":"lan","mac":"zz"}]
client accepts, Multus refuses: [{"name":"lan","ips":["10.1.0.999"]}]' ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
