package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
		text, err := o.ask(ctx, kind, next)
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
	text, err := o.ask(ctx, kind, o.request(kind, ref.Namespace, metadataOfOne).Name(ref.Name))
	switch {
	case apierrors.IsNotFound(err) && !errors.As(err, new(noSuchKind)):
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

// noSuchKind is the error where the cluster has no such kind.
type noSuchKind struct{ error }

// Unwrap is the API server's own error.
func (e noSuchKind) Unwrap() error { return e.error }

// ask sends a request about objects of a kind. An answer that is not the API server's own,
// such as a proxy's, tells neither that something is not there nor that it is forbidden.
func (o *Objects) ask(ctx context.Context, kind inventory.Kind, r *rest.Request) ([]byte, error) {
	text, err := o.do(ctx, r)
	isNotFound := apierrors.IsNotFound(err)
	if err == nil || !apierrors.IsUnexpectedServerError(err) || !isNotFound && !apierrors.IsForbidden(err) {
		return text, err
	}
	// The API server says so in a Status, with one exception: a kind that the cluster does
	// not have is not found without any.
	if isNotFound {
		switch lacks, unknown := o.lacks(ctx, kind); {
		case lacks:
			return nil, noSuchKind{err}
		case unknown != nil:
			return nil, fmt.Errorf("%v; whether the cluster has the kind cannot be found out: %v", err, unknown)
		}
	}
	return nil, fmt.Errorf("the answer is not the API server's own, is a proxy in between? %v", err)
}

// lacks says whether the API server tells, among the groups and resources that it has,
// that it does not have a kind.
func (o *Objects) lacks(ctx context.Context, kind inventory.Kind) (bool, error) {
	read := func(into any, path ...string) error {
		text, err := o.do(ctx, o.client.Get().AbsPath(path...).SetHeader("Accept", runtime.ContentTypeJSON))
		if err != nil {
			return err
		}
		return json.Unmarshal(text, into)
	}
	var groups metav1.APIGroupList
	if err := read(&groups, "/apis"); err != nil {
		return false, err
	}
	version := kind.GroupVersion()
	if groups.Kind != "APIGroupList" || version.Group == "" {
		return false, nil
	}
	if !slices.ContainsFunc(groups.Groups, func(g metav1.APIGroup) bool {
		return g.Name == version.Group && slices.ContainsFunc(g.Versions, func(v metav1.GroupVersionForDiscovery) bool { return v.GroupVersion == version.String() })
	}) {
		return true, nil
	}
	var resources metav1.APIResourceList
	if err := read(&resources, apiPath(version)...); err != nil {
		return false, err
	}
	return resources.Kind == "APIResourceList" && !names(&resources, kind), nil
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
	result := r.Do(attempt)
	// Unlike that of Raw, this error has the API server's own words.
	err := result.Error()
	if err != nil && attempt.Err() != nil && ctx.Err() == nil {
		o.unanswered.Add(1)
		return nil, fmt.Errorf("the API server did not answer within %s", o.timeout)
	}
	o.unanswered.Store(0)
	if err != nil {
		return nil, err
	}
	return result.Raw()
}
