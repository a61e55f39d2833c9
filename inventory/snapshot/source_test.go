package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

var errBroken = errors.New("connection refused")

// fakeCluster has the objects of a text, and counts what it is asked.
type fakeCluster struct {
	t       *testing.T
	objects []files.Object
	// broken are the errors of requests, by resource, and those of lists or of single reads
	// alone.
	broken, unlisted, unread map[string]error
	// expiries is how many lists are still to break off after their first object.
	expiries int
	// lists and reads count requests by resource.
	lists, reads map[string]int
	log          bytes.Buffer
}

func newCluster(t *testing.T, text string) *fakeCluster {
	t.Helper()
	return &fakeCluster{
		t: t, objects: given.Objects(t, text), broken: map[string]error{}, unlisted: map[string]error{}, unread: map[string]error{},
		lists: map[string]int{}, reads: map[string]int{},
	}
}

// layer is what a new check sees of the cluster.
func (c *fakeCluster) layer() *snapshot.Layer {
	return snapshot.Cluster(c, slog.New(slog.NewTextHandler(&c.log, nil)))
}

// said is how often something was logged.
func (c *fakeCluster) said(text string) int { return strings.Count(c.log.String(), text) }

func (c *fakeCluster) List(ctx context.Context, kind inventory.Kind, visit func(*snapshot.Object) error) error {
	c.lists[kind.Resource]++
	for _, err := range []error{ctx.Err(), c.broken[kind.Resource], c.unlisted[kind.Resource]} {
		if err != nil {
			return err
		}
	}
	for i := range c.objects {
		if o := c.object(kind, i); o != nil && (kind.Namespace == "" || kind.Namespace == o.Namespace) {
			if err := visit(o); err != nil {
				return err
			}
			if c.expiries > 0 {
				c.expiries--
				return apierrors.NewResourceExpired("the list has expired")
			}
		}
	}
	return nil
}

func (c *fakeCluster) Get(ctx context.Context, kind inventory.Kind, ref object.Reference) (*snapshot.Object, error) {
	c.reads[kind.Resource]++
	for _, err := range []error{ctx.Err(), c.broken[kind.Resource], c.unread[kind.Resource]} {
		if err != nil {
			return nil, err
		}
	}
	for i := range c.objects {
		if o := c.object(kind, i); o != nil && o.Name == ref.Name && o.Namespace == ref.Namespace {
			return o, nil
		}
	}
	return nil, nil
}

// object is one of the objects, as an API server has it; nil when it is of another kind.
func (c *fakeCluster) object(kind inventory.Kind, n int) *snapshot.Object {
	o := &c.objects[n]
	if kind.Controller() != (object.Controller{APIVersion: o.APIVersion, Kind: o.Kind}) {
		return nil
	}
	namespaced := kind != inventory.Namespaces && kind != inventory.Nodes && kind != inventory.Pools && kind != inventory.Coordinators
	out := &snapshot.Object{APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, JSON: o.JSON}
	if namespaced && out.Namespace == "" {
		out.Namespace = "default"
		out.JSON = bytes.Replace(out.JSON, []byte(`"metadata":{`), []byte(`"metadata":{"namespace":"default",`), 1)
	}
	return out
}

func forbidden(kind inventory.Kind) error {
	return apierrors.NewForbidden(kind.GroupResource(), "", errors.New("not allowed"))
}

func missing(kind inventory.Kind) error { return apierrors.NewNotFound(kind.GroupResource(), "") }

// ofFiles is the layer of a file.
func ofFiles(t testing.TB, text string) *snapshot.Layer {
	t.Helper()
	layer, err := files.NewLayer("default", given.Objects(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return layer
}
