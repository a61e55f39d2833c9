package cluster

import (
	"context"
	"iter"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
)

// Networks implements [inventory.Inventory] from memory. Where there is no cache, as in
// a check from the command line, the API server is asked once.
func (i *Inventory) Networks(ctx context.Context) iter.Seq[*cniconf.Network] {
	if i.networks.ready() == nil {
		return func(yield func(*cniconf.Network) bool) {
			for _, object := range i.networks.informer.GetStore().List() {
				if !yield(object.(*cached[cniconf.Network]).value) {
					return
				}
			}
		}
	}
	if i.pools.begun.Load() {
		// Those that are known so far are no answer.
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.listed == nil {
		all, err := i.networks.list(ctx)
		if err != nil {
			i.networks.logger.Warn("the networks of the cluster cannot be listed, so none is compared with others", "error", err)
			return nil
		}
		i.listed = all
	}
	return func(yield func(*cniconf.Network) bool) {
		for _, n := range i.listed {
			if !yield(n) {
				return
			}
		}
	}
}
