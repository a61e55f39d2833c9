package cluster

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"

	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

// subnetKind is followed in the one namespace whose subnets are heeded.
func subnetKind(g flatnetwork.Generation) kind[flatnetwork.Subnet] {
	return ofRaw(kind[flatnetwork.Subnet]{
		resource:  inventory.FlatNetworkVersion(g).WithResource(g.SubnetResource()),
		namespace: g.SubnetNamespace(),
	}, g.SubnetKind(), func(o *raw) *flatnetwork.Subnet {
		s, err := flatnetwork.CompileSubnet(g, o.Namespace, o.json)
		if err != nil {
			// It is there, and nothing is known of it.
			return &flatnetwork.Subnet{Reference: flatnetwork.SubnetReference{Generation: g, Name: o.Name}}
		}
		return s
	})
}

// subnets follows the subnets of both generations of the flat network.
type subnets struct {
	kinds map[flatnetwork.Generation]*watched[flatnetwork.Subnet]

	mu sync.Mutex
	// listed are the subnets where no cache is ever filled; nil before they were asked
	// for.
	listed []*flatnetwork.Subnet
}

// followSubnets prepares to follow the subnets; nothing is asked before run.
func followSubnets(config *rest.Config, logger *slog.Logger, reads *rate.Limiter, count counters) (*subnets, error) {
	s := &subnets{kinds: map[flatnetwork.Generation]*watched[flatnetwork.Subnet]{}}
	for _, g := range flatnetwork.Generations {
		w, err := follow(config, subnetKind(g), logger, reads, count.reads)
		if err != nil {
			return nil, err
		}
		s.kinds[g] = w
	}
	return s, nil
}

// ready is nil when the caches are filled.
func (s *subnets) ready() error {
	var errs []error
	for _, w := range s.kinds {
		errs = append(errs, w.ready())
	}
	return errors.Join(errs...)
}

// lookup answers from memory, nil when memory has nothing.
func (s *subnets) lookup(ref flatnetwork.SubnetReference) *flatnetwork.Subnet {
	return s.kinds[ref.Generation].lookup(policy.Reference{Namespace: ref.Generation.SubnetNamespace(), Name: ref.Name})
}

// read asks the API server for a subnet. A cluster without that generation of the flat
// network has none that could be missing.
func (s *subnets) read(ctx context.Context, ref flatnetwork.SubnetReference) policy.Answer[flatnetwork.Subnet] {
	w := s.kinds[ref.Generation]
	if w.absent.Load() {
		return policy.Answer[flatnetwork.Subnet]{Unknown: true, Fresh: true}
	}
	read := w.reader.read(ctx, policy.Reference{Namespace: ref.Generation.SubnetNamespace(), Name: ref.Name})
	fact := policy.Answer[flatnetwork.Subnet]{Value: read.value, Err: read.err, Fresh: read.fresh}
	if read.err == nil && read.value == nil && w.ready() != nil {
		// Nobody has found out yet whether the cluster has such subnets at all.
		served, err := w.served(ctx)
		if err != nil {
			return policy.Answer[flatnetwork.Subnet]{Err: fmt.Errorf("find out whether the cluster has the resource %s: %w", w.kind.resource.Resource, err)}
		}
		fact.Unknown = !served
	}
	return fact
}

// Subnets implements [inventory.Inventory] from memory. Where there is no cache, as in
// a check from the command line, the API server is asked once.
func (i *Inventory) Subnets(ctx context.Context) iter.Seq[*flatnetwork.Subnet] {
	s := i.subnets
	if i.pools.begun.Load() {
		if s.ready() != nil {
			// Those that are known so far are no answer.
			return nil
		}
		return func(yield func(*flatnetwork.Subnet) bool) {
			for _, w := range s.kinds {
				for _, object := range w.informer.GetStore().List() {
					if !yield(object.(*cached[flatnetwork.Subnet]).value) {
						return
					}
				}
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listed == nil {
		all := []*flatnetwork.Subnet{}
		for _, w := range s.kinds {
			listed, err := w.list(ctx)
			if err != nil && !apierrors.IsNotFound(err) {
				w.logger.Warn("the subnets of the cluster cannot be listed, so none is compared with others", "error", err)
				return nil
			}
			all = append(all, listed...)
		}
		s.listed = all
	}
	return func(yield func(*flatnetwork.Subnet) bool) {
		for _, subnet := range s.listed {
			if !yield(subnet) {
				return
			}
		}
	}
}
