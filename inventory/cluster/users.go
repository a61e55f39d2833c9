package cluster

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/semaphore"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// searches is how many run at once; more of them wait.
const searches = 2

// users finds the pods that use a network. There is no cache of pods: in a large
// cluster it would take hundreds of megabytes, for a question that comes up when a
// network is deleted.
type users struct {
	pods    metadata.ResourceInterface
	running *semaphore.Weighted
	count   func(resource, result string)
}

func newUsers(config *rest.Config, count func(resource, result string)) (*users, error) {
	c := metadata.ConfigFor(config)
	c.QPS = -1 // searches bounds them
	client, err := metadata.NewForConfig(c)
	if err != nil {
		return nil, fmt.Errorf("make a client for pods: %w", err)
	}
	return &users{
		pods:    client.Resource(inventory.Pods.GroupVersionResource),
		running: semaphore.NewWeighted(searches),
		count:   count,
	}, nil
}

// Users implements [inventory.Inventory]. Pods are listed page by page, and of each no
// more than its metadata. A pod on the host's network counts when its annotations name
// the network: the metadata does not tell.
func (i *Inventory) Users(ctx context.Context, network object.Reference, config *config.Config) nad.Users {
	u := i.users
	if err := u.running.Acquire(ctx, 1); err != nil {
		u.count("pods", "failed")
		return nad.Users{Err: fmt.Errorf("other searches took all the time: %w", err)}
	}
	defer u.running.Release(1)

	var found nad.Users
	options := metav1.ListOptions{Limit: inventory.Pods.PageSize(), FieldSelector: inventory.Pods.Fields}
	for {
		page, err := u.pods.List(ctx, options)
		switch {
		case err != nil && ctx.Err() != nil:
			u.count("pods", "failed")
			found.Incomplete = true
			return found
		case err != nil:
			u.count("pods", "failed")
			if found.Pods == 0 {
				return nad.Users{Err: fmt.Errorf("list pods: %w", err)}
			}
			found.Incomplete = true
			return found
		}
		for n := range page.Items {
			p := &page.Items[n].ObjectMeta
			if mayUse(p, network, config) && pod.Uses(config, &pod.Subject{Namespace: p.Namespace, Annotations: p.Annotations}, network) {
				found.Add("Pod", p.Namespace, p.Name)
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			u.count("pods", "found")
			return found
		}
	}
}

// mayUse rules out, without a parse, the pods that cannot use a network: those that do
// not name it, unless it is the one of pods that name none.
func mayUse(pod *metav1.ObjectMeta, network object.Reference, config *config.Config) bool {
	for _, key := range []string{multus.NetworksAnnotation, multus.DefaultNetworkAnnotation} {
		if value := pod.Annotations[key]; strings.Contains(value, network.Name) || strings.ContainsRune(value, '\\') {
			return true
		}
	}
	return config.GivesNetworks()
}
