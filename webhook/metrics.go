package webhook

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Metrics count what the server decides and how long it takes.
type Metrics struct {
	duration  *prometheus.HistogramVec
	decisions *prometheus.CounterVec
	findings  *prometheus.CounterVec
	patches   prometheus.Counter
	relaxed   *prometheus.CounterVec
	refused   *prometheus.CounterVec
	overloads prometheus.Counter
	strangers prometheus.Counter
	evictions prometheus.Counter
}

// NewMetrics registers the server's metrics.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := newMetrics()
	for _, c := range []prometheus.Collector{m.duration, m.decisions, m.findings, m.patches, m.relaxed, m.refused, m.overloads, m.strangers, m.evictions} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func newMetrics() *Metrics {
	return &Metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "macvlan_webhook_request_duration_seconds",
			Help: "Time from the arrival of an AdmissionReview to its answer, by path.",
			// A decision takes some ten microseconds, one with a live read some
			// milliseconds; the API server gives up after ten seconds or less.
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"path"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "macvlan_webhook_decisions_total",
			Help: "Objects checked, by decision: allow, warn, deny, exempt, undecided.",
		}, []string{"decision"}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "macvlan_webhook_verdicts_total",
			Help: "Findings, by rule and action.",
		}, []string{"rule", "action"}),
		patches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "macvlan_webhook_patches_total",
			Help: "Pods whose default pools were filled in.",
		}),
		relaxed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "macvlan_webhook_relaxed_total",
			Help: "Denials that the mode of a namespace has turned into warnings, by rule.",
		}, []string{"rule"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "macvlan_webhook_malformed_requests_total",
			Help: "HTTP requests that were not an AdmissionReview, by the status of the answer.",
		}, []string{"status"}),
		overloads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "macvlan_webhook_overloaded_total",
			Help: "Requests answered with status 503, since too many came at once.",
		}),
		strangers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "macvlan_webhook_refused_clients_total",
			Help: "Requests refused because the client certificate has none of the names in --client-name.",
		}),
		evictions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "macvlan_webhook_evicted_connections_total",
			Help: "Connections without a request under way that were closed to make room for others.",
		}),
	}
}

func (m *Metrics) count(v *verdict.Verdict) {
	decision := string(v.Decision())
	switch {
	case v.Exempt != "":
		decision = "exempt"
	case v.Undecided != nil:
		// Counted where the request is refused.
		return
	}
	m.decisions.WithLabelValues(decision).Inc()
	for i := range v.Findings {
		f := &v.Findings[i]
		n := float64(1 + f.More)
		m.findings.WithLabelValues(f.Rule, string(f.Action)).Add(n)
		if f.Relaxed && !f.Inherited {
			m.relaxed.WithLabelValues(f.Rule).Add(n)
		}
	}
}

func (m *Metrics) undecided() { m.decisions.WithLabelValues("undecided").Inc() }

func (m *Metrics) patched() { m.patches.Inc() }

func (m *Metrics) malformed(status int) { m.refused.WithLabelValues(strconv.Itoa(status)).Inc() }

func (m *Metrics) overload() { m.overloads.Inc() }

func (m *Metrics) stranger() { m.strangers.Inc() }

func (m *Metrics) evicted() { m.evictions.Inc() }

func (m *Metrics) observe(path string, d time.Duration) {
	m.duration.WithLabelValues(path).Observe(d.Seconds())
}
