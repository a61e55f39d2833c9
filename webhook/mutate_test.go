package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// twoVLANs are two networks, each with a pool of its own: one names it itself, the
// other in the configuration.
func twoVLANs(t *testing.T) (inventory.Inventory, *config.Config) {
	t.Helper()
	text := `{"apiVersion":"v1","kind":"List","items":[`
	for vlan, annotation := range map[string]string{
		"100": `{"k8s.v1.cni.cncf.io/resourceName":"example.com/vlan100","macvlan-webhook.io/default-ippools":"{\"ipv4\":[\"vlan100-v4\"]}"}`,
		"200": `{"k8s.v1.cni.cncf.io/resourceName":"example.com/vlan200"}`,
	} {
		text += fmt.Sprintf(`{"apiVersion":"k8s.cni.cncf.io/v1","kind":"NetworkAttachmentDefinition","metadata":{"namespace":"kube-system","name":"vlan%[1]s","annotations":%[2]s},`+
			`"spec":{"config":"{\"cniVersion\":\"0.3.1\",\"plugins\":[{\"type\":\"macvlan\",\"master\":\"bond0.%[1]s\",\"ipam\":{\"type\":\"spiderpool\"}},{\"type\":\"router\"}]}"}},`+
			`{"apiVersion":"spiderpool.spidernet.io/v2beta1","kind":"SpiderIPPool","metadata":{"name":"vlan%[1]s-v4"},"spec":{"ipVersion":4,"subnet":"172.16.%[1]s.0/24","multusName":["kube-system/vlan%[1]s"]}},`,
			vlan, annotation)
	}
	inv := given.Inventory(t, strings.TrimSuffix(text, ",")+"]}")
	config, err := policy.ParseConfig([]byte("apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\nippoolDefaults: [{networks: ['kube-system/vlan2*'], ipv4: [vlan200-v4]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return inv, config
}

const twoNetworks = `"k8s.v1.cni.cncf.io/networks":"kube-system/vlan100,kube-system/vlan200"`

// object is the pod in a request that [request] made.
func object(t *testing.T, body string) []byte {
	t.Helper()
	var review struct {
		Request struct{ Object json.RawMessage }
	}
	if err := json.Unmarshal([]byte(body), &review); err != nil {
		t.Fatal(err)
	}
	return review.Request.Object
}

// The patch adds one annotation and leaves all else as it was, fields that no
// Kubernetes knows included; the pod that comes out of it is judged right, and is
// not changed again.
func TestDefaultPoolsAreFilledIn(t *testing.T) {
	inv, config := twoVLANs(t)
	url, registry := serve(t, inv, config, io.Discard, time.Minute)
	body := strings.Replace(request(twoNetworks+`,"example.com/mine":"a/b~c"`, "jane"), `"spec":{`, `"x-unknown":{"n":1e400,"big":12345678901234567890},"spec":{"future":[null],`, 1)
	r := ask(t, url+"/mutate", body)
	if !r.Allowed || r.PatchType == nil || *r.PatchType != "JSONPatch" || len(r.Warnings) > 0 {
		t.Fatalf("response %+v", r)
	}
	const value = `[{"interface":"net1","ipv4":["vlan100-v4"]},{"interface":"net2","ipv4":["vlan200-v4"]}]`
	quoted, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"op":"add","path":"/metadata/annotations/ipam.spidernet.io~1ippools","value":` + string(quoted) + `}]`; string(r.Patch) != want {
		t.Errorf("patch %s\nwant  %s", r.Patch, want)
	}
	before := object(t, body)
	after := apply(t, r.Patch, before)
	if diff := cmp.Diff(withAnnotation(t, before, "ipam.spidernet.io/ippools", value), decoded(t, after)); diff != "" {
		t.Errorf("beside the annotation the pod has changed (-want +got):\n%s", diff)
	}
	patched := strings.Replace(body, string(before), string(after), 1)
	if again := ask(t, url+"/mutate", patched); !again.Allowed || again.Patch != nil {
		t.Errorf("the patched pod is changed again: %s", again.Patch)
	}
	if verdict := ask(t, url+"/validate", patched); !verdict.Allowed || len(verdict.Warnings) > 0 {
		t.Errorf("the patched pod is not right: %+v", verdict)
	}
	if verdict := ask(t, url+"/validate", body); verdict.Allowed || !strings.Contains(verdict.Result.Message, "[ippool-default-missing]") {
		t.Errorf("the pod that went past the mutation is let through: %+v", verdict)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader("# HELP macvlan_webhook_patches_total Pods whose default pools were filled in.\n"+
		"# TYPE macvlan_webhook_patches_total counter\nmacvlan_webhook_patches_total 1\n"), "macvlan_webhook_patches_total"); err != nil {
		t.Error(err)
	}
}

func apply(t *testing.T, operations, object []byte) []byte {
	t.Helper()
	patch, err := jsonpatch.DecodePatch(operations)
	if err != nil {
		t.Fatal(err)
	}
	after, err := patch.Apply(object)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

func decoded(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var out map[string]any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func withAnnotation(t *testing.T, pod []byte, key, value string) map[string]any {
	t.Helper()
	out := decoded(t, pod)
	out["metadata"].(map[string]any)["annotations"].(map[string]any)[key] = value
	return out
}

// Pods that there is nothing to fill in for are left as they are, however their
// annotations are written.
func TestNothingToFillIn(t *testing.T) {
	inv, config := twoVLANs(t)
	config.Exempt.Users = []string{"root"}
	url, _ := serve(t, inv, config, io.Discard, time.Minute)
	with := func(metadata string) string {
		return strings.Replace(request("", "jane"), `{"generateName":"web-","annotations":{}}`, metadata, 1)
	}
	for name, body := range map[string]string{
		"no annotations":         with(`{"generateName":"web-"}`),
		"null":                   with(`{"generateName":"web-","annotations":null}`),
		"no metadata":            with(`null`),
		"unknown ones":           with(`{"annotations":{"a/b":"c"}}`),
		"pools named":            request(twoNetworks+`,"ipam.spidernet.io/ippool":"{}"`, "jane"),
		"pools named, empty":     request(twoNetworks+`,"ipam.spidernet.io/ippools":""`, "jane"),
		"subnet named":           request(twoNetworks+`,"ipam.spidernet.io/subnet":"{}"`, "jane"),
		"subnets named":          request(twoNetworks+`,"ipam.spidernet.io/subnets":"[]"`, "jane"),
		"exempt user":            request(twoNetworks, "root"),
		"networks still to come": request(twoNetworks[:len(twoNetworks)-1]+`@a","cni.spidernet.io/network-resource-inject":"g"`, "jane"),
		"unreadable networks":    request(`"k8s.v1.cni.cncf.io/networks":"[{"`, "jane"),
		"missing network":        request(`"k8s.v1.cni.cncf.io/networks":"kube-system/vlan100,kube-system/nowhere"`, "jane"),
	} {
		if r := ask(t, url+"/mutate", body); !r.Allowed || r.Patch != nil || len(r.Warnings) > 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	// What Spiderpool's own webhook has written shows in the resources, and is known.
	injecting := request(twoNetworks+`,"cni.spidernet.io/network-resource-inject":"g"`, "jane")
	if r := ask(t, url+"/mutate", injecting); r.Patch != nil {
		t.Error("networks that Spiderpool will replace get pools")
	}
	injected := strings.Replace(injecting, `{"name":"app"}`, `{"name":"app","resources":{"limits":{"example.com/vlan100":"1","example.com/vlan200":"1"}}}`, 1)
	if r := ask(t, url+"/mutate", injected); r.Patch == nil {
		t.Error("injected networks get no pools")
	}
}
