package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// A cluster network that is not there is said in the log once, until it is; a metric and a
// check that does not count show it for as long.
func TestClusterNetworkThatIsMissing(t *testing.T) {
	networks := given.Inventory(t, `
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: calico, namespace: kube-system}}
`)
	c := config.Default()
	var log bytes.Buffer
	own := &clusterNetwork{config: func() *config.Config { return c }, inventory: networks, logger: slog.New(slog.NewTextHandler(&log, nil))}
	for _, step := range []struct {
		network      string
		all, missing bool
	}{
		{"", true, false},
		{"calico", false, false},
		{"calcio", false, true},
		{"calcio", false, true},
		{"elsewhere/calico", false, false},
		{"elsewhere/calico", true, true},
		{"kube-system/calico", true, false},
	} {
		c.Multus.ClusterNetwork = &step.network
		own.all = step.all
		own.log()
		if err := own.Problem(); (err != nil) != step.missing {
			t.Errorf("%q: %v", step.network, err)
		}
		if got := testutil.ToFloat64(clusterNetworkMissing(own)); (got == 1) != step.missing {
			t.Errorf("%q: the metric is %v", step.network, got)
		}
	}
	if text := log.String(); strings.Count(text, "the cluster's own network is not found") != 2 || strings.Count(text, "is there now") != 2 ||
		strings.Count(text, "kube-system/calcio") != 1 {
		t.Error(text)
	}
}
