package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
)

// clusterNetworkInterval is how often it is looked for in memory, for the log.
const clusterNetworkInterval = 10 * time.Second

// clusterNetwork watches over the network that the configuration names as the cluster's own.
// Without it pods are judged by another role than was meant, and nothing else shows that.
type clusterNetwork struct {
	config    func() *config.Config
	inventory inventory.Inventory
	// all says that the inventory knows all networks that there are.
	all    bool
	logger *slog.Logger
	// said is what was logged last.
	said string
}

// Problem says that the network is not there.
func (c *clusterNetwork) Problem() error {
	return inventory.ClusterNetworkProblem(c.config(), c.inventory.Networks(context.Background()), c.all)
}

// Run logs when the network is missing and when it is not any more, until ctx ends.
func (c *clusterNetwork) Run(ctx context.Context) error {
	ticker := time.NewTicker(clusterNetworkInterval)
	defer ticker.Stop()
	for {
		c.log()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// log says what has changed since it was called last.
func (c *clusterNetwork) log() {
	now := ""
	if err := c.Problem(); err != nil {
		now = err.Error()
	}
	switch {
	case now == c.said:
		return
	case now == "":
		c.logger.Info("the network that multus.clusterNetwork names is there now")
	default:
		c.logger.Warn("the cluster's own network is not found", "error", now)
	}
	c.said = now
}

// clusterNetworkMissing tells whether the configuration names one that is not there.
func clusterNetworkMissing(c *clusterNetwork) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "macvlan_webhook_cluster_network_missing",
		Help: "1 while multus.clusterNetwork of the configuration names a network that does not exist.",
	}, func() float64 {
		if c.Problem() != nil {
			return 1
		}
		return 0
	})
}
