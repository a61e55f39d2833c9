package status

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Options say where the webhook is, and where to try it.
type Options struct {
	// Config reaches the API server, as the user who asks.
	Config *rest.Config
	// Timeout of one request; 0 for none.
	Timeout time.Duration

	// Configuration is the name of the validating and of the mutating configuration,
	// Namespace and Deployment are where the replicas are.
	Configuration, Namespace, Deployment string

	// TryIn is the namespace of the objects that are created as a dry run. TryChosen
	// says that the user named it, so that no other one stands in for it.
	TryIn     string
	TryChosen bool
}

// Checker looks at a cluster.
type Checker struct {
	Options
	objects  dynamic.Interface
	server   rest.Interface
	warnings *recorder
}

// NewChecker prepares to look at a cluster. It asks nothing yet.
func NewChecker(o Options) (*Checker, error) {
	c := &Checker{Options: o, warnings: &recorder{}}
	config := rest.CopyConfig(o.Config)
	config.WarningHandler = c.warnings
	var err error
	if c.objects, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	c.server = d.RESTClient()
	return c, nil
}

// Check looks at everything once. The error says that the API server cannot be asked at
// all.
func (c *Checker) Check(ctx context.Context) (*Report, error) {
	if err := c.reach(ctx); err != nil {
		return nil, err
	}
	validating := c.configuration(ctx, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations")
	mutating := c.configuration(ctx, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations")
	place, err := c.findPlace(ctx, validating)
	if err != nil {
		return nil, err
	}
	tries := c.try(ctx, place, validating, mutating)

	lines := validating.lines()
	lines = append(lines, mutatingLines(mutating, validating)...)
	now := time.Now()
	lines = append(lines, authorityLines(validating, tries.called, now)...)
	lines = append(lines, authorityLines(mutating, tries.called, now)...)
	lines = append(lines, c.replicas(ctx, validating, mutating)...)
	return newReport(append(lines, tries.lines...)), nil
}

// reach asks the API server what everybody may ask who is somebody to it.
func (c *Checker) reach(ctx context.Context) error {
	ctx, cancel := c.request(ctx)
	defer cancel()
	err := c.server.Get().AbsPath("/version").Do(ctx).Error()
	if status := apierrors.APIStatus(nil); err == nil || errors.As(err, &status) && !apierrors.IsUnauthorized(err) {
		return nil
	}
	return fmt.Errorf("ask the API server: %w", c.late(err))
}

// request bounds one request.
func (c *Checker) request(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.Timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.Timeout)
}

// late words the end of a request's time.
func (c *Checker) late(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the API server did not answer within %s (--request-timeout)", c.Timeout)
	}
	return err
}

// get reads an object; nil without an error when there is none.
func get[T any](ctx context.Context, c *Checker, resource schema.GroupVersionResource, namespace, name string) (*T, error) {
	ctx, cancel := c.request(ctx)
	defer cancel()
	found, err := c.objects.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, c.late(err)
	}
	object := new(T)
	return object, runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, object)
}

// notRead is the line for something that could not be read.
func notRead(check string, err error) Line {
	l := Line{Check: check, State: Unknown, Message: err.Error()}
	if apierrors.IsForbidden(err) {
		l.Remedy, l.lasting = "ask somebody who has this permission, or have it given to you", true
	}
	return l
}

// recorder keeps the warnings of an answer.
type recorder struct {
	mu       sync.Mutex
	warnings []string
}

// HandleWarningHeader implements rest.WarningHandler. 299 is the code of Kubernetes' warnings.
func (r *recorder) HandleWarningHeader(code int, _, text string) {
	if code != 299 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warnings = append(r.warnings, text)
}

// take returns what was warned of since it was last asked.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	warnings := r.warnings
	r.warnings = nil
	return warnings
}
