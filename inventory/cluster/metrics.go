package cluster

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/tools/cache"
)

// counters count what is asked of the API server beside the watches, by resource
// and result: found, absent, failed, or remembered (not sent, since the rate is
// exhausted and there was nothing within the last second).
type counters struct{ reads, lists func(resource, result string) }

// register makes the metrics of the inventory known.
func (i *Inventory) register(r prometheus.Registerer, nodeFacts bool) (counters, error) {
	reads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "macvlan_webhook_live_reads_total",
		Help: "Reads of single objects from the API server, by resource and result.",
	}, []string{"resource", "result"})
	lists := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "macvlan_webhook_live_lists_total",
		Help: "Lists of all objects from the API server, by resource and result; those that fill the cache do not count.",
	}, []string{"resource", "result"})
	networks := cachedGauge("macvlan_webhook_networks", "Networks in the cache.", func() cache.Store { return i.networks.informer.GetStore() })
	namespaces := cachedGauge("macvlan_webhook_namespaces", "Namespaces in the cache.", func() cache.Store { return i.namespaces.informer.GetStore() })
	pools := cachedGauge("macvlan_webhook_pools", "Spiderpool's IP pools in the cache.", func() cache.Store { return i.pools.informer.GetStore() })
	subnets := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "macvlan_webhook_subnets", Help: "Subnets of the flat network in the cache."}, func() float64 {
		n := 0
		for _, w := range i.subnets.kinds {
			n += len(w.informer.GetStore().ListKeys())
		}
		return float64(n)
	})
	holders := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "macvlan_webhook_address_holders", Help: "Workloads and records that keep IP or MAC addresses from others, in the cache."}, func() float64 { return float64(i.holders.index.Len()) })
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "macvlan_webhook_cache_age_seconds",
		Help: "Time since the watch of networks last brought an event or a bookmark; -1 before the first.",
	}, func() float64 {
		heard := i.networks.heard.Load()
		if heard == 0 {
			return -1
		}
		return time.Since(time.Unix(0, heard)).Seconds()
	})
	collectors := []prometheus.Collector{reads, lists, networks, namespaces, pools, subnets, holders, age}
	if nodeFacts {
		collectors = append(collectors, cachedGauge("macvlan_webhook_nodes", "Nodes in the cache.", func() cache.Store { return i.nodes.informer.GetStore() }))
	}
	for _, c := range collectors {
		if err := r.Register(c); err != nil {
			return counters{}, err
		}
	}
	return counters{
		reads: func(resource, result string) { reads.WithLabelValues(resource, result).Inc() },
		lists: func(resource, result string) { lists.WithLabelValues(resource, result).Inc() },
	}, nil
}

// cachedGauge shows how many objects a store holds. The store is asked for when the
// gauge is read: the metrics are registered before there is one.
func cachedGauge(name, help string, store func() cache.Store) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(len(store().ListKeys())) })
}
