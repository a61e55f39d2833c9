package status

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// place is the namespace of the objects that are created as a dry run.
type place struct {
	name string
	// labels are all that it has, or the one that every namespace has when they may not
	// be read.
	labels labels.Set
	// note says why it is another one than the user's own; empty when it is that.
	note string
}

// findPlace is the namespace that was asked for. Where pods of the user's own namespace are never
// judged, another one stands in for it: default, or the first that is judged.
func (c *Checker) findPlace(ctx context.Context, validating *configuration) (*place, error) {
	found, err := c.namespace(ctx, c.TryIn)
	if err != nil || c.TryChosen {
		return found, err
	}
	pods := validating.covering("", "pods")
	judged := func(p *place) bool { return pods == nil || pods.selects(p.labels) && !p.off() }
	if judged(found) {
		return found, nil
	}
	others := []*place{}
	if other, err := c.namespace(ctx, metav1.NamespaceDefault); err == nil {
		others = append(others, other)
	}
	for _, other := range append(others, c.namespaces(ctx)...) {
		if judged(other) {
			other.note = fmt.Sprintf("tried in %s, since pods of namespace %s are not judged", quote.Value(other.name), quote.Value(found.name))
			return other, nil
		}
	}
	return found, nil
}

// namespaces are as many as a page has of those that the user may list.
func (c *Checker) namespaces(ctx context.Context) []*place {
	ctx, cancel := c.request(ctx)
	defer cancel()
	listed, err := c.objects.Resource(corev1.SchemeGroupVersion.WithResource("namespaces")).List(ctx, metav1.ListOptions{Limit: 500})
	if err != nil {
		// Then there is none to stand in, which the report says.
		return nil
	}
	var found []*place
	for i := range listed.Items {
		found = append(found, &place{name: listed.Items[i].GetName(), labels: listed.Items[i].GetLabels()})
	}
	return found
}

func (c *Checker) namespace(ctx context.Context, name string) (*place, error) {
	read, err := get[corev1.Namespace](ctx, c, corev1.SchemeGroupVersion.WithResource("namespaces"), "", name)
	switch {
	case apierrors.IsForbidden(err):
		return &place{name: name, labels: labels.Set{corev1.LabelMetadataName: name}}, nil
	case err != nil:
		return nil, fmt.Errorf("read namespace %s: %w", quote.Value(name), err)
	case read == nil:
		return nil, fmt.Errorf("there is no namespace %s to try the webhook in: name another one with -n", quote.Value(name))
	}
	return &place{name: name, labels: read.Labels}, nil
}

// off says that the namespace asks for nothing to be checked.
func (p *place) off() bool { return verdict.Mode(p.labels[verdict.ModeLabel]) == verdict.ModeOff }
