package certs

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

// TestDeployer is about a deployer that uses server-side apply too, and does not
// render caBundle: applied again, its configuration keeps the caBundle and meets
// no conflict, and one that leaves a webhook out is rid of it.
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

	// A webhook may be left out, and come back.
	for _, webhooks := range []int{1, 2} {
		for resource, kind := range map[string]string{
			kinds[0]: "ValidatingWebhookConfiguration",
			kinds[1]: "MutatingWebhookConfiguration",
		} {
			if err := deploy(resource, kind, webhooks); err != nil {
				t.Fatalf("%s with %d webhooks: %v", kind, webhooks, err)
			}
		}
		if got := len(c.bundles()); got != 2*webhooks {
			t.Errorf("%d webhooks, want %d", got, 2*webhooks)
		}
		c.reconcile(s)
	}
	c.checkBundles(s.Bundle())
}

// TestDeployerAfterOlderVersion is about the servers of older versions, which wrote the
// caBundles by server-side apply: what they own is given up, and only that.
func TestDeployerAfterOlderVersion(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	s := c.replica()
	c.reconcile(s)
	bundle, err := json.Marshal(s.Bundle())
	if err != nil {
		t.Fatal(err)
	}
	for resource, kind := range map[string]string{
		kinds[0]: "ValidatingWebhookConfiguration",
		kinds[1]: "MutatingWebhookConfiguration",
	} {
		body := fmt.Sprintf(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":%q,"metadata":{"name":%q},"webhooks":[`+
			`{"name":"a.macvlan-webhook.io","clientConfig":{"caBundle":%[3]s}},{"name":"z.macvlan-webhook.io","clientConfig":{"caBundle":%[3]s}}]}`,
			kind, c.namespace, bundle)
		if err := c.webhooks.RESTClient().Patch(types.ApplyPatchType).Resource(resource).Name(c.namespace).
			Param("fieldManager", fieldManager).Param("force", "true").Body([]byte(body)).Do(t.Context()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	applied := func() (n int) {
		for _, resource := range kinds {
			for _, entry := range c.configuration(resource)["metadata"].(map[string]any)["managedFields"].([]any) {
				if managed := entry.(map[string]any); managed["manager"] == fieldManager && managed["operation"] == "Apply" {
					n++
				}
			}
		}
		return n
	}
	if applied() != 2 {
		t.Fatalf("%d configurations are owned by server-side apply, want 2", applied())
	}
	c.reconcile(s)
	if applied() != 0 {
		t.Errorf("%d configurations are still owned by server-side apply", applied())
	}
	c.checkBundles(s.Bundle())
}
