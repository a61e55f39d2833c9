package node

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	netapi "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	podpolicy "github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// networkOf reads a NetworkAttachmentDefinition as the API server does, by the very letters of
// its keys.
func networkOf(t *testing.T, o *files.Object) network {
	t.Helper()
	var nad netapi.NetworkAttachmentDefinition
	if err := utiljson.Unmarshal(o.JSON, &nad); err != nil {
		t.Fatalf("%s: %v", o.Name, err)
	}
	n := network{Namespace: cmp.Or(o.Namespace, "default"), Name: o.Name, Annotations: nad.Annotations, Config: nad.Spec.Config}
	if n.Config == "" {
		// Whoever wrote a configuration elsewhere has not put one on the nodes.
		var object map[string]any
		if err := json.Unmarshal(o.JSON, &object); err != nil {
			t.Fatalf("%s: %v", o.Name, err)
		}
		spec, _ := object["spec"].(map[string]any)
		n.OnNodes = !misplaced(object) && !misplaced(spec)
	}
	return n
}

// misplaced says whether a part of an object has a configuration under any spelling of its key.
func misplaced(part map[string]any) bool {
	for key, value := range part {
		if text, ok := value.(string); ok && text != "" && strings.EqualFold(key, "config") {
			return true
		}
	}
	return false
}

// networksOf are the networks among objects.
func networksOf(t *testing.T, objects []files.Object) []network {
	t.Helper()
	var networks []network
	for i := range objects {
		if objects[i].Kind == inventory.NetworkKind {
			networks = append(networks, networkOf(t, &objects[i]))
		}
	}
	return networks
}

// mtusOf are the sizes that Nodes have published of their links.
func mtusOf(t *testing.T, objects []files.Object) map[string]int {
	t.Helper()
	mtus := map[string]int{}
	for _, o := range objects {
		var node struct {
			Metadata struct{ Annotations map[string]string }
		}
		if o.Kind != "Node" {
			continue
		}
		if err := json.Unmarshal(o.JSON, &node); err != nil {
			t.Fatal(err)
		}
		var published struct {
			Links []struct {
				Name string
				MTU  int
			}
		}
		if text := node.Metadata.Annotations["macvlan-webhook.io/links"]; text != "" {
			if err := json.Unmarshal([]byte(text), &published); err != nil {
				t.Fatal(err)
			}
		}
		for _, l := range published.Links {
			mtus[l.Name] = l.MTU
		}
	}
	return mtus
}

// judge is the verdict on a change.
func judge(t *testing.T, inv inventory.Inventory, f *fixtures.Fixture, o *files.Object) verdict.Verdict {
	t.Helper()
	config, err := policy.ParseConfig(f.PolicyConfig())
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := review.Judge(t.Context(), inv, config, review.Change{
		APIVersion: o.APIVersion, Kind: o.Kind, Namespace: cmp.Or(o.Namespace, "default"), Name: o.Name,
		Operation: review.Create, New: o.JSON, Stored: inv, Final: f.Bypassed,
	})
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Verdict.Undecided != nil {
		t.Fatal(outcome.Verdict.Undecided)
	}
	return outcome.Verdict
}

// surroundings are what a pod is judged and run in.
type surroundings struct {
	objects  []files.Object
	inv      inventory.Inventory
	networks []network
	mtus     map[string]int
}

func surroundingsOf(t *testing.T, objects []files.Object) *surroundings {
	t.Helper()
	inv, err := files.NewInventory("default", objects)
	if err != nil {
		t.Fatal(err)
	}
	return &surroundings{objects: objects, inv: inv, networks: networksOf(t, objects), mtus: mtusOf(t, objects)}
}

// ofNetwork is a pod on a network that a fixture holds, which stands in place of another of
// its name.
func (s *surroundings) ofNetwork(t *testing.T, f *fixtures.Fixture, o *files.Object, config *config.Config) *trial {
	t.Helper()
	n := networkOf(t, o)
	c := &trial{title: f.Path + " " + o.Name, findings: judge(t, s.inv, f, o).Findings}
	objects := append(slices.DeleteFunc(slices.Clone(s.objects), func(other files.Object) bool {
		return other.Kind == inventory.NetworkKind && cmp.Or(other.Namespace, "default") == n.Namespace && other.Name == n.Name
	}), *o)
	annotations, plain := onNetwork(&n)
	// A link of the pod is there once something before has made it.
	if before := linksBefore(&n); before > 0 {
		objects = append(objects, given.Objects(t, "apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\n"+
			"metadata: {name: before, namespace: default}\n"+`spec: {config: '{"cniVersion": "1.0.0", "type": "macvlan", "master": "eth1"}'}`)...)
		annotations[networksKey] = "[" + strings.Repeat(`{"namespace":"default","name":"before"},`, before) + annotations[networksKey][1:]
	}
	with := surroundingsOf(t, objects)
	c.plain = plain
	c.pod = &pod{Namespace: n.Namespace, Name: "pod", Annotations: annotations, Networks: with.networks, Multus: multusAs(config), Delete: true}
	// The pod is judged as well: what it must ask for it is asked here.
	c.findings = slices.Concat(c.findings, judge(t, with.inv, f, podObject(t, c.pod)).Findings)
	c.pod.onNode(s.mtus)
	return c
}

// ofPod is the pod that a fixture holds, or that its workload makes. It is nil for one that
// tells nothing, for the reason given.
func (s *surroundings) ofPod(t *testing.T, f *fixtures.Fixture, o *files.Object, config *config.Config) (c *trial, why string) {
	t.Helper()
	v := judge(t, s.inv, f, o)
	subject, err := podpolicy.Decode(o.APIVersion, o.Kind, cmp.Or(o.Namespace, "default"), o.JSON)
	switch {
	case err != nil:
		t.Fatalf("%s: %v", f.Path, err)
	case subject.HostNetwork:
		return nil, "pods on the host's network, for which nobody calls Multus"
	case v.Exempt != "":
		return nil, "pods that are not judged"
	}
	c = &trial{title: f.Path + " " + o.Name, findings: v.Findings, pod: &pod{
		Namespace: subject.Namespace, Name: "pod", Annotations: subject.Annotations, Networks: s.networks, Multus: multusAs(config), Delete: true,
	}}
	c.pod.onNode(s.mtus)
	return c, ""
}

// ofFixtures are the pods of the fixtures, and pods on their networks.
func ofFixtures(t *testing.T) []*trial {
	t.Helper()
	all, err := fixtures.Load()
	if err != nil {
		t.Fatal(err)
	}
	cluster := surroundingsOf(t, given.Objects(t, string(fixtures.Inventory())))
	var trials []*trial
	passedOver := map[string]int{}
	for i := range all {
		f := &all[i]
		if f.OfSubnet() {
			passedOver["subnets, of which a node knows nothing"]++
			continue
		}
		config, err := policy.ParseConfig(f.PolicyConfig())
		if err != nil {
			t.Fatal(err)
		}
		o := &given.Objects(t, string(f.Text))[0]
		if f.OfNetwork() {
			trials = append(trials, cluster.ofNetwork(t, f, o, config))
		} else if c, why := cluster.ofPod(t, f, o, config); c != nil {
			trials = append(trials, c)
		} else {
			passedOver[why]++
		}
	}
	t.Logf("passed over: %v", passedOver)
	return trials
}

// ofRepositories are the pods and pods on the networks of what repositories hold, see
// TestRepositories of the fixtures.
func ofRepositories(t *testing.T) []*trial {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "fixtures", "repositories", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var trials []*trial
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		objects := given.Objects(t, string(text))
		s, f := surroundingsOf(t, objects), &fixtures.Fixture{Path: path}
		for i := range objects {
			o := &objects[i]
			kind, judged := review.KindOf(o.APIVersion, o.Kind)
			switch {
			case o.Kind == inventory.NetworkKind:
				trials = append(trials, s.ofNetwork(t, f, o, config.Default()))
			case judged && kind.HoldsPods():
				if c, _ := s.ofPod(t, f, o, config.Default()); c != nil {
					trials = append(trials, c)
				}
			}
		}
	}
	return trials
}

// linksBefore is how many interfaces a pod must have before it joins a network whose master
// is one of them.
func linksBefore(n *network) int {
	before := 0
	if chain := readConfig(n.Config); len(chain) > 0 && chain[0].LinkInContainer == true {
		// Masters of other names need none of ours.
		_, _ = fmt.Sscanf(fmt.Sprint(chain[0].Master), "net%d", &before)
	}
	return before
}

// onNetwork are the annotations of a pod that asks for no more than a network, and for an
// address where nobody else says one.
func onNetwork(n *network) (annotations map[string]string, plain bool) {
	element := map[string]any{"namespace": n.Namespace, "name": n.Name}
	var conf struct {
		IPAM    map[string]any
		Args    map[string]any
		Plugins []struct {
			IPAM map[string]any
			Args map[string]any
		}
	}
	// A configuration that cannot be read has no IPAM.
	_ = json.Unmarshal([]byte(n.Config), &conf)
	ipam, args := conf.IPAM, conf.Args
	if len(conf.Plugins) > 0 {
		ipam, args = conf.Plugins[0].IPAM, conf.Plugins[0].Args
	}
	if addresses, _ := ipam["addresses"].([]any); ipam["type"] == "static" && len(addresses) == 0 && args == nil {
		element["ips"] = []string{"10.250.0.5/24"}
	}
	_, asks := element["ips"]
	text, err := json.Marshal([]any{element})
	if err != nil {
		panic(err) // maps and texts
	}
	return map[string]string{networksKey: string(text)}, !asks
}

// podObject is a pod as it is written.
func podObject(t *testing.T, p *pod) *files.Object {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"namespace": p.Namespace, "name": p.Name, "annotations": p.Annotations},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "app", "image": "app:1"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	objects := given.Objects(t, string(text))
	if len(objects) != 1 {
		t.Fatal(fmt.Errorf("%d objects", len(objects)))
	}
	return &objects[0]
}
