// Package probe answers the kubelet and Prometheus over HTTP.
package probe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/install"
)

// Probe holds what the last check found.
type Probe struct {
	// Alive is the time without a check after which the process counts as stuck.
	Alive time.Duration

	registry  *prometheus.Registry
	info      *prometheus.GaugeVec
	installs  *prometheus.CounterVec
	ready     prometheus.Gauge
	contended prometheus.Gauge
	published *prometheus.CounterVec

	mu      sync.Mutex
	checked time.Time
	faults  []string
}

// New returns a probe that is alive, and not ready before the first check.
func New(alive time.Duration) *Probe {
	p := &Probe{
		Alive:    alive,
		registry: prometheus.NewRegistry(),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "macvlan_installer_plugin_info",
			Help: "The wanted plugins as they are in the folder; always 1.",
		}, []string{"plugin", "version", "state"}),
		installs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "macvlan_installer_installs_total",
			Help: "What was done to plugins: installed, replaced, updated, repaired, rolled-back or failed.",
		}, []string{"plugin", "result"}),
		ready: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "macvlan_installer_ready",
			Help: "1 when every wanted plugin is usable, or with --uninstall none is left, otherwise 0.",
		}),
		contended: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "macvlan_installer_contended",
			Help: "1 while something keeps undoing the repairs and they are made rarely, otherwise 0.",
		}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "macvlan_installer_links_published_total",
			Help: "Attempts to publish the node's links on its Node: published or failed.",
		}, []string{"result"}),
		checked: time.Now(),
		faults:  []string{"the plugins were not checked yet"},
	}
	p.registry.MustRegister(p.info, p.installs, p.ready, p.contended, p.published)
	return p
}

// Report takes the result of a check. err says why there could be none.
func (p *Probe) Report(plugins []install.Plugin, err error) {
	var faults []string
	if err != nil {
		faults = append(faults, err.Error())
	}
	p.info.Reset()
	for _, plugin := range plugins {
		p.info.WithLabelValues(plugin.Name, plugin.Version, string(plugin.State)).Set(1)
		if plugin.Result != install.Kept {
			p.installs.WithLabelValues(plugin.Name, string(plugin.Result)).Inc()
		}
		if !plugin.Usable {
			faults = append(faults, fmt.Sprintf("%s: %s: %s", plugin.Name, plugin.State, plugin.Message))
		}
	}
	p.ready.Set(0)
	if len(faults) == 0 {
		p.ready.Set(1)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checked, p.faults = time.Now(), faults
}

// Contended says whether something keeps undoing the repairs.
func (p *Probe) Contended(yes bool) {
	p.contended.Set(0)
	if yes {
		p.contended.Set(1)
	}
}

// Published counts an attempt to publish the node's links.
func (p *Probe) Published(result string) { p.published.WithLabelValues(result).Inc() }

// Handler answers /healthz, /readyz and /metrics.
func (p *Probe) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		silent := time.Since(p.checked)
		p.mu.Unlock()
		var faults []string
		if silent > p.Alive {
			faults = append(faults, fmt.Sprintf("nothing was checked for %s", silent.Round(time.Second)))
		}
		answer(w, faults)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		faults := p.faults
		p.mu.Unlock()
		answer(w, faults)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	return mux
}

func answer(w http.ResponseWriter, faults []string) {
	if len(faults) == 0 {
		fmt.Fprintln(w, "ok")
		return
	}
	http.Error(w, strings.Join(faults, "\n"), http.StatusServiceUnavailable)
}

// Serve answers at an address until ctx ends.
func (p *Probe) Serve(ctx context.Context, address string, logger *slog.Logger) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for probes: %w: name another address with --listen", err)
	}
	// The bounds are for whoever opens connections and says nothing.
	server := &http.Server{
		Handler:           p.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	logger.Info("answering probes", "address", listener.Addr().String())
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer probes: %w", err)
	}
	return nil
}
