package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// clusterFlags are the flags that say which cluster is asked, and how long.
type clusterFlags struct {
	kubeconfig, context string
	requestTimeout      string
}

// defaultRequestTimeout is as long as an API server itself takes at most for a page of a
// list, as a rule.
const defaultRequestTimeout = "30s"

// add adds the flags to a verb's. when says when they count, such as ", with --live".
func (c *clusterFlags) add(cmd *cobra.Command, when string) {
	f := cmd.Flags()
	f.StringVar(&c.kubeconfig, "kubeconfig", "", "kubeconfig file"+when)
	f.StringVar(&c.context, "context", "", "context of the kubeconfig file"+when)
	f.StringVar(&c.requestTimeout, "request-timeout", defaultRequestTimeout, "time limit for one request, such as 10s or 1m; 0 means no limit"+when)
}

// timeout of one request; 0 means no limit.
func (c *clusterFlags) timeout() (time.Duration, error) {
	timeout, err := clientcmd.ParseTimeout(c.requestTimeout)
	if err != nil || timeout < 0 {
		return 0, fmt.Errorf("--request-timeout %s: must be a duration such as 10s or 1m, or 0", quote.Value(c.requestTimeout))
	}
	return timeout, nil
}

// config is the kubeconfig that kubectl would use.
func (c *clusterFlags) config() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.context})
}

// client is how to reach the API server.
func (c *clusterFlags) client() (*rest.Config, error) {
	config, err := c.config().ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	return config, nil
}
