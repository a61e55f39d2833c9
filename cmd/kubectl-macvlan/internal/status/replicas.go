package status

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// replicas are the lines about the Deployment and what the API server calls.
func (c *Checker) replicas(ctx context.Context, configurations ...*configuration) []Line {
	var services []types.NamespacedName
	var urls []string
	for _, configuration := range configurations {
		for i := range configuration.entries {
			client := &configuration.entries[i].client
			switch {
			case client.URL != nil:
				urls = append(urls, *client.URL)
			case client.Service != nil:
				services = append(services, types.NamespacedName{Namespace: client.Service.Namespace, Name: client.Service.Name})
			}
		}
	}
	lines := []Line{c.deployment(ctx, len(services) == 0 && len(urls) > 0)}
	if len(services) == 0 && len(urls) == 0 {
		// The configurations are missing, or may not be read.
		services = []types.NamespacedName{{Namespace: c.Namespace, Name: c.Deployment}}
	}
	for i, service := range services {
		if !slices.Contains(services[:i], service) {
			lines = append(lines, c.service(ctx, service))
		}
	}
	for i, url := range urls {
		if !slices.Contains(urls[:i], url) {
			lines = append(lines, Line{Check: "Service", State: Note, Message: "none is asked: the API server calls " + quote.Value(url)})
		}
	}
	return lines
}

// deployment says how many replicas are ready. Outside is for an API server that is told to
// call an address, where there need be none.
func (c *Checker) deployment(ctx context.Context, outside bool) Line {
	const check = "replicas"
	name := quote.Value(c.Namespace + "/" + c.Deployment)
	found, err := get[appsv1.Deployment](ctx, c, appsv1.SchemeGroupVersion.WithResource("deployments"), c.Namespace, c.Deployment)
	switch {
	case err != nil:
		return notRead(check, err)
	case found == nil && outside:
		return Line{Check: check, State: Note, Message: fmt.Sprintf("there is no Deployment %s: the webhook runs elsewhere", name)}
	case found == nil:
		return Line{Check: check, State: Problem, Message: fmt.Sprintf("there is no Deployment %s", name),
			Remedy: "apply the manifests (kubectl apply -k), or name it with --webhook-namespace and --deployment"}
	}
	wanted := int32(1)
	if found.Spec.Replicas != nil {
		wanted = *found.Spec.Replicas
	}
	line := Line{Check: check, State: OK, Message: fmt.Sprintf("%d of %d are ready (Deployment %s)", found.Status.ReadyReplicas, wanted, name)}
	switch {
	case wanted == 0:
		line.State, line.Remedy = Problem, fmt.Sprintf("kubectl scale deployment --namespace %s %s --replicas=2", c.Namespace, c.Deployment)
	case found.Status.ReadyReplicas < wanted:
		line.State = Problem
		line.Remedy = fmt.Sprintf("kubectl describe pods --namespace %s; /readyz?verbose on port 8080 of a pod that runs names what it waits for", c.Namespace)
	}
	return line
}

// service says whether a Service leads to anybody.
func (c *Checker) service(ctx context.Context, service types.NamespacedName) Line {
	const check = "Service"
	ctx, cancel := c.request(ctx)
	defer cancel()
	listed, err := c.objects.Resource(discoveryv1.SchemeGroupVersion.WithResource("endpointslices")).Namespace(service.Namespace).
		List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service.Name})
	if err != nil {
		return notRead(check, c.late(err))
	}
	ready := 0
	for i := range listed.Items {
		slice := discoveryv1.EndpointSlice{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(listed.Items[i].Object, &slice); err != nil {
			return notRead(check, err)
		}
		for _, e := range slice.Endpoints {
			// Not to be said counts as yes, as for whoever sends something there.
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				ready++
			}
		}
	}
	name := quote.Value(service.String())
	if ready == 0 {
		return Line{Check: check, State: Problem, Message: fmt.Sprintf("no endpoint of %s is ready", name),
			Remedy: "see that the Service is there, that its selector fits the pods, and that they are ready"}
	}
	return Line{Check: check, State: OK, Message: fmt.Sprintf("%s of %s %s ready", plural(ready, "endpoint", "endpoints"), name, isAre(ready))}
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
