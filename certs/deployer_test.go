package certs

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// TestDeployer is about a deployer that uses server-side apply too, and does not
// render caBundle: applied again, its configuration keeps the caBundle and meets
// no conflict. What the package documentation says of a webhook that is left out
// is held to here as well.
func TestDeployer(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	s := c.replica()
	deploy := func(resource, kind string, webhooks int) error {
		text := strings.NewReplacer("KIND", kind, "NAME", c.namespace).Replace(configurationJSON)
		var object map[string]any
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		object["webhooks"] = object["webhooks"].([]any)[:webhooks]
		body, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		return c.webhooks.RESTClient().Patch(types.ApplyPatchType).Resource(resource).Name(c.namespace).
			Param("fieldManager", "deployer").Param("force", "true").Body(body).Do(t.Context()).Error()
	}
	for resource, kind := range map[string]string{
		kinds[0]: "ValidatingWebhookConfiguration",
		kinds[1]: "MutatingWebhookConfiguration",
	} {
		// Whatever createConfigurations owns would keep the webhooks alive.
		if err := c.webhooks.RESTClient().Delete().Resource(resource).Name(c.namespace).Do(t.Context()).Error(); err != nil {
			t.Fatal(err)
		}
		if err := deploy(resource, kind, 2); err != nil {
			t.Fatalf("%s: first apply: %v", kind, err)
		}
	}
	c.reconcile(s)
	c.checkBundles(s.Bundle())
	before := c.contents()
	for resource, kind := range map[string]string{
		kinds[0]: "ValidatingWebhookConfiguration",
		kinds[1]: "MutatingWebhookConfiguration",
	} {
		if err := deploy(resource, kind, 2); err != nil {
			t.Errorf("%s: same apply again: %v", kind, err)
		}
	}
	c.checkBundles(s.Bundle())
	if diff := cmp.Diff(before, c.contents()); diff != "" {
		t.Errorf("applying the same again made changes (-before +after):\n%s", diff)
	}

	if err := deploy(kinds[0], "ValidatingWebhookConfiguration", 1); !apierrors.IsInvalid(err) {
		t.Errorf("a webhook left out: error %v, want invalid", err)
	}
	if err := c.webhooks.RESTClient().Delete().Resource(kinds[0]).Name(c.namespace).Do(t.Context()).Error(); err != nil {
		t.Fatal(err)
	}
	if err := deploy(kinds[0], "ValidatingWebhookConfiguration", 1); err != nil {
		t.Errorf("a webhook left out of a new configuration: %v", err)
	}
}
