package node

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	// containerd is the module and version whose CRI plugin is read. It is not built, so it
	// is no dependency: it stands in the module cache or is fetched there.
	containerd        = "github.com/containerd/containerd/v2"
	containerdVersion = "v2.4.2"
)

// What containerd makes of a sandbox whose first interface has no address, or another name
// than eth0: its go-cni finds no address under eth0.
func TestContainerd(t *testing.T) {
	needNode(t)
	const lan = `{"cniVersion":"1.0.0","type":"macvlan","master":"lan0"`
	tests := []struct {
		title, config, first string
		refused              bool
	}{
		{"the cluster's own network", lan + `}`, "", false},
		{"a network with addresses", lan + `,"ipam":` + inRange + `}`, "default/n", false},
		{"a network with addresses, named eth0", lan + `,"ipam":` + inRange + `}`, "default/n@eth0", false},
		{"a network without IPAM", lan + `}`, "default/n", true},
		{"a network with an empty IPAM", lan + `,"ipam":{}}`, "default/n", true},
		{"a bridge without IPAM", `{"cniVersion":"1.0.0","type":"bridge"}`, "default/n", true},
		{"an interface of another name", lan + `,"ipam":` + inRange + `}`, "default/n@lan", true},
		{"an IPv6 address alone", lan + `,"ipam":{"type":"static","addresses":[{"address":"fd00:20::40/64"}]}}`, "default/n", false},
	}
	pods := make([]*pod, len(tests))
	for i, tt := range tests {
		pods[i] = &pod{
			Namespace: "default", Name: "pod",
			Networks: []network{{Namespace: "default", Name: "n", Config: tt.config}}, Links: []link{{Name: "lan0", MTU: 1500}},
			Multus: multusConfig{MultusNamespace: "kube-system"},
		}
		if tt.first != "" {
			pods[i].Annotations = map[string]string{defaultNetworkKey: tt.first}
		}
	}
	runAll(t, pods, func(i int, o *outcome) {
		if o.Broken != "" || o.Failure != "" {
			t.Errorf("%s: %s%s, want that Multus starts it", tests[i].title, o.Broken, o.Failure)
			return
		}
		if refused := o.Refusal != ""; refused != tests[i].refused {
			t.Errorf("%s: refused: %t (%s), want %t", tests[i].title, refused, o.Refusal, tests[i].refused)
		}
	})
}

// containerd's CRI plugin fails a sandbox with "failed to find network info" unless go-cni
// has found addresses under eth0, which is the condition of [refusal].
func TestContainerdRefuses(t *testing.T) {
	folder := moduleFolder(t, containerd+"@"+containerdVersion)
	files := token.NewFileSet()
	parse := func(name string) *ast.File {
		t.Helper()
		file, err := parser.ParseFile(files, filepath.Join(folder, "internal", "cri", "server", name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}

	name := ""
	ast.Inspect(parse("helpers.go"), func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name == "defaultIfName" && len(spec.Values) == 1 {
			name = types.ExprString(spec.Values[0])
		}
		return true
	})
	if name != `"eth0"` {
		t.Errorf("containerd %s calls the first interface %s, want eth0", containerdVersion, name)
	}

	// The function ends with the condition, which returns without an error, and the error.
	found := false
	ast.Inspect(parse("sandbox_run.go"), func(n ast.Node) bool {
		body, ok := n.(*ast.BlockStmt)
		if !ok || len(body.List) < 2 {
			return true
		}
		last, ok := body.List[len(body.List)-1].(*ast.ReturnStmt)
		if !ok || len(last.Results) != 1 || !strings.Contains(types.ExprString(last.Results[0]), "failed to find network info for sandbox") {
			return true
		}
		condition, ok := body.List[len(body.List)-2].(*ast.IfStmt)
		if !ok {
			return true
		}
		found = true
		if got, want := types.ExprString(condition.Cond), "ok && len(configs.IPConfigs) > 0"; got != want {
			t.Errorf("containerd %s takes a sandbox if %s, want %s", containerdVersion, got, want)
		}
		set, ok := condition.Init.(*ast.AssignStmt)
		if !ok || types.ExprString(set.Rhs[0]) != "result.Interfaces[defaultIfName]" {
			t.Errorf("containerd %s looks elsewhere than under the name of the first interface", containerdVersion)
		}
		return true
	})
	if !found {
		t.Errorf("containerd %s does not refuse sandboxes where it did", containerdVersion)
	}
}

// moduleFolder is where a module's source is, with its version; it is fetched where it is
// not there.
func moduleFolder(t *testing.T, module string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
	// A folder without a go.mod: ours does not have the module.
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go mod download %s: %v\n%s", module, err, out)
	}
	_, rest, found := strings.Cut(string(out), `"Dir": "`)
	folder, _, _ := strings.Cut(rest, `"`)
	if !found {
		t.Fatalf("go mod download %s does not say where it is:\n%s", module, out)
	}
	return folder
}
