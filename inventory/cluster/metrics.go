package cluster

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// register makes the metrics of the inventory known and returns what counts a
// live read by its resource and result: found, absent, failed, or remembered (not
// sent, since the rate is exhausted and the object was absent within the last
// second).
func (i *Inventory) register(r prometheus.Registerer) (count func(resource, result string), err error) {
	reads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "macvlan_webhook_live_reads_total",
		Help: "Reads of single objects from the API server, by resource and result.",
	}, []string{"resource", "result"})
	networks := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "macvlan_webhook_networks",
		Help: "Networks in the cache.",
	}, func() float64 { return float64(len(i.networks.informer.GetStore().ListKeys())) })
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
	for _, c := range []prometheus.Collector{reads, networks, age} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return func(resource, result string) { reads.WithLabelValues(resource, result).Inc() }, nil
}
