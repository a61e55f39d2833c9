// Package expressions compiles the CEL expressions of the manifests as the oldest API
// server would that the README promises to work with. It is part of the control plane's
// module because it takes the API server's own code.
package expressions

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	celgo "github.com/google/cel-go/cel"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/version"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"
)

const root = "../../../.."

var promise = regexp.MustCompile(`Kubernetes 1\.(\d+) or later`)

// compatibility is the version whose CEL the oldest API server compiles new expressions
// with: the minor version before its own, to which it can be rolled back. Of 1.30 that is
// 1.29 (DefaultCompatibilityVersion in k8s.io/apiserver/pkg/cel/environment).
func compatibility(t *testing.T) *version.Version {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	match := promise.FindSubmatch(readme)
	if match == nil {
		t.Fatalf("README.md promises no version of Kubernetes: nothing in it matches %q", promise)
	}
	minor, err := strconv.ParseUint(string(match[1]), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return version.MajorMinor(1, uint(minor)-1)
}

// declared are the variables of webhooks, and of policies without parameters: object,
// oldObject, request, namespaceObject and authorizer.
var declared = cel.OptionalVariableDeclarations{HasAuthorizer: true}

// expression is one of a manifest.
type expression struct {
	// where in the manifest it stands.
	where string
	text  string
	// variable of a policy that it defines; empty for one that does not.
	variable string
	// types that it may evaluate to.
	types []*celgo.Type
}

func (e *expression) GetName() string            { return e.variable }
func (e *expression) GetExpression() string      { return e.text }
func (e *expression) ReturnTypes() []*celgo.Type { return e.types }

// condition is an expression that decides something.
func condition(where, text string) *expression {
	return &expression{where: where, text: text, types: []*celgo.Type{celgo.BoolType}}
}

// compile is what an API server says of an expression that is new to it; nil when it takes it.
func compile(c cel.Compiler, e *expression) error {
	var result cel.CompilationResult
	if composited, ok := c.(*cel.CompositedCompiler); ok && e.variable != "" {
		result = composited.CompileAndStoreVariable(e, declared, environment.NewExpressions)
	} else {
		result = c.CompileCELExpression(e, declared, environment.NewExpressions)
	}
	if result.Error != nil {
		return result.Error
	}
	return nil
}

// manifest has what may contain expressions in webhook configurations and policies.
type manifest struct {
	Kind     string
	Webhooks []struct {
		Name            string
		MatchConditions []registrationv1.MatchCondition
	}
	Spec registrationv1.ValidatingAdmissionPolicySpec
}

// conditions are the matchConditions, which do not know the variables of a policy.
func (m *manifest) conditions() []*expression {
	var all []*expression
	add := func(where string, of []registrationv1.MatchCondition) {
		for _, c := range of {
			all = append(all, condition(where+"matchCondition "+c.Name, c.Expression))
		}
	}
	for _, webhook := range m.Webhooks {
		add("webhook "+webhook.Name+", ", webhook.MatchConditions)
	}
	add("", m.Spec.MatchConditions)
	return all
}

// judgments are the other expressions of a policy, its variables first.
func (m *manifest) judgments() []*expression {
	var all []*expression
	for _, v := range m.Spec.Variables {
		all = append(all, &expression{"variable " + v.Name, v.Expression, v.Name, []*celgo.Type{celgo.AnyType, celgo.DynType}})
	}
	for n, v := range m.Spec.Validations {
		all = append(all, condition(fmt.Sprintf("validation %d", n), v.Expression))
		if v.MessageExpression != "" {
			all = append(all, &expression{where: fmt.Sprintf("message of validation %d", n), text: v.MessageExpression, types: []*celgo.Type{celgo.StringType}})
		}
	}
	return all
}

// kinds of the manifests that contain expressions.
var kinds = []string{"MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingWebhookConfiguration"}

// manifests calls visit for every document of these kinds, with its path.
func manifests(t *testing.T, visit func(path string, m *manifest)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), "manifests", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			var content any
			if err := yaml.Unmarshal(document, &content); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if object, ok := content.(map[string]any); !ok || !slices.Contains(kinds, fmt.Sprint(object["kind"])) {
				if bytes.Contains(document, []byte("matchConditions")) {
					t.Errorf("%s has matchConditions, which are looked for in documents of the kinds %q only", path, kinds)
				}
				continue
			}
			var m manifest
			if err := yaml.Unmarshal(document, &m); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			visit(path, &m)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// An API server that does not take an expression refuses the whole object.
func TestOldestTakesManifests(t *testing.T) {
	base := environment.MustBaseEnvSet(compatibility(t))
	compiled := map[string]int{}
	manifests(t, func(path string, m *manifest) {
		check := func(c cel.Compiler, all []*expression) {
			for _, e := range all {
				compiled[m.Kind]++
				if err := compile(c, e); err != nil {
					t.Errorf("%s: %s: %v", path, e.where, err)
				}
			}
		}
		check(cel.NewCompiler(base), m.conditions())
		composited, err := cel.NewCompositedCompiler(base)
		if err != nil {
			t.Fatal(err)
		}
		check(composited, m.judgments())
	})
	t.Logf("expressions: %v", compiled)
	for _, kind := range kinds {
		if compiled[kind] == 0 {
			t.Errorf("no expression in any %s: none was compiled", kind)
		}
	}
}

// What came later is refused, and taken by an API server that knows it.
func TestOldestRefusesWhatCameLater(t *testing.T) {
	oldest := cel.NewCompiler(environment.MustBaseEnvSet(compatibility(t)))
	for _, tt := range []struct {
		name, text string
		// since is the minor version whose CEL has it.
		since uint
	}{
		{"IP addresses", "isIP('10.0.0.1')", 30},
		{"formats", "format.named('dns1123Label').hasValue()", 31},
		{"two variables", "object.metadata.labels.exists(key, value, size(value) > 63)", 32},
		{"semantic versions", "isSemver('1.0.0')", 33},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := condition(tt.name, tt.text)
			if err := compile(oldest, e); err == nil || !strings.Contains(err.Error(), "undeclared reference") {
				t.Errorf("the oldest says %v, expected an undeclared reference", err)
			}
			if err := compile(cel.NewCompiler(environment.MustBaseEnvSet(version.MajorMinor(1, tt.since))), e); err != nil {
				t.Errorf("1.%d: %v", tt.since, err)
			}
		})
	}
}
