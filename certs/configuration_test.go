package certs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Both kinds have the same shape, so one text serves both. Every field that can
// be set is set, and the first webhook sorts behind the second: neither may be
// touched.
const configurationJSON = `{
 "apiVersion":"admissionregistration.k8s.io/v1", "kind":"KIND",
 "metadata":{"name":"NAME","labels":{"app":"x"},"annotations":{"note":"keep"}},
 "webhooks":[
  {"name":"z.macvlan-webhook.io",
   "clientConfig":{"service":{"namespace":"NAME","name":"webhook","path":"/z","port":8443}},
   "rules":[{"operations":["CREATE","UPDATE"],"apiGroups":["apps"],"apiVersions":["v1"],"resources":["deployments"],"scope":"Namespaced"}],
   "failurePolicy":"Ignore","matchPolicy":"Exact","sideEffects":"None","timeoutSeconds":4,"admissionReviewVersions":["v1"],
   "namespaceSelector":{"matchExpressions":[{"key":"kubernetes.io/metadata.name","operator":"In","values":["NAME"]}]},
   "objectSelector":{"matchLabels":{"a":"b"}},
   "matchConditions":[{"name":"c","expression":"has(object.metadata.annotations)"}]},
  {"name":"a.macvlan-webhook.io",
   "clientConfig":{"url":"https://127.0.0.1:9/a"},
   "rules":[{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["configmaps"]}],
   "namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"NAME"}},
   "sideEffects":"None","admissionReviewVersions":["v1"]}
 ]}`

var kinds = []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations"}

// createConfigurations makes one configuration of each kind without caBundles.
func (c *cluster) createConfigurations() {
	c.t.Helper()
	for kind, resource := range map[string]string{
		"ValidatingWebhookConfiguration": kinds[0],
		"MutatingWebhookConfiguration":   kinds[1],
	} {
		text := strings.NewReplacer("KIND", kind, "NAME", c.namespace).Replace(configurationJSON)
		if err := c.webhooks.RESTClient().Post().Resource(resource).Body([]byte(text)).
			SetHeader("Content-Type", "application/json").Do(c.t.Context()).Error(); err != nil {
			c.t.Fatal(err)
		}
		c.t.Cleanup(func() {
			// The test's own context has ended by now.
			err := c.webhooks.RESTClient().Delete().Resource(resource).Name(c.namespace).Do(context.Background()).Error()
			if err != nil && !apierrors.IsNotFound(err) {
				c.t.Error(err)
			}
		})
	}
}

// configuration returns an object as JSON values.
func (c *cluster) configuration(resource string) map[string]any {
	c.t.Helper()
	text, err := c.webhooks.RESTClient().Get().Resource(resource).Name(c.namespace).
		SetHeader("Accept", "application/json").Do(c.t.Context()).Raw()
	if err != nil {
		c.t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		c.t.Fatal(err)
	}
	return object
}

// patch plays somebody else who changes a configuration, by JSON patch.
func (c *cluster) patch(resource, text string) {
	c.t.Helper()
	if err := c.webhooks.RESTClient().Patch(types.JSONPatchType).Resource(resource).Name(c.namespace).
		Body([]byte(text)).Do(c.t.Context()).Error(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) resourceVersions() [2]string {
	var versions [2]string
	for i, resource := range kinds {
		versions[i] = c.configuration(resource)["metadata"].(map[string]any)["resourceVersion"].(string)
	}
	return versions
}

// contents are those of both configurations, without what the API server may change
// when somebody applies the same in another second: the time, and with it the order of
// the managers and the version.
func (c *cluster) contents() [2]map[string]any {
	var contents [2]map[string]any
	for i, resource := range kinds {
		contents[i] = c.configuration(resource)
		metadata := contents[i]["metadata"].(map[string]any)
		delete(metadata, "resourceVersion")
		managers := metadata["managedFields"].([]any)
		for _, fields := range managers {
			delete(fields.(map[string]any), "time")
		}
		slices.SortFunc(managers, func(a, b any) int {
			return strings.Compare(a.(map[string]any)["manager"].(string), b.(map[string]any)["manager"].(string))
		})
	}
	return contents
}

// bundles returns the caBundle of each webhook of both kinds.
func (c *cluster) bundles() map[string][]byte {
	c.t.Helper()
	validating, err := c.webhooks.ValidatingWebhookConfigurations().Get(c.t.Context(), c.namespace, metav1.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	mutating, err := c.webhooks.MutatingWebhookConfigurations().Get(c.t.Context(), c.namespace, metav1.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	found := map[string][]byte{}
	for _, webhook := range validating.Webhooks {
		found["validating "+webhook.Name] = webhook.ClientConfig.CABundle
	}
	for _, webhook := range mutating.Webhooks {
		found["mutating "+webhook.Name] = webhook.ClientConfig.CABundle
	}
	return found
}

// checkBundles compares what every caBundle holds with the certificates wanted, whatever
// their order.
func (c *cluster) checkBundles(want []byte) {
	c.t.Helper()
	certs, err := decodeCertificates(want)
	if err != nil {
		c.t.Fatal(err)
	}
	found := c.bundles()
	if len(found) != 4 {
		c.t.Errorf("%d webhooks, want 4", len(found))
	}
	for name, bundle := range found {
		if have, _ := decodeCertificates(bundle); !same(have, certs) {
			c.t.Errorf("%s: caBundle holds %s, want %s", name, serials(bundle), serials(want))
		}
	}
}

// serials tell certificates apart for people.
func serials(bundle []byte) []string {
	certs, err := decodeCertificates(bundle)
	if err != nil {
		return []string{err.Error()}
	}
	var all []string
	for _, cert := range certs {
		all = append(all, fmt.Sprintf("%x", cert.SerialNumber)[:8])
	}
	return all
}

func TestPublishTouchesNothingElse(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	before := map[string]string{}
	for _, resource := range kinds {
		before[resource] = stable(t, c.configuration(resource))
	}
	s := c.replica()
	c.reconcile(s)
	c.checkBundles(s.Bundle())
	for _, resource := range kinds {
		object := c.configuration(resource)
		for _, webhook := range object["webhooks"].([]any) {
			config := webhook.(map[string]any)["clientConfig"].(map[string]any)
			if config["caBundle"] == nil {
				t.Errorf("%s: no caBundle", resource)
			}
			delete(config, "caBundle")
		}
		if after := stable(t, object); after != before[resource] {
			t.Errorf("%s is\n%s, was\n%s", resource, after, before[resource])
		}
	}

	// What is owned is what the documentation promises: caBundle, and no webhook itself.
	for _, resource := range kinds {
		for _, entry := range c.configuration(resource)["metadata"].(map[string]any)["managedFields"].([]any) {
			managed := entry.(map[string]any)
			if managed["manager"] != "macvlan-webhook-certs" {
				continue
			}
			owned, err := json.Marshal(managed["fieldsV1"])
			if err != nil {
				t.Fatal(err)
			}
			const webhook = `{"f:clientConfig":{"f:caBundle":{}}}`
			want := `{"f:webhooks":{"k:{\"name\":\"a.macvlan-webhook.io\"}":` + webhook + `,"k:{\"name\":\"z.macvlan-webhook.io\"}":` + webhook + `}}`
			if managed["operation"] != "Update" || string(owned) != want {
				t.Errorf("%s: %s owns %s, want Update and %s", resource, managed["operation"], owned, want)
			}
			delete(before, resource)
		}
	}
	if len(before) != 0 {
		t.Errorf("nothing is owned in %v", before)
	}
}

func TestPublishOnce(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	created := c.resourceVersions()
	c.reconcile(c.replica())
	written := c.resourceVersions()
	if written[0] == created[0] || written[1] == created[1] {
		t.Fatalf("resource versions are %v before and %v after the first pass", created, written)
	}
	c.before(func(request *http.Request) error {
		if request.Method != http.MethodGet {
			t.Errorf("needless %s %s", request.Method, request.URL.Path)
		}
		return nil
	})
	// Another replica and another pass find nothing to do.
	s := c.replica()
	c.reconcile(s)
	c.reconcile(s)
	if again := c.resourceVersions(); again != written {
		t.Errorf("resource versions are %v, then %v", written, again)
	}
}

func TestPublishHeals(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	s := c.replica()
	c.reconcile(s)
	foreign := mustCA(t, epoch)
	other, garbage := quoted(t, foreign.CertPEM()), quoted(t, []byte("x"))
	for name, change := range map[string]string{
		"other bundle in one":   `[{"op":"replace","path":"/webhooks/1/clientConfig/caBundle","value":` + other + `}]`,
		"removed from one":      `[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`,
		"other bundle in all":   `[{"op":"replace","path":"/webhooks/0/clientConfig/caBundle","value":` + other + `},{"op":"replace","path":"/webhooks/1/clientConfig/caBundle","value":` + other + `}]`,
		"no certificate":        `[{"op":"replace","path":"/webhooks/0/clientConfig/caBundle","value":` + garbage + `}]`,
		"other field and order": `[{"op":"move","from":"/webhooks/0","path":"/webhooks/1"},{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, resource := range kinds {
				c.patch(resource, change)
			}
			if strings.HasPrefix(name, "other bundle") {
				// It may be what another replica serves under, for all that is known here.
				c.reconcile(s)
				c.checkBundles(slices.Concat(s.Bundle(), foreign.CertPEM()))
				c.clock.advance(s.lives.retention())
				c.reconcile(s)
			}
			c.reconcile(s)
			c.checkBundles(s.Bundle())
		})
	}
}

func TestPublishLater(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	c.reconcile(s)
	c.reconcile(s)
	if got := strings.Count(c.log.String(), "webhook configuration not found"); got != 2 {
		t.Errorf("the two missing configurations are logged %d times:\n%s", got, c.log)
	}
	c.createConfigurations()
	c.reconcile(s)
	c.checkBundles(s.Bundle())
}

// TestPublishMeetsChange changes the configurations between reading and
// writing.
func TestPublishMeetsChange(t *testing.T) {
	t.Run("webhook removed", func(t *testing.T) {
		c := newCluster(t)
		c.createConfigurations()
		s := c.replica()
		removed := map[string]bool{}
		c.beforeApply(func(resource string) {
			if !removed[resource] {
				removed[resource] = true
				c.patch(resource, `[{"op":"remove","path":"/webhooks/0"}]`)
			}
		})
		c.reconcile(s)
		found := c.bundles()
		for _, name := range []string{"validating a.macvlan-webhook.io", "mutating a.macvlan-webhook.io"} {
			if !bytes.Equal(found[name], s.Bundle()) {
				t.Errorf("%s: caBundle is %q", name, found[name])
			}
		}
		if len(found) != 2 {
			t.Errorf("%d webhooks, want 2", len(found))
		}
	})
	t.Run("deleted", func(t *testing.T) {
		c := newCluster(t)
		c.createConfigurations()
		s := c.replicaAs(c.restricted(watching))
		deleted := 0
		c.beforeApply(func(resource string) {
			deleted++
			if err := c.webhooks.RESTClient().Delete().Resource(resource).Name(c.namespace).Do(t.Context()).Error(); err != nil {
				t.Error(err)
			}
		})
		c.reconcile(s)
		if deleted != 2 {
			t.Errorf("%d configurations were deleted before the write, want 2", deleted)
		}
		for _, resource := range kinds {
			if err := c.webhooks.RESTClient().Get().Resource(resource).Name(c.namespace).Do(t.Context()).Error(); !apierrors.IsNotFound(err) {
				t.Errorf("%s: error %v, want not found", resource, err)
			}
		}
	})
	t.Run("changes each time", func(t *testing.T) {
		c := newCluster(t)
		c.createConfigurations()
		s := c.replica()
		changes := 0
		c.beforeApply(func(resource string) {
			changes++
			c.patch(resource, fmt.Sprintf(`[{"op":"replace","path":"/metadata/labels/app","value":"x%d"}]`, changes))
		})
		err := s.Reconcile(t.Context())
		for _, kind := range []string{"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"} {
			want := `write caBundle of ` + kind + ` "` + c.namespace + `": it changed between reading and writing, 5 times in a row`
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v lacks %q", err, want)
			}
		}
		if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "do not trust the serving certificate yet") {
			t.Errorf("Ready is %v although no configuration could be written", err)
		}
	})
}

// beforeApply calls f before each write of a configuration by a replica.
func (c *cluster) beforeApply(f func(resource string)) {
	c.before(func(request *http.Request) error {
		if request.Method == http.MethodPatch {
			f(path.Base(path.Dir(request.URL.Path)))
		}
		return nil
	})
}

// TestPublishGoesOn has one configuration that cannot be read or written.
func TestPublishGoesOn(t *testing.T) {
	for method, operation := range map[string]string{http.MethodGet: "read", http.MethodPatch: "write caBundle of"} {
		c := newCluster(t)
		c.createConfigurations()
		s := c.replica()
		c.before(func(request *http.Request) error {
			if request.Method == method && strings.Contains(request.URL.Path, "/validating") {
				return errUnplugged
			}
			return nil
		})
		err := s.Reconcile(t.Context())
		if want := operation + ` ValidatingWebhookConfiguration "` + c.namespace + `": `; !errors.Is(err, errUnplugged) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
		for name, bundle := range c.bundles() {
			if written := bytes.Equal(bundle, s.Bundle()); written != strings.HasPrefix(name, "mutating ") {
				t.Errorf("%s: %s: written %v", method, name, written)
			}
		}
	}
}

// stable is the object without what any write changes.
func stable(t *testing.T, object map[string]any) string {
	t.Helper()
	metadata := object["metadata"].(map[string]any)
	delete(metadata, "managedFields")
	delete(metadata, "resourceVersion")
	delete(metadata, "generation")
	text, err := json.MarshalIndent(object, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// quoted is a bundle as JSON has it.
func quoted(t *testing.T, bundle []byte) string {
	t.Helper()
	text, err := json.Marshal(bundle)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
