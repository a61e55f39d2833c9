package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/kubectl-macvlan/internal/status"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// statusOptions are the flags of `status`.
type statusOptions struct {
	streams
	cluster   clusterFlags
	namespace string
	wait      time.Duration
	output    string

	configuration, webhookNamespace, deployment string
}

// statusInterval lies between two looks of --wait: some ten small requests each.
const statusInterval = 2 * time.Second

func newStatus(s streams) *cobra.Command {
	o := &statusOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether the webhook works in a cluster",
		Long: "Say whether the webhook works in a cluster: whether its configurations are there, the API server trusts it, and its replicas are\n" +
			"ready; and how it answers to a pod, a workload and a network that are created as a dry run, so that nothing is stored.\n\n" +
			"What you may not see or do is reported as unknown, and everything else is looked at.\n\n" +
			"Exit status: 0 when the webhook works, 1 when something is wrong, 2 when that could not be found out.",
		Example: "  kubectl macvlan status\n" +
			"  kubectl macvlan status --wait 2m",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.DurationVar(&o.wait, "wait", 0, "look again until the webhook works, for as long as this, such as 2m")
	f.StringVarP(&o.output, "output", "o", "text", "output format: text or json")
	f.StringVarP(&o.namespace, "namespace", "n", "", "namespace to try the webhook in (default: the kubeconfig's own)")
	f.StringVar(&o.webhookNamespace, "webhook-namespace", "macvlan-webhook", "namespace of the webhook")
	f.StringVar(&o.deployment, "deployment", "macvlan-webhook", "name of the webhook's Deployment")
	f.StringVar(&o.configuration, "webhook-configuration", "macvlan-webhook", "name of the validating and the mutating webhook configuration")
	o.cluster.add(cmd, "")
	return cmd
}

func (o *statusOptions) run(ctx context.Context) error {
	write, ok := map[string]func(io.Writer, *status.Report) error{"text": status.Text, "json": status.JSON}[o.output]
	if !ok {
		return fmt.Errorf("output format %s: must be text or json", quote.Value(o.output))
	}
	if o.wait < 0 {
		return fmt.Errorf("--wait %s: must be 0 or more", o.wait)
	}
	timeout, err := o.cluster.timeout()
	if err != nil {
		return err
	}
	if problems := validation.IsDNS1123Label(o.namespace); o.namespace != "" && len(problems) > 0 {
		return fmt.Errorf("--namespace %s is not a valid namespace name", quote.Value(o.namespace))
	}
	tryIn := o.namespace
	if tryIn == "" {
		if tryIn, _, err = o.cluster.config().Namespace(); err != nil {
			return err
		}
	}
	config, err := o.cluster.client()
	if err != nil {
		return err
	}
	config.UserAgent = "kubectl-macvlan/" + version
	checker, err := status.NewChecker(status.Options{
		Config: config, Timeout: timeout,
		Configuration: o.configuration, Namespace: o.webhookNamespace, Deployment: o.deployment,
		TryIn: tryIn, TryChosen: o.namespace != "",
	})
	if err != nil {
		return err
	}
	report, err := o.look(ctx, checker)
	if err != nil {
		return err
	}
	if err := write(o.out, report); err != nil {
		return err
	}
	switch report.State {
	case status.Problem:
		return errFound
	case status.Unknown:
		return fmt.Errorf("whether the webhook works could not be found out: %s", report.Summary())
	}
	return nil
}

// look looks until the webhook works, or waiting is over or of no use. What is waited for
// goes to standard error, once each.
func (o *statusOptions) look(ctx context.Context, checker *status.Checker) (*status.Report, error) {
	end := time.Now().Add(o.wait)
	said := ""
	for {
		report, err := checker.Check(ctx)
		if err == nil && !report.MayChange() {
			return report, nil
		}
		left := time.Until(end)
		if left <= 0 {
			return report, err
		}
		why := ""
		if err != nil {
			why = err.Error()
		} else {
			why = report.Summary()
		}
		if why != said {
			fmt.Fprintln(o.err, "kubectl-macvlan: waiting:", why)
			said = why
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(left, statusInterval)):
		}
	}
}
