package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// tests are the names of the tests and fuzz targets in a folder.
func tests(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(server.Root(), folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil {
				found[f.Name.Name] = true
			}
		}
	}
	return found
}

var (
	quoted   = regexp.MustCompile("`([^`\n]+)`")
	testName = regexp.MustCompile(`^(.+)\.((?:Test|Fuzz)[A-Z]\w*)$`)
	// path is what begins with a folder of the repository and names something in it.
	path = regexp.MustCompile(`^(?:certs|cmd|docs|inventory|manifests|policy|review|test|webhook)/[\w./-]+$|^(?:Dockerfile|go\.sum)$`)
)

// What docs/security.md names as proof is there.
func TestProofsExist(t *testing.T) {
	text := page(t, "security.md")
	names, paths := 0, 0
	for _, match := range quoted.FindAllStringSubmatch(text, -1) {
		word := match[1]
		if name := testName.FindStringSubmatch(word); name != nil {
			names++
			if !tests(t, name[1])[name[2]] {
				t.Errorf("there is no test %s in %s", name[2], name[1])
			}
			continue
		}
		if strings.HasPrefix(word, "Test") || strings.HasPrefix(word, "Fuzz") {
			t.Errorf("%s: write it with its folder", word)
		}
		if path.MatchString(word) {
			paths++
			if _, err := os.Stat(filepath.Join(server.Root(), word)); err != nil {
				t.Error(err)
			}
		}
	}
	if names < 30 || paths < 6 {
		t.Errorf("the page names %d tests and %d files", names, paths)
	}
}

// Every threat and every mitigation has its section, each of which says what shows it, or what
// nothing is done about.
func TestThreatsAndMitigations(t *testing.T) {
	text := page(t, "security.md")
	for kind, count := range map[string]int{"Threat": 18, "Mitigation": 10} {
		sections := regexp.MustCompile(`(?m)^### `+kind+` ID (\d+) - .+$`).FindAllStringSubmatchIndex(text, -1)
		if len(sections) != count {
			t.Errorf("%d sections of kind %s, want %d", len(sections), kind, count)
		}
		for i, at := range sections {
			if id := text[at[2]:at[3]]; id != strconv.Itoa(i+1) {
				t.Errorf("section %d of kind %s is about %s", i+1, kind, id)
			}
			body, _, _ := strings.Cut(text[at[1]:], "\n#")
			if !strings.Contains(body, "`") && !strings.Contains(body, "](") && !strings.Contains(body, "Nothing helps") {
				t.Errorf("%s names neither proof nor page", text[at[0]:at[1]])
			}
		}
	}
}

// Every permission of the server is explained.
func TestPermissionsAreExplained(t *testing.T) {
	_, table, found := strings.Cut(page(t, "security.md"), "## What each permission exposes\n")
	if !found {
		t.Fatal("the page does not explain permissions")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	explained := map[string]bool{}
	for _, match := range quoted.FindAllStringSubmatch(table, -1) {
		explained[match[1]] = true
	}
	given := 0
	for _, file := range []string{"base/21-cluster-role.yaml", "base/22-role.yaml", "components/node-facts/21-cluster-role.yaml"} {
		text, err := os.ReadFile(filepath.Join(server.Root(), "manifests", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range strings.Split(string(text), "\n---\n") {
			var role rbacv1.ClusterRole
			if err := yaml.Unmarshal([]byte(document), &role); err != nil {
				t.Fatal(err)
			}
			for _, rule := range role.Rules {
				for _, resource := range rule.Resources {
					given++
					if !explained[resource] {
						t.Errorf("%s gives a permission on %s, which the page does not explain", file, resource)
					}
				}
			}
		}
	}
	if given == 0 {
		t.Error("the roles give no permission")
	}
}
