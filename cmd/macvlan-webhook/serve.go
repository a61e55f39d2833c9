package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	typedadmissionv1 "k8s.io/client-go/kubernetes/typed/admissionregistration/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/macvlan-webhook/macvlan-webhook/certs"
	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/cluster"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/webhook"
)

// certificate is where the serving certificate comes from.
type certificate interface {
	Run(context.Context) error
	Ready(now time.Time) error
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Leaf() *x509.Certificate
}

// memoryGoal is where the garbage collector begins to work harder, in bytes. In
// peace the server stays far below; under a flood of large requests it is garbage,
// not what is in use, that would take it past a limit of 128 MiB. GOMEMLIMIT in
// the environment takes its place, for clusters with very many networks.
const memoryGoal = 64 << 20

// serve puts the parts together and runs them until ctx ends.
func serve(ctx context.Context, o *options, logger *slog.Logger) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics, err := webhook.NewMetrics(registry)
	if err != nil {
		return err
	}
	config, err := readConfigFile(o.config, logger)
	if err != nil {
		return err
	}

	// What runs beside the server goes on while the server drains: it still
	// answers then. When one of them fails, the server stops as well.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var tasks errgroup.Group
	start := func(task func(context.Context) error) {
		tasks.Go(func() error {
			err := task(background)
			if err != nil {
				giveUp()
			}
			return err
		})
	}

	registry.MustRegister(configValid(config))
	networks, checks, err := o.openInventory(registry, logger, start)
	if err != nil {
		return err
	}
	cert, err := o.openCertificate(logger)
	if err != nil {
		return err
	}
	registry.MustRegister(certificateExpiry(cert))
	own := &clusterNetwork{config: config.Current, inventory: networks, all: len(o.inventory) == 0, logger: logger}
	registry.MustRegister(clusterNetworkMissing(own))
	start(cert.Run)
	start(config.Run)
	start(own.Run)

	decider := &webhook.Decider{Config: config.Current, Inventory: networks, Metrics: metrics, Logger: logger}
	if len(o.inventory) == 0 {
		if decider.Workloads, err = o.openWorkloads(); err != nil {
			return err
		}
	}
	// Whether the API server trusts a certificate from files, only it knows.
	usable := "trusted"
	if o.certFile != "" {
		usable = "certificate"
	}
	server := &webhook.Server{
		Listen:         o.listen,
		ProbeListen:    o.probeListen,
		GetCertificate: cert.GetCertificate,
		Handler:        decider.Handler(o.deadline),
		Metrics:        promhttp.HandlerFor(prometheus.Gatherers{registry, ctrlmetrics.Registry}, promhttp.HandlerOpts{}),
		Checks: append(checks,
			webhook.Check{Name: usable, Ready: func() error { return cert.Ready(time.Now()) }},
			webhook.Check{Name: "configuration", Ready: config.Problem, Advisory: true},
			webhook.Check{Name: "cluster-network", Ready: own.Problem, Advisory: true},
		),
		Drain:  o.drain,
		Logger: logger,
	}
	err = server.Run(ctx)
	stop()
	return errors.Join(err, tasks.Wait())
}

// openInventory prepares the inventory that the flags ask for.
func (o *options) openInventory(registry prometheus.Registerer, logger *slog.Logger, start func(func(context.Context) error)) (inventory.Inventory, []webhook.Check, error) {
	if len(o.inventory) > 0 {
		objects, err := files.Read(o.inventory, strings.NewReader(""))
		if err != nil {
			return nil, nil, err
		}
		networks, err := files.NewInventory("default", objects)
		if err != nil {
			return nil, nil, err
		}
		logger.Info("inventory read", "networks", networks.Len(), "pools", networks.Pools())
		if networks.Len() == 0 {
			logger.Warn("the inventory contains no network: networks are checked by their names, but not whether they exist")
		}
		return networks, nil, nil
	}
	config, err := o.clusterConfig()
	if err != nil {
		return nil, nil, err
	}
	networks, err := cluster.New(cluster.Options{Config: config, Logger: logger, Metrics: registry, NodeFacts: o.nodeFacts})
	if err != nil {
		return nil, nil, err
	}
	start(networks.Run)
	return networks, []webhook.Check{
		{Name: "networks", Ready: networks.Ready},
		{Name: "caches", Ready: networks.Filled, Advisory: true},
	}, nil
}

// openWorkloads prepares to read the workloads that are scaled.
func (o *options) openWorkloads() (webhook.Workloads, error) {
	config, err := o.clusterConfig()
	if err != nil {
		return nil, err
	}
	return cluster.NewWorkloads(config)
}

// configValid tells whether the configuration file as it is now is in use.
func configValid(f *configFile) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "macvlan_webhook_config_valid",
		Help: "1 while the configuration file is in use, 0 while it cannot be used and the last valid one is used instead.",
	}, func() float64 {
		if f.Problem() != nil {
			return 0
		}
		return 1
	})
}

// openCertificate prepares the serving certificate that the flags ask for.
func (o *options) openCertificate(logger *slog.Logger) (certificate, error) {
	if o.certFile != "" {
		return certs.NewFromFiles(o.certFile, o.keyFile, logger)
	}
	config, err := o.clusterConfig()
	if err != nil {
		return nil, err
	}
	secrets, err := typedcorev1.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	webhooks, err := typedadmissionv1.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	names, ips := o.hosts()
	return certs.NewSelfSigned(certs.SelfOptions{
		Secrets: secrets, Webhooks: webhooks,
		Namespace: o.certSecret.namespace, SecretName: o.certSecret.name,
		DNSNames: names, IPs: ips,
		ValidatingConfigurations: o.webhookConfigurations,
		MutatingConfigurations:   o.webhookConfigurations,
		Logger:                   logger,
	})
}

func certificateExpiry(c certificate) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "macvlan_webhook_certificate_expiry_timestamp_seconds",
		Help: "When the serving certificate expires, as Unix time; 0 before there is one.",
	}, func() float64 {
		if leaf := c.Leaf(); leaf != nil {
			return float64(leaf.NotAfter.Unix())
		}
		return 0
	})
}
