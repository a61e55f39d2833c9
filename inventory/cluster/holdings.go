package cluster

import (
	"errors"
	"log/slog"
	"slices"
	"sync"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

// workloadsPerPage bounds what a list takes up at once: a workload has up to some ten
// kilobytes and takes three times that while it is read, and the lists of all kinds
// run at the same time.
const workloadsPerPage = 100

// ofDeployments is a label of the ReplicaSets that Deployments made. They are left out:
// there are ten for each Deployment, and each has its template.
const ofDeployments = "pod-template-hash"

// workloads are the kinds whose templates may fix addresses.
var workloads = []struct {
	version        schema.GroupVersion
	kind, resource string
	selector       string
}{
	{apps, "Deployment", "deployments", ""},
	{apps, "StatefulSet", "statefulsets", ""},
	{apps, "DaemonSet", "daemonsets", ""},
	{apps, "ReplicaSet", "replicasets", "!" + ofDeployments},
	{core, "ReplicationController", "replicationcontrollers", ""},
	{batch, "Job", "jobs", ""},
	{batch, "CronJob", "cronjobs", ""},
}

var (
	core  = schema.GroupVersion{Version: "v1"}
	apps  = schema.GroupVersion{Group: "apps", Version: "v1"}
	batch = schema.GroupVersion{Group: "batch", Version: "v1"}
)

// holders follows those who keep addresses from others: the records of what pods were
// given, and the workloads whose templates fix addresses. Pods are not followed: there
// are too many, and one that was given addresses has a record.
type holders struct {
	holdings []*holding
	index    *policy.HolderIndex
	// metadata reads the metadata of pods and workloads one by one.
	metadata map[policy.Controller]*reader[objectMeta]
	logger   *slog.Logger

	mu sync.Mutex
	// listed says that the index was filled by lists, where no cache is ever filled.
	listed bool
	// refused logs once that a read was forbidden.
	refused sync.Once
}

// holding follows the objects of one kind. What is kept of an object is nil when it
// keeps no address.
type holding struct {
	policy.Controller
	*watched[policy.Holder]
}

// followHolders prepares to follow the holders; nothing is asked before run.
func followHolders(config *rest.Config, logger *slog.Logger, reads *rate.Limiter, count counters) (*holders, error) {
	h := &holders{index: policy.NewHolderIndex(), logger: logger, metadata: map[policy.Controller]*reader[objectMeta]{}}
	client, err := metadataClient(config)
	if err != nil {
		return nil, err
	}
	add := func(k kind[policy.Holder]) error {
		w, err := follow(config, k, logger, reads, count.reads)
		if err != nil {
			return err
		}
		key := func(key string) string { return k.name + "/" + key }
		if err := w.onChange(func(name string, value *policy.Holder) {
			h.index.Set(key(name), value)
		}, func(name string) { h.index.Delete(key(name)) }); err != nil {
			return err
		}
		h.holdings = append(h.holdings, &holding{policy.Controller{APIVersion: k.resource.GroupVersion().String(), Kind: k.name}, w})
		return nil
	}
	for _, g := range flatnetwork.Generations {
		if err := add(recordKind(g)); err != nil {
			return nil, err
		}
	}
	h.metadata[inventory.PodKind] = metadataReader(client, core.WithResource("pods"), reads, count.reads)
	for _, w := range workloads {
		c := policy.Controller{APIVersion: w.version.String(), Kind: w.kind}
		if err := add(workloadKind(c, w.version.WithResource(w.resource), w.selector)); err != nil {
			return nil, err
		}
		h.metadata[c] = metadataReader(client, w.version.WithResource(w.resource), reads, count.reads)
	}
	return h, nil
}

// recordKind is that of the records of one generation. One that cannot be read keeps no
// address.
func recordKind(g flatnetwork.Generation) kind[policy.Holder] {
	return ofRaw(kind[policy.Holder]{
		resource:    inventory.FlatNetworkVersion(g).WithResource(g.RecordResource()),
		fillInPages: true,
	}, g.RecordKind(), func(o *raw) *policy.Holder {
		holder, err := inventory.CompileRecord(g, o.Namespace, o.json)
		if err != nil || len(holder.Claims) == 0 {
			return nil
		}
		return holder
	})
}

// workloadKind is one of workloads. What a workload made for itself keeps nothing: the
// workload does.
func workloadKind(c policy.Controller, resource schema.GroupVersionResource, selector string) kind[policy.Holder] {
	return ofRaw(kind[policy.Holder]{resource: resource, selector: selector, perPage: workloadsPerPage, fillInPages: true}, c.Kind, func(o *raw) *policy.Holder {
		subject, err := policy.DecodeSubject(c.APIVersion, c.Kind, o.Namespace, o.json)
		if err != nil || subject.Spawned() {
			return nil
		}
		return inventory.HolderOf(subject)
	})
}

// of is what follows the objects of a kind; nil when none does.
func (h *holders) of(c policy.Controller) *holding {
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
