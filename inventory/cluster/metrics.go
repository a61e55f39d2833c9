package cluster

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counters count what is asked of the API server beside the watches, by resource
// and result: found, absent, failed, or remembered (not sent, since the rate is
// exhausted and there was nothing within the last second).
type counters struct{ reads, lists func(resource, result string) }

// countRequests makes the metrics of requests known.
func countRequests(r prometheus.Registerer) (counters, error) {
	reads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "macvlan_webhook_live_reads_total",
		Help: "Reads of single objects from the API server, by resource and result.",
	}, []string{"resource", "result"})
	lists := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "macvlan_webhook_live_lists_total",
		Help: "Lists of all objects from the API server, by resource and result; those that fill the cache do not count.",
	}, []string{"resource", "result"})
	return counters{
		reads: func(resource, result string) { reads.WithLabelValues(resource, result).Inc() },
		lists: func(resource, result string) { lists.WithLabelValues(resource, result).Inc() },
	}, errors.Join(r.Register(reads), r.Register(lists))
}

// gauge is the name of a metric, and what it says.
type gauge struct{ name, help string }

// register makes the metrics of the caches known.
func (i *Inventory) register(r prometheus.Registerer) error {
	holders := gauge{"macvlan_webhook_address_holders", "Workloads and records that keep IP or MAC addresses from others, in the cache."}
	age := gauge{
		"macvlan_webhook_cache_age_seconds",
		"Time since the watch of networks last brought an event or a bookmark; -1 before the first.",
	}
	errs := []error{
		r.Register(holders.of(func() float64 { return float64(i.holders.index.Len()) })),
		r.Register(age.of(i.age)),
	}
	sharing := map[gauge][]followed{}
	for _, k := range i.kinds {
		if g := k.traits().gauge; g != (gauge{}) {
			sharing[g] = append(sharing[g], k)
		}
	}
	for g, kinds := range sharing {
		errs = append(errs, r.Register(g.of(func() float64 {
			size := 0
			for _, k := range kinds {
				size += k.size()
			}
			return float64(size)
		})))
	}
	return errors.Join(errs...)
}

func (g gauge) of(value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, value)
}

func (i *Inventory) age() float64 {
	heard := i.networks.heard.Load()
	if heard == 0 {
		return -1
	}
	return time.Since(time.Unix(0, heard)).Seconds()
}
