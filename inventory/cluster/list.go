package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// mostUnanswered is after how many requests in a row without an answer no more is asked:
// waiting for each of a thousand objects would take hours.
const mostUnanswered = 3

// Objects reads the objects of a cluster when they are asked for, and keeps none: it is
// the [snapshot.Source] of what is judged once and then is done with.
type Objects struct {
	client     rest.Interface
	timeout    time.Duration
	unanswered atomic.Int32
}

var _ snapshot.Source = (*Objects)(nil)

// NewObjects prepares to read objects; nothing is asked yet. The timeout bounds each
// request, such as one for a page of a list; 0 is no bound.
func NewObjects(config *rest.Config, timeout time.Duration) (*Objects, error) {
	scheme := runtime.NewScheme()
	// For the Status by which the API server says what is wrong.
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	c := rest.CopyConfig(config)
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	// One thing is asked at a time.
	c.QPS = -1
	client, err := rest.UnversionedRESTClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("make a client for objects: %w", err)
	}
	return &Objects{client: client, timeout: timeout}, nil
}

// List implements [snapshot.Source], page by page.
func (o *Objects) List(ctx context.Context, kind inventory.Kind, visit func(*snapshot.Object) error) error {
	request := func() *rest.Request {
		r := o.request(kind, kind.Namespace, metadataOfMany).Param("limit", strconv.FormatInt(kind.PageSize(), 10))
		if kind.Labels != "" {
			r.Param("labelSelector", kind.Labels)
		}
		if kind.Fields != "" {
			r.Param("fieldSelector", kind.Fields)
		}
		return r
	}
	for next := request(); next != nil; {
		text, err := o.do(ctx, next)
		if err != nil {
			return err
		}
		var page struct {
			Metadata metav1.ListMeta   `json:"metadata"`
			Items    []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(text, &page); err != nil {
			return fmt.Errorf("decode a list of %s: %w", kind.Resource, err)
		}
		for _, item := range page.Items {
			object, err := objectOf(kind, item)
			if err != nil {
				return err
			}
			if err := visit(object); err != nil {
				return err
			}
		}
		if next = nil; page.Metadata.Continue != "" {
			next = request().Param("continue", page.Metadata.Continue)
		}
	}
	return nil
}

// Get implements [snapshot.Source].
func (o *Objects) Get(ctx context.Context, kind inventory.Kind, ref object.Reference) (*snapshot.Object, error) {
	// References are not checked by the API server.
	if len(validation.IsDNS1123Subdomain(ref.Name)) > 0 {
		return nil, nil
	}
	text, err := o.do(ctx, o.request(kind, ref.Namespace, metadataOfOne).Name(ref.Name))
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return objectOf(kind, text)
}

// objectOf is an object of a list, whose members do not say of which kind they are.
func objectOf(kind inventory.Kind, text []byte) (*snapshot.Object, error) {
	var m metav1.PartialObjectMetadata
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("decode an object of %s: %w", kind.Resource, err)
	}
	c := kind.Controller()
	return &snapshot.Object{APIVersion: c.APIVersion, Kind: c.Kind, Namespace: m.Namespace, Name: m.Name, JSON: text}, nil
}

// request begins a request for objects of a kind in a namespace, or in all. The answer is
// of the kind "as" where the metadata alone is asked for.
func (o *Objects) request(kind inventory.Kind, namespace, as string) *rest.Request {
	return o.client.Get().AbsPath(apiPath(kind.GroupVersion())...).
		NamespaceIfScoped(namespace, namespace != "").Resource(kind.Resource).SetHeader("Accept", accept(kind, as))
}

// do sends a request and waits for the answer.
func (o *Objects) do(ctx context.Context, r *rest.Request) ([]byte, error) {
	if o.unanswered.Load() >= mostUnanswered {
		return nil, fmt.Errorf("the API server did not answer within %s, %d times in a row, and is not asked again",
			o.timeout, mostUnanswered)
	}
	attempt := ctx
	if o.timeout > 0 {
		var cancel context.CancelFunc
		attempt, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	text, err := r.Do(attempt).Raw()
	if err != nil && attempt.Err() != nil && ctx.Err() == nil {
		o.unanswered.Add(1)
		return nil, fmt.Errorf("the API server did not answer within %s", o.timeout)
	}
	o.unanswered.Store(0)
	return text, err
}
