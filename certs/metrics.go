package certs

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// counters count what was written; those of a server without metrics count nothing.
type counters struct {
	changes *prometheus.CounterVec
	writes  *prometheus.CounterVec
}

func (c *counters) changed(step change) {
	if c.changes != nil {
		c.changes.WithLabelValues(labels[step]).Inc()
	}
}

func (c *counters) written(kind string) {
	if c.writes != nil {
		c.writes.WithLabelValues(kind).Inc()
	}
}

// register adds the metrics about certificates.
func (s *SelfSigned) register(registry prometheus.Registerer) error {
	s.count.changes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "macvlan_webhook_ca_changes_total",
		Help: "Steps that this replica has taken with the CA in the Secret, by what was done.",
	}, []string{"change"})
	for _, label := range labels {
		s.count.changes.WithLabelValues(label)
	}
	s.count.writes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "macvlan_webhook_ca_bundle_writes_total",
		Help: "How often this replica has written the caBundles of a webhook configuration, by kind.",
	}, []string{"kind"})
	return errors.Join(
		registry.Register(s.count.changes),
		registry.Register(s.count.writes),
		registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "macvlan_webhook_ca_expiry_timestamp_seconds",
			Help: "When the CA that signed the serving certificate expires, as Unix time; 0 before there is one.",
		}, func() float64 {
			if ca := s.CA(); ca != nil {
				return float64(ca.cert.NotAfter.Unix())
			}
			return 0
		})),
		registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "macvlan_webhook_certificate_problem",
			Help: "1 while the CA Secret or a webhook configuration cannot be read, used or written, for some minutes after one was lost and recovered, and while the CA expires soon and is not replaced.",
		}, func() float64 {
			if s.Problem() != nil {
				return 1
			}
			return 0
		})),
	)
}
