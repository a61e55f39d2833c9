package cluster

import (
	"errors"
	"slices"

	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// holders follows those who keep addresses from others: the records of what pods were
// given, and the workloads whose templates fix addresses. Pods are not followed: there
// are too many, and one that was given addresses has a record.
type holders struct {
	holdings []*holding
	index    *pod.HolderIndex
	// metadata reads the metadata of pods and workloads one by one.
	metadata map[object.Controller]*reader[objectMeta]
}

// holding follows the objects of one kind. What is kept of an object is nil when it
// keeps no address.
type holding struct {
	object.Controller
	*watched[pod.Holder]
}

// followHolders prepares to follow the holders; nothing is asked before run.
func followHolders(f *follower) (*holders, error) {
	h := &holders{index: pod.NewHolderIndex(), metadata: map[object.Controller]*reader[objectMeta]{}}
	client, err := metadataClient(f.config)
	if err != nil {
		return nil, err
	}
	for _, g := range flatnetwork.Generations {
		if err := h.follow(f, recordKind(g)); err != nil {
			return nil, err
		}
	}
	h.metadata[inventory.PodKind] = metadataReader(f, client, inventory.Pods)
	for _, w := range inventory.Workloads {
		if err := h.follow(f, workloadKind(w)); err != nil {
			return nil, err
		}
		h.metadata[w.Controller()] = metadataReader(f, client, w)
	}
	return h, nil
}

// follow prepares to follow the holders of one kind.
func (h *holders) follow(f *follower, k kind[pod.Holder]) error {
	w, err := follow(f, k)
	if err != nil {
		return err
	}
	key := func(name string) string { return k.Name + "/" + name }
	h.holdings = append(h.holdings, &holding{k.Controller(), w})
	return w.onChange(func(name string, value *pod.Holder) {
		h.index.Set(key(name), value)
	}, func(name string) { h.index.Delete(key(name)) })
}

// following is what follows the objects of a kind; nil when none does.
func (h *holders) following(c object.Controller) *holding {
	n := slices.IndexFunc(h.holdings, func(k *holding) bool { return k.Controller == c })
	if n < 0 {
		return nil
	}
	return h.holdings[n]
}

// ready is nil when all that is followed is in the index.
func (h *holders) ready() error {
	var errs []error
	for _, k := range h.holdings {
		errs = append(errs, k.ready())
	}
	return errors.Join(errs...)
}

func metadataClient(config *rest.Config) (metadata.Interface, error) {
	c := metadata.ConfigFor(config)
	c.QPS = -1 // the rate of live reads bounds them
	return metadata.NewForConfig(c)
}
