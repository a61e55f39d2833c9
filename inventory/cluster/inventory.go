package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
)

const (
	// Live reads have a rate of their own, apart from the watch. client-go's
	// default of 5 a second makes the pods of a rollout wait for each other;
	// 100 a second is what a few hundred pods a minute with new networks need,
	// and little to an API server.
	liveReadsPerSecond = 100
	liveReadBurst      = 200

	// absentInterval is how often the API server is asked whether the
	// NetworkAttachmentDefinition resource has been installed meanwhile.
	absentInterval = 2 * time.Second
)

// Options say which cluster to ask.
type Options struct {
	Config  *rest.Config
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Inventory answers from a cluster.
type Inventory struct {
	logger   *slog.Logger
	client   *rest.RESTClient
	informer cache.SharedIndexInformer
	reader   *reader

	// absent says that the cluster has no such resource at all.
	absent atomic.Bool
	// heard is when the watch last brought anything, in Unix nanoseconds.
	heard atomic.Int64
}

var _ inventory.Inventory = (*Inventory)(nil)

// New prepares an inventory; nothing is asked before [Inventory.Run].
func New(o Options) (*Inventory, error) {
	client, err := networkClient(o.Config)
	if err != nil {
		return nil, err
	}
	inv := &Inventory{logger: o.Logger, client: client}
	inv.informer = cache.NewSharedIndexInformerWithOptions(inv.listWatch(), &nadv1.NetworkAttachmentDefinition{}, cache.SharedIndexInformerOptions{})
	if err := inv.informer.SetTransform(compile); err != nil {
		return nil, err
	}
	if err := inv.informer.SetWatchErrorHandlerWithContext(inv.watchFailed); err != nil {
		return nil, err
	}
	reads, err := inv.register(o.Metrics)
	if err != nil {
		return nil, err
	}
	inv.reader = newReader(inv.get, rate.NewLimiter(liveReadsPerSecond, liveReadBurst), time.Now, reads)
	return inv, nil
}

// networkClient is a REST client of the one API group that is read. It has no
// rate limit: the watch needs none, and live reads have their own.
func networkClient(config *rest.Config) (*rest.RESTClient, error) {
	scheme := runtime.NewScheme()
	if err := nadv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	c := rest.CopyConfig(config)
	c.GroupVersion = &nadv1.SchemeGroupVersion
	c.APIPath = "/apis"
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	c.ContentType, c.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	c.QPS = -1
	return rest.RESTClientFor(c)
}

// cached is what the informer's store holds of a NetworkAttachmentDefinition:
// the compiled network, and the metadata that client-go itself needs.
type cached struct {
	metav1.ObjectMeta
	network *cniconf.Network
}

// compile is the informer's transform: the object itself is dropped.
func compile(object any) (any, error) {
	nad, ok := object.(*nadv1.NetworkAttachmentDefinition)
	if !ok {
		return object, nil
	}
	return &cached{
		ObjectMeta: metav1.ObjectMeta{Namespace: nad.Namespace, Name: nad.Name, UID: nad.UID, ResourceVersion: nad.ResourceVersion},
		network:    inventory.CompileNetwork(nad),
	}, nil
}

func (i *Inventory) listWatch() *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list := &nadv1.NetworkAttachmentDefinitionList{}
			err := i.client.Get().Resource(inventory.NetworkResource).VersionedParams(&options, metav1.ParameterCodec).Do(ctx).Into(list)
			if err == nil {
				i.hear()
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.Watch = true
			w, err := i.client.Get().Resource(inventory.NetworkResource).VersionedParams(&options, metav1.ParameterCodec).Watch(ctx)
			if err != nil {
				return nil, err
			}
			// Bookmarks come once a minute on a quiet cluster: they tell that
			// the cache is up to date although nothing changes.
			return watch.Filter(w, func(event watch.Event) (watch.Event, bool) {
				i.hear()
				return event, true
			}), nil
		},
	}
}

func (i *Inventory) hear() { i.heard.Store(time.Now().UnixNano()) }

func (i *Inventory) watchFailed(_ context.Context, _ *cache.Reflector, err error) {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return
	}
	i.logger.Warn("watch of networks failed, it is tried again", "error", err)
}

// Run fills the cache and keeps it up to date until ctx ends. A cluster without
// NetworkAttachmentDefinitions is asked again every two seconds.
func (i *Inventory) Run(ctx context.Context) error {
	for {
		served, err := i.served(ctx)
		if err != nil && ctx.Err() == nil {
			i.logger.Warn("the API server does not say which resources it has, it is asked again", "error", err)
		}
		if served {
			break
		}
		if err == nil && i.absent.CompareAndSwap(false, true) {
			i.logger.Warn("the cluster has no NetworkAttachmentDefinition resource: is Multus installed?")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait.Jitter(absentInterval, 0.2)):
		}
	}
	if i.absent.CompareAndSwap(true, false) {
		i.logger.Info("the NetworkAttachmentDefinition resource is there now")
	}
	i.informer.RunWithContext(ctx)
	return nil
}

// served says whether the API server has the resource.
func (i *Inventory) served(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var resources metav1.APIResourceList
	raw, err := i.client.Get().AbsPath("/apis", nadv1.SchemeGroupVersion.Group, nadv1.SchemeGroupVersion.Version).Do(ctx).Raw()
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	}
	if err := json.Unmarshal(raw, &resources); err != nil {
		return false, fmt.Errorf("decode the list of resources: %w", err)
	}
	for _, r := range resources.APIResources {
		if r.Name == inventory.NetworkResource {
			return true, nil
		}
	}
	return false, nil
}

// Ready is nil when the cache is filled, or when there is nothing to fill it
// with.
func (i *Inventory) Ready() error {
	if i.informer.HasSynced() || i.absent.Load() {
		return nil
	}
	return errors.New("the cache of networks is not filled yet")
}

// get reads one network from the API server.
func (i *Inventory) get(ctx context.Context, ref policy.Reference) (*cniconf.Network, error) {
	nad := &nadv1.NetworkAttachmentDefinition{}
	err := i.client.Get().Namespace(ref.Namespace).Resource(inventory.NetworkResource).Name(ref.Name).Do(ctx).Into(nad)
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return inventory.CompileNetwork(nad), nil
	case errors.As(err, &status) && status.Status().Code == http.StatusNotFound:
		return nil, nil
	default:
		return nil, err
	}
}

// Facts implements [inventory.Inventory].
func (i *Inventory) Facts(ctx context.Context, references []policy.Reference) policy.Facts {
	facts := policy.Facts{Networks: make([]policy.Fact, len(references))}
	store := i.informer.GetStore()
	missing := false
	for n, ref := range references {
		object, ok, err := store.GetByKey(ref.String())
		if err != nil || !ok {
			missing = true
			continue
		}
		facts.Networks[n].Network = object.(*cached).network
	}
	if missing {
		i.readAll(ctx, references, facts, func(f policy.Fact) bool { return f.Network == nil })
	}
	return facts
}

// Refresh implements [inventory.Inventory].
func (i *Inventory) Refresh(ctx context.Context, references []policy.Reference, facts policy.Facts) policy.Facts {
	fresh := policy.Facts{Networks: slices.Clone(facts.Networks), NamesOnly: facts.NamesOnly}
	i.readAll(ctx, references, fresh, func(f policy.Fact) bool { return !f.Fresh })
	for n := range fresh.Networks {
		if fresh.Networks[n].Err != nil {
			fresh.Networks[n] = facts.Networks[n]
		}
	}
	return fresh
}

// readAll asks the API server, at once, for the networks whose facts want it.
func (i *Inventory) readAll(ctx context.Context, references []policy.Reference, facts policy.Facts, wanted func(policy.Fact) bool) {
	var reads sync.WaitGroup
	for n := range facts.Networks {
		if wanted(facts.Networks[n]) {
			reads.Go(func() { facts.Networks[n] = i.reader.read(ctx, references[n]) })
		}
	}
	reads.Wait()
}
