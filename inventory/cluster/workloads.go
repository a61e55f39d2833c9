package cluster

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// Workloads reads single workloads and pods from the API server. They are not kept: a
// cluster has many, and few are asked about.
type Workloads struct{ client rest.Interface }

// NewWorkloads prepares to read workloads; nothing is asked yet.
func NewWorkloads(config *rest.Config) (*Workloads, error) {
	c := rest.CopyConfig(config)
	c.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	// An answer that waited for its turn would only be late.
	c.QPS = -1
	client, err := rest.UnversionedRESTClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("make a client for workloads: %w", err)
	}
	return &Workloads{client}, nil
}

// Workload is the object in JSON.
func (w *Workloads) Workload(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) ([]byte, error) {
	return w.client.Get().AbsPath(append(apiPath(resource.GroupVersion()), "namespaces", namespace, resource.Resource, name)...).SetHeader("Accept", "application/json").Do(ctx).Raw()
}
