package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/macvlan-webhook/macvlan-webhook/certs"
)

// options are the flags.
type options struct {
	listen, probeListen string
	config              string
	inventory           []string
	nodeFacts           bool
	kubeconfig          string
	context             string

	certSecret            reference
	service               reference
	webhookConfigurations []string
	certFile, keyFile     string
	certHosts             []string
	caLifetime            time.Duration
	certLifetime          time.Duration
	clientCAFile          string
	clientNames           []string

	deadline time.Duration
	drain    time.Duration
	logLevel slog.LevelVar
}

// reference is a flag of the form namespace/name.
type reference struct{ namespace, name string }

func (r *reference) String() string {
	if r.name == "" {
		return ""
	}
	return r.namespace + "/" + r.name
}

func (r *reference) Type() string { return "namespace/name" }

func (r *reference) Set(text string) error {
	namespace, name, ok := strings.Cut(text, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return errors.New("must be namespace/name")
	}
	*r = reference{namespace, name}
	return nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "macvlan-webhook",
		Short: "Check pods that ask for macvlan networks when they are created",
		Long: "macvlan-webhook is an admission webhook. It checks the network annotations of pods when they are created.\n\n" +
			"It runs in a cluster, beside one (--kubeconfig), or without any (--inventory).",
		Args:          cobra.NoArgs,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return serve(cmd.Context(), o, newLogger(stderr, &o.logLevel))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", ":9443", "address for admission requests, over TLS")
	f.StringVar(&o.probeListen, "probe-listen", ":8080", "address for /healthz, /readyz and /metrics, over plain HTTP")
	f.StringVar(&o.config, "config", "", "PolicyConfig file, read again when it changes (default: the built-in configuration)")
	f.StringArrayVar(&o.inventory, "inventory", nil, "run without a cluster: file or folder with objects to treat as present in it (may be repeated)")
	f.BoolVar(&o.nodeFacts, "node-facts", false, "read the links of each Node from the annotation that macvlan-installer --publish-links writes")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file, to run outside the cluster")
	f.StringVar(&o.context, "context", "", "context of the kubeconfig file")
	f.Var(&o.certSecret, "cert-secret", "Secret with the CA, created if missing; it signs the serving certificate")
	f.Var(&o.service, "service", "Service that the API server calls; its name is in the serving certificate")
	f.StringArrayVar(&o.webhookConfigurations, "webhook-configuration", nil, "name of the validating and the mutating webhook configuration whose caBundle is kept up to date (may be repeated)")
	f.StringVar(&o.certFile, "cert-file", "", "serving certificate in PEM, instead of --cert-secret; read again when it changes")
	f.StringVar(&o.keyFile, "key-file", "", "key of --cert-file in PEM")
	f.StringArrayVar(&o.certHosts, "cert-host", nil, "additional DNS name or IP address in the serving certificate (may be repeated)")
	f.DurationVar(&o.caLifetime, "ca-lifetime", certs.CALifetime, "how long a CA that the server makes is valid; it is replaced after two thirds of that")
	f.DurationVar(&o.certLifetime, "cert-lifetime", certs.ServingLifetime, "how long a serving certificate that the server signs is valid; it is renewed after two thirds of that")
	f.StringVar(&o.clientCAFile, "client-ca-file", "", "CAs in PEM: only clients with a certificate that one of them signed may connect; read again when it changes (default: all clients may)")
	f.StringArrayVar(&o.clientNames, "client-name", nil, "common name, DNS name or URI of a client certificate that may call (may be repeated; default: all certificates of --client-ca-file)")
	f.DurationVar(&o.deadline, "decision-timeout", 4*time.Second, "time limit for one decision; keep it below timeoutSeconds of the webhook configuration")
	f.DurationVar(&o.drain, "drain", 10*time.Second, "how long to keep answering after SIGTERM")
	f.TextVar(&o.logLevel, "log-level", &slog.LevelVar{}, "lowest level that is logged: debug, info, warn or error")
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	return cmd.ExecuteContext(ctx)
}

// check finds flags that do not go together.
func (o *options) check() error {
	switch {
	case (o.certFile == "") != (o.keyFile == ""):
		return errors.New("--cert-file and --key-file must be used together")
	case o.certFile != "" && o.certSecret.name != "":
		return errors.New("--cert-secret and --cert-file cannot be used together: the certificate comes from one of them")
	case o.certFile == "" && o.certSecret.name == "":
		return errors.New("no serving certificate: name a Secret with --cert-secret, or files with --cert-file and --key-file")
	case o.certSecret.name != "" && len(o.inventory) > 0:
		return errors.New("--cert-secret needs a cluster: with --inventory, use --cert-file and --key-file")
	case o.certSecret.name != "" && o.service.name == "" && len(o.certHosts) == 0:
		return errors.New("--cert-secret needs --service or --cert-host: the serving certificate must contain a name")
	case o.certFile != "" && (o.service.name != "" || len(o.certHosts) > 0 || len(o.webhookConfigurations) > 0):
		return errors.New("--service, --cert-host and --webhook-configuration require --cert-secret: with --cert-file, whoever creates the files sets the names and the caBundle")
	case o.certFile != "" && (o.caLifetime != certs.CALifetime || o.certLifetime != certs.ServingLifetime):
		return errors.New("--ca-lifetime and --cert-lifetime require --cert-secret: with --cert-file, whoever creates the files sets how long they are valid")
	case len(o.inventory) > 0 && (o.kubeconfig != "" || o.context != ""):
		return errors.New("--inventory cannot be used with --kubeconfig or --context: the networks come from files or from a cluster")
	case len(o.inventory) > 0 && o.nodeFacts:
		return errors.New("--node-facts needs a cluster: with --inventory, Nodes are always read from its files")
	case len(o.clientNames) > 0 && o.clientCAFile == "":
		return errors.New("--client-name needs --client-ca-file: without it clients show no certificate")
	case o.deadline <= 0:
		return fmt.Errorf("--decision-timeout %s: must be more than 0", o.deadline)
	case o.drain < 0:
		return fmt.Errorf("--drain %s: must be 0 or more", o.drain)
	}
	return nil
}

// hosts are the names and addresses that the serving certificate is made out to.
func (o *options) hosts() (names []string, ips []net.IP) {
	if s := o.service; s.name != "" {
		host := s.name + "." + s.namespace + ".svc"
		names = append(names, host, host+".cluster.local")
	}
	for _, host := range o.certHosts {
		if ip := net.ParseIP(host); ip != nil {
			ips = append(ips, ip)
		} else {
			names = append(names, host)
		}
	}
	return names, ips
}

// clusterConfig is how to reach the API server: the kubeconfig given, or the
// pod's own service account.
func (o *options) clusterConfig() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	config.UserAgent = "macvlan-webhook/" + version
	return config, nil
}

// newLogger logs JSON lines, those of the libraries included.
func newLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	logger := slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	klog.SetSlogLogger(logger)
	ctrllog.SetLogger(logr.FromSlogHandler(logger.Handler()))
	return logger
}
