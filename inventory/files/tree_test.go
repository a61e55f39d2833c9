package files_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// network is one of a name, and on a master that tells which one it is.
func network(name, master string) string {
	return fmt.Sprintf("{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: %s, namespace: default}, "+
		`spec: {config: '{"cniVersion":"0.3.1","type":"macvlan","master":"%s"}'}}`+"\n", name, master)
}

func pool(name, subnet, more string) string {
	return fmt.Sprintf("{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: %s}, spec: {subnet: %s%s}}\n", name, subnet, more)
}

// plant writes files below a new current folder, and reads them.
func plant(t *testing.T, texts map[string]string) *files.Tree {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range texts {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	contents, err := files.Survey([]string{"."}, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	return files.NewTree("default", contents.Objects, files.Alone)
}

// met is what an object of a file finds under the name of a network: its master, unknown, or
// missing.
func met(t *testing.T, tree *files.Tree, path, name string) string {
	t.Helper()
	inv := snapshot.New(tree.View(path).Layers...)
	answer := inv.Facts(t.Context(), pod.Questions{Networks: []object.Reference{{Namespace: "default", Name: name}}}).Networks[0]
	switch {
	case answer.Unknown:
		return "unknown"
	case answer.Value == nil:
		return "missing"
	default:
		return answer.Value.Macvlan.Master
	}
}

func TestNearestCounts(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		// want is what is met, by file and network.
		want map[string]string
	}{
		"one variant": {
			map[string]string{"a/n.yaml": network("lan", "eth0"), "b/n.yaml": network("lan", "eth0"), "p.yaml": network("other", "eth9")},
			map[string]string{"a/n.yaml lan": "eth0", "p.yaml lan": "eth0", "b/n.yaml other": "eth9", "p.yaml none": "missing"},
		},
		"a folder for each cluster": {
			map[string]string{
				"clusters/a/n.yaml": network("lan", "eth0"), "clusters/b/net/n.yaml": network("lan", "eth1"),
				"clusters/a/pods/p.yaml": network("x", "eth9"), "clusters/b/pods/p.yaml": network("yy", "eth9"), "p.yaml": network("z", "eth9"),
			},
			map[string]string{
				"clusters/a/n.yaml lan": "eth0", "clusters/a/pods/p.yaml lan": "eth0", "clusters/b/pods/p.yaml lan": "eth1",
				"p.yaml lan": "unknown", "clusters/other/p.yaml lan": "unknown",
				// What stands once is found from everywhere.
				"clusters/a/pods/p.yaml yy": "eth9", "clusters/a/n.yaml z": "eth9",
			},
		},
		"the folders above": {
			map[string]string{
				"n.yaml": network("lan", "eth0") + "---\n" + network("wan", "eth0"), "prod/n.yaml": network("lan", "eth1"), "test/p.yaml": network("x", "eth9"),
				"test/deep/er/p.yaml": network("yy", "eth9"), "test/deep/n.yaml": network("wan", "eth2"),
			},
			map[string]string{
				"prod/p.yaml lan": "eth1", "prod/n.yaml lan": "eth1", "test/p.yaml lan": "eth0", "test/deep/er/p.yaml lan": "eth0",
				"test/deep/er/p.yaml wan": "eth2", "prod/n.yaml wan": "eth0", "n.yaml lan": "eth0",
			},
		},
		"files of one folder": {
			map[string]string{
				"a.yaml": network("lan", "eth0"), "b.yaml": network("lan", "eth1"), "c.yaml": network("x", "eth9"), "sub/n.yaml": network("lan", "eth2"),
				"sub/p.yaml": network("yy", "eth9"),
			},
			map[string]string{"a.yaml lan": "eth0", "b.yaml lan": "eth1", "c.yaml lan": "unknown", "c.yaml x": "eth9", "sub/p.yaml lan": "eth2"},
		},
		"equally near and the same": {
			map[string]string{"a/n.yaml": network("lan", "eth0"), "b/n.yaml": network("lan", "eth0"), "c/d/n.yaml": network("lan", "eth1"), "p.yaml": network("x", "eth9")},
			map[string]string{"a/n.yaml lan": "eth0", "c/p.yaml lan": "eth1", "p.yaml lan": "unknown"},
		},
		"one file": {
			map[string]string{"a.yaml": network("lan", "eth0") + "---\n" + network("lan", "eth1"), "b.yaml": network("x", "eth9")},
			map[string]string{"a.yaml lan": "eth1", "b.yaml lan": "eth1"},
		},
		"objects that nothing is asked of": {
			map[string]string{
				"a/c.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: '1'}}", "b/c.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: '2'}}",
				"b/n.yaml": network("lan", "eth0"),
			},
			map[string]string{"a/c.yaml lan": "eth0", "b/c.yaml lan": "eth0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := plant(t, tt.files)
			for _, asked := range slices.Sorted(maps.Keys(tt.want)) {
				path, name, _ := strings.Cut(asked, " ")
				if got := met(t, tree, path, name); got != tt.want[asked] {
					t.Errorf("%s finds %s at %s, want %s", path, name, got, tt.want[asked])
				}
			}
		})
	}
}

// Only what is in the cluster together is compared.
func TestOneVariantIsCompared(t *testing.T) {
	user := func(name, namespace string) string {
		return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: %s, annotations: {k8s.v1.cni.cncf.io/networks: default/lan}}}\n", name, namespace)
	}
	tree := plant(t, map[string]string{
		"a/n.yaml": network("lan", "eth0"), "b/n.yaml": network("lan", "eth1"), "n.yaml": network("common", "eth0"),
		"a/p.yaml": user("p", "one"), "b/p.yaml": user("q", "one") + "---\n" + user("q", "two"),
	})
	for path, want := range map[string]struct {
		networks []string
		users    int
	}{"a/p.yaml": {[]string{"eth0 lan"}, 1}, "b/n.yaml": {[]string{"eth1 lan"}, 2}, "n.yaml": {[]string{"eth0 common"}, 0}} {
		inv := snapshot.New(tree.View(path).Layers...)
		var got []string
		for n := range inv.Networks(t.Context()) {
			got = append(got, n.Macvlan.Master+" "+n.Name)
		}
		if !slices.Equal(got, want.networks) {
			t.Errorf("%s: networks %q, want %q", path, got, want.networks)
		}
		if users := inv.Users(t.Context(), object.Reference{Namespace: "default", Name: "lan"}, config.Default()); users.Pods != want.users {
			t.Errorf("%s: %d users, want %d", path, users.Pods, want.users)
		}
	}
}

// A default pool of another cluster serves nobody here; one of a folder above does.
func TestPoolsOfVariants(t *testing.T) {
	tree := plant(t, map[string]string{
		"a/n.yaml": network("lan", "eth0"), "b/n.yaml": network("lan", "eth1"), "n.yaml": pool("above", "10.2.0.0/24", ", default: true"),
		"a/v4.yaml": pool("v4", "10.0.0.0/24", ""), "b/v4.yaml": pool("v4", "10.1.0.0/24", ""), "b/own.yaml": pool("own", "10.3.0.0/24", ", default: true"),
	})
	for path, want := range map[string]struct {
		subnet   string
		defaults []string
	}{"a/n.yaml": {"10.0.0.0/24", []string{"above"}}, "b/n.yaml": {"10.1.0.0/24", []string{"above", "own"}}} {
		pools := snapshot.New(tree.View(path).Layers...).Facts(t.Context(), pod.Questions{EveryPool: true}).Pools.Index
		if got := pools.Pool("v4").Subnet.String(); got != want.subnet {
			t.Errorf("%s: pool v4 is %s, want %s", path, got, want.subnet)
		}
		if got := pools.Defaults(spiderpool.IPv4); !slices.Equal(got, want.defaults) {
			t.Errorf("%s: default pools %q, want %q", path, got, want.defaults)
		}
		if pools.Pool("own") == nil {
			t.Errorf("%s: a pool that stands once is not found", path)
		}
	}
	// From between the two neither is known.
	if p := snapshot.New(tree.View("p.yaml").Layers...).Facts(t.Context(), pod.Questions{EveryPool: true}).Pools; p.Index != nil {
		t.Error("pools are known where two of one name are equally near")
	}
}

func TestCopiesAndAmbiguities(t *testing.T) {
	tree := plant(t, map[string]string{
		"a.yaml": network("lan", "eth0") + "---\n" + network("lan", "eth0"), "b.yaml": network("lan", "eth0"),
		"c.yaml": pool("v4", "10.0.0.0/24", "") + "---\n" + network("lan", "eth1"), "d.yaml": pool("v4", "10.0.0.0/24", ""),
	})
	var copies []string
	for n := range tree.Objects() {
		if o := tree.Objects()[n]; tree.IsCopy(n) {
			copies = append(copies, fmt.Sprintf("%s:%d", o.Path, o.Position(0).Line))
		}
	}
	// b.yaml is another variant: the folder holds two that differ.
	if want := []string{"a.yaml:3"}; !slices.Equal(copies, want) {
		t.Errorf("copies %q, want %q", copies, want)
	}
	ambiguities := tree.Ambiguities()
	if len(ambiguities) != 1 {
		t.Fatalf("%d ambiguities: %+v", len(ambiguities), ambiguities)
	}
	for n, a := range ambiguities {
		if o := tree.Objects()[n]; o.Path != "c.yaml" || o.Name != "lan" || a.SameFile || !slices.Equal(a.Places, []string{"a.yaml:1:1", "a.yaml:3:1", "b.yaml:1:1", "c.yaml:3:1"}) {
			t.Errorf("%s %s: %+v", o.Path, o.Name, a)
		}
	}
}

// Workloads that say nothing of networks, and names that no object can have, are nobody's concern.
func TestNoAmbiguity(t *testing.T) {
	workload := func(name, annotations, image string) string {
		return "{apiVersion: apps/v1, kind: Deployment, metadata: {name: " + name + ", namespace: default}, spec: {template: {metadata: {annotations: {" + annotations +
			"}}, spec: {containers: [{name: a, image: " + image + "}]}}}}\n"
	}
	const networks = "k8s.v1.cni.cncf.io/networks: lan"
	tree := plant(t, map[string]string{
		"a.yaml": workload("plain", "a: b", "a:1") + "---\n" + workload("near", "k8s.v1.cni.cncf.io/network: lan", "a:1") + "---\n" + workload("lan", "", "a:1") + "---\n{apiVersion: v1, kind: Namespace, metadata: {name: _}}",
		"b.yaml": workload("plain", "a: b", "a:2") + "---\n" + workload("near", "k8s.v1.cni.cncf.io/network: lan", "a:2") + "---\n" + workload("lan", networks, "a:1") + "---\n{apiVersion: v1, kind: Namespace, metadata: {name: _, labels: {a: b}}}",
	})
	var names []string
	for n := range tree.Ambiguities() {
		names = append(names, tree.Objects()[n].Name)
	}
	slices.Sort(names)
	if want := []string{"lan", "near"}; !slices.Equal(names, want) {
		t.Errorf("%q are ambiguous, want %q", names, want)
	}
}

// What cannot be read is there. One whose name cannot be read may be anything.
func TestUnreadable(t *testing.T) {
	wrong := "{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: lan, namespace: default}, spec: {config: [1]}}\n"
	generated := "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderMultusConfig, metadata: {name: a, namespace: default, annotations: {multus.spidernet.io/cr-name: made}}, spec: {macvlan: 1}}\n"
	tree := plant(t, map[string]string{"a.yaml": wrong + "---\n" + generated, "b.yaml": network("other", "eth0"), "c.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: []}}"})
	for name, want := range map[string]string{"lan": "unknown", "a": "unknown", "other": "eth0", "none": "missing"} {
		if got := met(t, tree, "b.yaml", name); got != want {
			t.Errorf("network %s is %s, want %s", name, got, want)
		}
	}
	var faults []string
	for n := range tree.Objects() {
		if f := tree.Fault(n); f != nil {
			faults = append(faults, f.Field)
		}
	}
	if want := []string{"spec.config", "spec.macvlan", "metadata.name"}; !slices.Equal(faults, want) {
		t.Errorf("faults at %q, want %q", faults, want)
	}
	answer := snapshot.New(tree.View("b.yaml").Layers...).Facts(t.Context(), pod.Questions{Networks: []object.Reference{{Namespace: "default", Name: "none"}}}).Networks[0]
	if answer.Doubt == nil || !strings.Contains(answer.Doubt.Partial, "cannot be read") {
		t.Errorf("no doubt about a network that may stand in what cannot be read: %+v", answer)
	}
}
