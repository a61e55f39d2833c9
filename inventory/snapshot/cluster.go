package snapshot

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// Source is a cluster that can be asked for its objects.
type Source interface {
	// List visits all objects of a kind, until visit fails. The error is a NotFound where
	// the cluster has no such kind, a Forbidden where whoever asks may not list it, and a
	// ResourceExpired where the list may be begun anew.
	List(ctx context.Context, kind inventory.Kind, visit func(*Object) error) error
	// Get is one object; nil without an error when there is none. The error is as that of
	// List.
	Get(ctx context.Context, kind inventory.Kind, ref object.Reference) (*Object, error)
}

// Cluster is the layer of what a cluster holds. Each kind is listed when the first
// question about it comes up, and remembered from then on, so that all questions are
// answered of one state. A list that fails is not remembered, but for one that only advice
// depends on.
//
// What whoever asks may not see is not known, which is logged once for each kind. Who may
// not list networks, namespaces or subnets may still be allowed to read those that a pod
// names.
func Cluster(source Source, logger *slog.Logger) *Layer {
	l := emptyLayer()
	l.cluster = &cluster{
		source: source, logger: logger,
		listings: map[inventory.Kind]listing{},
		read:     map[readObject]presence{}, said: map[string]bool{},
	}
	return l
}

// cluster is where a layer comes from that is filled when it is asked.
type cluster struct {
	source Source
	logger *slog.Logger

	// mu is held while a question is answered, and with it what the layer holds.
	mu sync.Mutex
	// listings are those of the kinds that were listed.
	listings map[inventory.Kind]listing
	// read are the single objects that were read.
	read map[readObject]presence
	said map[string]bool
	// keepsUnnamed says that the list of pods keeps those too that name no network.
	keepsUnnamed bool
	// failure is the first one that no answer told of.
	failure error
}

type readObject struct {
	resource schema.GroupVersionResource
	ref      object.Reference
}

// extent is how much is known of the objects of a kind.
type extent int

const (
	// unasked is that of a kind that was not listed yet.
	unasked extent = iota
	// complete: all objects are known.
	complete
	// absent: the cluster has no such kind.
	absent
	// hidden: whoever asks may not see them.
	hidden
)

// Err is why something was not known that an answer could not tell of; nil when there is
// no such thing. What was judged without it does not count.
func (l *Layer) Err() error {
	if l.cluster == nil {
		return nil
	}
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	return l.cluster.failure
}

// fail notes a failure that the answer does not tell of.
func (c *cluster) fail(err error) {
	if c.failure == nil {
		c.failure = err
	}
}

// say logs what follows from something that is hidden, once.
func (c *cluster) say(text string, err error, more ...any) {
	if !c.said[text] {
		c.said[text] = true
		c.logger.Warn(text, append(more, "error", err)...)
	}
}

// lock keeps others from the layer until the function returned is called. Files need
// none: they do not change.
func (l *Layer) lock() (unlock func()) {
	if l.cluster == nil {
		return func() {}
	}
	l.cluster.mu.Lock()
	return l.cluster.mu.Unlock
}

// listing is what became of the list of a kind: how much is known, and why it is hidden.
type listing struct {
	extent
	refusal error
}

// list fills in the objects of a kind, if that was not done before.
func (l *Layer) list(ctx context.Context, kind inventory.Kind, add func(*builder, *Object) error) (listing, error) {
	c := l.cluster
	if before, asked := c.listings[kind]; asked {
		return before, nil
	}
	b, err := l.listOnce(ctx, kind, add)
	if apierrors.IsResourceExpired(err) {
		// The list took longer than the API server keeps the state it began with.
		b, err = l.listOnce(ctx, kind, add)
	}
	var found listing
	switch {
	case err == nil:
		found.extent = complete
		l.take(b.Layer)
	case apierrors.IsNotFound(err):
		found.extent = absent
	case apierrors.IsForbidden(err):
		found = listing{hidden, err}
	default:
		return listing{}, fmt.Errorf("list %s: %w", kind.Resource, err)
	}
	c.listings[kind] = found
	return found, nil
}

func (l *Layer) listOnce(ctx context.Context, kind inventory.Kind, add func(*builder, *Object) error) (*builder, error) {
	b := newBuilder(kind.Namespace)
	return b, l.cluster.source.List(ctx, kind, func(o *Object) error { return add(b, o) })
}

// advise is fill for what gives no more than advice: why a kind cannot be listed is logged,
// whatever the reason, and keeps nothing else from being judged. It is not asked for again.
func (l *Layer) advise(ctx context.Context, kind inventory.Kind, add func(*builder, *Object) error, follows string) extent {
	c := l.cluster
	if _, listed := c.listings[kind]; !listed && c.said[follows] {
		return unasked
	}
	found, err := l.fill(ctx, kind, add, follows)
	c.doWithout(ctx, follows, err)
	return found
}

// doWithout logs once why something is judged without what could not be found out. That
// somebody ended the check is no such reason.
func (c *cluster) doWithout(ctx context.Context, follows string, err error) {
	switch {
	case err == nil:
	case ctx.Err() != nil:
		c.fail(err)
	default:
		c.say(follows, err)
	}
}

// fill is list, and logs once what follows from it that a kind is hidden.
func (l *Layer) fill(ctx context.Context, kind inventory.Kind, add func(*builder, *Object) error, follows string) (extent, error) {
	found, err := l.list(ctx, kind, add)
	if found.extent == hidden {
		l.cluster.say(follows, found.refusal)
	}
	return found.extent, err
}

// readOnce reads one object, if that was not done before. It is unknown whether one is
// there that whoever asks may not see; what follows from that is logged. Where nothing does,
// it is left to the next one who asks.
func (l *Layer) readOnce(
	ctx context.Context, kind inventory.Kind, ref object.Reference, add func(*builder, *Object) error, follows string,
) (presence, error) {
	c, key := l.cluster, readObject{kind.GroupVersionResource, ref}
	if before, asked := c.read[key]; asked {
		return before, nil
	}
	o, err := c.source.Get(ctx, kind, ref)
	found := gone
	switch {
	case apierrors.IsForbidden(err) && follows == "":
		return unknown, nil
	case apierrors.IsForbidden(err):
		found = unknown
		c.say(follows, err)
	case apierrors.IsNotFound(err):
		found = ofNoKind
	case err != nil:
		return unknown, fmt.Errorf("read %s: %w", kind.Resource, err)
	case o != nil:
		found = there
		b := newBuilder(ref.Namespace)
		err := add(b, o)
		l.take(b.Layer)
		if err != nil {
			return unknown, err
		}
	}
	c.read[key] = found
	return found, nil
}

// presence says whether an object is there.
type presence int

const (
	// unknown: it may be there.
	unknown presence = iota
	there
	gone
	// ofNoKind: the cluster has no such kind.
	ofNoKind
)
