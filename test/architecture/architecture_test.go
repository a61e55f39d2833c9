// Package architecture tests that the rooms of the house stay apart: who may
// import whom, and what no folder is called.
package architecture

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/macvlan-webhook/macvlan-webhook"

// mayImport lists, for each room of the product, the others that it may import.
// cmd puts everything together; test may import anything.
var mayImport = map[string][]string{
	"cmd":       {"webhook", "review", "inventory", "policy", "certs"},
	"webhook":   {"review", "inventory", "policy"},
	"review":    {"inventory", "policy"},
	"inventory": {"policy"},
	"policy":    nil,
	"certs":     nil,
}

// upperPolicy are the packages of policy that know of subjects and rules, each with those
// among them that it may import. All others below policy read the texts of other programs,
// and know of none of these.
var upperPolicy = map[string][]string{
	"policy":           {"policy/object", "policy/verdict", "policy/config", "policy/pod", "policy/pod/rules", "policy/nad", "policy/subnet", "policy/file"},
	"policy/pod/rules": {"policy/object", "policy/verdict", "policy/config", "policy/pod"},
	"policy/pod":       {"policy/object", "policy/verdict", "policy/config"},
	"policy/nad":       {"policy/object", "policy/verdict", "policy/config"},
	"policy/subnet":    {"policy/object", "policy/verdict", "policy/config"},
	"policy/file":      {"policy/object", "policy/verdict", "policy/config"},
	"policy/config":    {"policy/object", "policy/verdict"},
	"policy/verdict":   {"policy/object"},
	"policy/object":    nil,
}

// impure is what policy does without, so that it judges alike in a cluster, on
// a laptop and in a test: what it needs to know is given to it.
var impure = []string{"os", "os/exec", "net/http", "log", "log/slog", "k8s.io/client-go", "k8s.io/klog/v2", "sigs.k8s.io/controller-runtime"}

// nameless are folder names that say nothing about what belongs there.
var nameless = []string{"util", "utils", "common", "helper", "helpers", "pkg", "misc", "shared"}

// check returns what is wrong with a package and its imports.
func check(path string, imports []string) []string {
	inside := strings.TrimPrefix(path, module+"/")
	elements := strings.Split(inside, "/")
	var wrong []string
	for _, element := range elements {
		if slices.Contains(nameless, element) {
			wrong = append(wrong, fmt.Sprintf("%s: no folder is called %q: name it after what it holds", inside, element))
		}
	}
	room := elements[0]
	allowed, product := mayImport[room]
	if !product {
		return wrong
	}
	for _, imported := range imports {
		if target, ours := strings.CutPrefix(imported, module+"/"); ours {
			other, _, _ := strings.Cut(target, "/")
			if other != room && !slices.Contains(allowed, other) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: %s may import %q", inside, target, room, allowed))
			}
			if _, upper := upperPolicy[target]; upper && room == "policy" && !slices.Contains(upperPolicy[inside], target) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: it may import %q of what knows of subjects and rules", inside, target, upperPolicy[inside]))
			}
		}
		if room == "policy" && slices.ContainsFunc(impure, func(p string) bool { return imported == p || strings.HasPrefix(imported, p+"/") }) {
			wrong = append(wrong, fmt.Sprintf("%s imports %s: policy knows what it is given, and nothing else", inside, imported))
		}
	}
	return wrong
}

func TestImports(t *testing.T) {
	// -e: a package that does not compile is for other checks to report.
	list := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"/...")
	var stderr strings.Builder
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	seen, packages := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		for _, problem := range check(fields[0], fields[1:]) {
			t.Error(problem)
		}
		inside := strings.TrimPrefix(fields[0], module+"/")
		room, _, _ := strings.Cut(inside, "/")
		seen[room], packages[inside] = true, true
	}
	for room := range mayImport {
		if !seen[room] {
			t.Errorf("no package in %s: the rule for it is out of date", room)
		}
	}
	for inside := range upperPolicy {
		if !packages[inside] {
			t.Errorf("no package %s: the rule for it is out of date", inside)
		}
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name     string
		path     string
		imports  []string
		problems int
	}{
		{"downwards", "cmd/a", []string{module + "/webhook", module + "/policy/formats/multus", "os"}, 0},
		{"within a room", "policy", []string{module + "/policy/formats/multus"}, 0},
		{"upwards", "policy/formats/multus", []string{module + "/inventory"}, 1},
		{"answers that judge", "inventory/cluster", []string{module + "/review"}, 1},
		{"a verdict that is worded", "review", []string{module + "/webhook", module + "/inventory", module + "/policy"}, 1},
		{"a program", "webhook", []string{module + "/cmd/a/internal/b"}, 1},
		{"tests", "certs", []string{module + "/test/controlplane"}, 1},
		{"tests may", "test/demo", []string{module + "/cmd/a/internal/b", module + "/policy"}, 0},
		{"policy reads files", "policy", []string{"os"}, 1},
		{"policy asks the cluster", "policy/formats/multus", []string{"k8s.io/client-go/kubernetes"}, 1},
		{"policy knows the types", "policy", []string{"k8s.io/api/core/v1", "ossify"}, 0},
		{"rules read pods", "policy/pod/rules", []string{module + "/policy/pod", module + "/policy/formats/multus"}, 0},
		{"pods know no rules", "policy/pod", []string{module + "/policy/pod/rules"}, 1},
		{"kinds of subject stay apart", "policy/nad", []string{module + "/policy/pod", module + "/policy/subnet"}, 2},
		{"grammars know no subjects", "policy/formats/cniconf/ipam", []string{module + "/policy/object"}, 1},
		{"the inventory knows subjects", "inventory/cluster", []string{module + "/policy/pod", module + "/policy/nad"}, 0},
		{"nameless", "inventory/util", nil, 1},
		{"nameless in tests", "test/helpers/pkg", nil, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := check(module+"/"+tt.path, tt.imports); len(got) != tt.problems {
				t.Errorf("problems = %q, want %d", got, tt.problems)
			}
		})
	}
}
