package cluster

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// subnets follows the subnets of both generations of the flat network.
type subnets map[flatnetwork.Generation]*watched[flatnetwork.Subnet]

// followSubnets prepares to follow the subnets; nothing is asked before run.
func followSubnets(f *follower) (subnets, error) {
	s := subnets{}
	for _, g := range flatnetwork.Generations {
		w, err := follow(f, subnetKind(g))
		if err != nil {
			return nil, err
		}
		s[g] = w
	}
	return s, nil
}

// ready is nil when the caches are filled.
func (s subnets) ready() error {
	var errs []error
	for _, w := range s {
		errs = append(errs, w.ready())
	}
	return errors.Join(errs...)
}

// lookup answers from memory, nil when memory has nothing.
func (s subnets) lookup(ref flatnetwork.SubnetReference) *flatnetwork.Subnet {
	return s[ref.Generation].lookup(object.Reference{Namespace: ref.Generation.SubnetNamespace(), Name: ref.Name})
}

// read asks the API server for a subnet. A cluster without that generation of the flat
// network has none that could be missing.
func (s subnets) read(ctx context.Context, ref flatnetwork.SubnetReference) pod.Answer[flatnetwork.Subnet] {
	w := s[ref.Generation]
	if w.absent.Load() {
		return pod.Answer[flatnetwork.Subnet]{Unknown: true, Fresh: true}
	}
	read := w.reader.read(ctx, object.Reference{Namespace: ref.Generation.SubnetNamespace(), Name: ref.Name})
	if read.Err == nil && read.Value == nil && w.ready() != nil {
		// Nobody has found out yet whether the cluster has such subnets at all.
		served, err := w.served(ctx)
		if err != nil {
			return pod.Answer[flatnetwork.Subnet]{Err: fmt.Errorf("find out whether the cluster has the resource %s: %w", w.kind.Resource, err)}
		}
		read.Unknown = !served
	}
	return read
}

// Subnets implements [inventory.Inventory] from memory. As long as the caches are not
// filled, those that are known so far are no answer.
func (i *Inventory) Subnets(context.Context) iter.Seq[*flatnetwork.Subnet] {
	if i.subnets.ready() != nil {
		return nil
	}
	return func(yield func(*flatnetwork.Subnet) bool) {
		for _, w := range i.subnets {
			for subnet := range w.all() {
				if !yield(subnet) {
					return
				}
			}
		}
	}
}
