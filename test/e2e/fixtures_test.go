package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// outcome is what came of a fixture.
type outcome struct {
	fixtures.Fixture
	// kubectl is what kubectl said when it created the object, or applied it where it is
	// a network, which may be there already; without side effects, unless kept is set.
	kubectl controlplane.Result
	// kept says that kubectl was to store the object, and to look at its fields first as it
	// does for users.
	kept bool
	// stored is why a pod or a workload that kubectl could create was not stored, or not
	// deleted again.
	stored error
	// files and live are what kubectl-macvlan said of it.
	files, live checkReport
	// templates are what the API server said of a pod in the template of each of
	// workloadKinds, and applied what kubectl said of that in a Deployment, where it was
	// asked.
	templates []string
	applied   *controlplane.Result
}

// asking is how many fixtures are asked about at the same time. None changes what is
// said of another one.
const asking = 3

// outcomes are those of all fixtures but the ones that need a cluster without the
// mutating webhook, and those that no API server asks about. They are found out once for all tests of fixtures, configuration by
// configuration: the server takes two seconds to see a new one. That takes two places.
var outcomes = sync.OnceValues(func() ([]outcome, error) {
	ctx := context.Background()
	taken := min(2, allPlaces)
	if err := places.Acquire(ctx, taken); err != nil {
		return nil, err
	}
	defer places.Release(taken)
	s, err := newSite(ctx, controlplane.Options{Audit: true})
	defer s.stop()
	if err != nil {
		return nil, err
	}
	config := s.Config()
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	all, err := fixtures.Load()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(f fixtures.Fixture) bool { return f.Bypassed || f.Unasked })
	found := make([]outcome, len(all))
	configs := map[string][]*outcome{}
	seen := map[string]bool{}
	first := func(of ...string) bool {
		key := strings.Join(of, " ")
		defer func() { seen[key] = true }()
		return !seen[key]
	}
	for n, f := range all {
		o := &found[n]
		o.Fixture = f
		configs[f.Config] = append(configs[f.Config], o)
		// One that passes each rule, and one that fails it.
		if ofPod(&f) && first(f.Rule, "in a Deployment", strconv.FormatBool(f.Pass)) {
			o.applied = &controlplane.Result{}
		}
		// One of each rule that is accepted, and one that is warned of.
		o.kept = !f.OfNetwork() && !f.OfSubnet() && f.Decision() != "deny" && first(f.Rule, f.Decision())
	}
	for _, config := range slices.Sorted(maps.Keys(configs)) {
		of := configs[config]
		if err := s.useConfig(of[0].PolicyConfig()); err != nil {
			return nil, err
		}
		var group errgroup.Group
		group.SetLimit(asking)
		for _, o := range of {
			group.Go(func() error {
				folder := filepath.Join(s.folder, "cases", filepath.FromSlash(o.Path))
				if err := s.ask(ctx, client, folder, o); err != nil {
					return fmt.Errorf("%s: %w", o.Path, err)
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		// One at a time: a pod or a workload holds its addresses for as long as it is there,
		// and a subnet overlaps others for as long as the webhook remembers it.
		for _, o := range of {
			if o.kept {
				if o.kubectl, err = s.Kubectl(ctx, string(o.Text), "create", "-f", "-"); err != nil {
					return nil, fmt.Errorf("%s: %w", o.Path, err)
				}
			}
			if !o.OfNetwork() && !o.OfSubnet() && o.kubectl.ExitCode == 0 {
				o.stored = store(ctx, client, o)
			}
		}
	}
	return found, s.nothingForbidden()
})

// ofPod says that the object of the fixture is a pod.
func ofPod(f *fixtures.Fixture) bool {
	return strings.Contains(string(f.Text), "\nkind: Pod\n") || strings.HasPrefix(string(f.Text), "kind: Pod\n")
}

// ask finds out about a fixture what leaves no trace in the cluster.
func (s *site) ask(ctx context.Context, client dynamic.Interface, folder string, o *outcome) (err error) {
	inventory, config, file := filepath.Join(folder, "networks.yaml"), filepath.Join(folder, "policy.yaml"), filepath.Join(folder, "object.yaml")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for name, text := range map[string][]byte{inventory: fixtures.Inventory(), config: o.PolicyConfig(), file: o.Text} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return err
		}
	}
	args := []string{"create", "--dry-run=server", "-f", "-"}
	if o.OfNetwork() {
		args[0] = "apply"
	}
	if ofPod(&o.Fixture) {
		// Half of its time kubectl would prepare to have the fields looked at, which the
		// requests below do.
		args = append(args, "--validate=ignore")
	}
	if !o.kept {
		if o.kubectl, err = s.Kubectl(ctx, string(o.Text), args...); err != nil {
			return err
		}
	}
	if o.files, err = s.check(ctx, "-f", file, "--inventory", inventory, "--config", config); err != nil {
		return err
	}
	if o.live, err = s.check(ctx, "-f", file, "--live", "--config", config); err != nil {
		return err
	}
	if !ofPod(&o.Fixture) {
		return nil
	}
	for n, k := range workloadKinds {
		workload, err := inTemplate(n, o.Text)
		if err != nil {
			return err
		}
		_, err = client.Resource(k.resource).Namespace(workload.GetNamespace()).Create(ctx, workload, metav1.CreateOptions{
			DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
		})
		said := ""
		if err != nil {
			said = err.Error()
		}
		o.templates = append(o.templates, said)
		if k.kind == "Deployment" && o.applied != nil {
			text, err := workload.MarshalJSON()
			if err != nil {
				return err
			}
			if *o.applied, err = s.Kubectl(ctx, string(text), "apply", "--dry-run=server", "-f", "-"); err != nil {
				return err
			}
		}
	}
	return nil
}

// check runs the built kubectl-macvlan by itself, which is what kubectl does with it.
func (s *site) check(ctx context.Context, args ...string) (report checkReport, err error) {
	command := exec.CommandContext(ctx, server.Binary("kubectl-macvlan"), append([]string{"check", "-o", "json"}, args...)...)
	command.Env = append(os.Environ(), "KUBECONFIG="+s.Kubeconfig(), "HOME="+s.folder)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil && command.ProcessState.ExitCode() != 1 {
		return report, fmt.Errorf("%w: %s", err, stderr.String())
	}
	return report, json.Unmarshal(out, &report)
}

// store creates a pod or a workload, unless kubectl has, and deletes it again.
func store(ctx context.Context, client dynamic.Interface, o *outcome) error {
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict(o.Text, &object.Object); err != nil {
		return err
	}
	resource := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	for _, k := range workloadKinds {
		if k.kind == object.GetKind() {
			resource = k.resource
		}
	}
	objects := client.Resource(resource).Namespace(cmp.Or(object.GetNamespace(), "default"))
	name := createdName(o.kubectl.Stdout)
	if !o.kept {
		made, err := objects.Create(ctx, object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
		if err != nil {
			return err
		}
		name = made.GetName()
	}
	return objects.Delete(ctx, name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(0)),
		// Nobody is there to look after what would be left by a Job.
		PropagationPolicy: new(metav1.DeletePropagationBackground),
	})
}

// createdName is the name in what kubectl prints of an object that it has created, such
// as "pod/web created".
func createdName(printed string) string {
	_, name, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(printed), " created"), "/")
	return name
}

// eachOutcome runs a test for every fixture of those.
func eachOutcome(t *testing.T, isOne func(*fixtures.Fixture) bool, test func(*testing.T, *outcome)) {
	t.Helper()
	// It takes longer than anything else, so it begins before the others take their places.
	go func() { _, _ = outcomes() }()
	t.Parallel()
	all, err := outcomes()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if isOne(&o.Fixture) {
			t.Run(o.Path, func(t *testing.T) { test(t, &o) })
		}
	}
}

func TestFixtures(t *testing.T) {
	isOne := func(f *fixtures.Fixture) bool { return !f.OfNetwork() }
	eachOutcome(t, isOne, func(t *testing.T, o *outcome) {
		expectAnswer(t, &o.Fixture, &o.kubectl)
		if o.stored != nil {
			t.Errorf("it is not stored: %v", o.stored)
		}
	})
}

// expectAnswer compares what kubectl printed with what a fixture expects.
func expectAnswer(t *testing.T, f *fixtures.Fixture, result *controlplane.Result) {
	t.Helper()
	denied := result.ExitCode != 0
	if want := f.Decision() == "deny"; denied != want {
		t.Fatalf("refused: %t, expected %t\n%s", denied, want, result.Stderr)
	}
	for _, finding := range f.Findings {
		switch finding.Action {
		case "deny":
			for _, part := range []string{"[" + finding.Rule + "] ", "To fix it: "} {
				if !strings.Contains(result.Stderr, part) {
					t.Errorf("kubectl does not print %q:\n%s", part, result.Stderr)
				}
			}
			if !strings.Contains(result.Stderr, "["+finding.Rule+"] metadata.") && !strings.Contains(result.Stderr, "["+finding.Rule+"] spec.") {
				t.Errorf("kubectl does not print the field:\n%s", result.Stderr)
			}
		case "warn":
			if !strings.Contains(result.Stderr, "Warning: "+finding.Rule+": ") {
				t.Errorf("kubectl does not print the warning of %s:\n%s", finding.Rule, result.Stderr)
			}
		}
	}
	if len(f.Findings) == 0 && result.Stderr != "" {
		t.Errorf("kubectl prints to standard error:\n%s", result.Stderr)
	}
}

// TestNetworkFixtures writes every fixture of a network with kubectl, over the one of its
// name where there is one.
func TestNetworkFixtures(t *testing.T) {
	eachOutcome(t, (*fixtures.Fixture).OfNetwork, func(t *testing.T, o *outcome) {
		if denied := o.kubectl.ExitCode != 0; denied != (o.Decision() == "deny") {
			t.Fatalf("refused: %t, expected %s\n%s", denied, o.Decision(), o.kubectl.Stderr)
		}
		for _, finding := range o.Findings {
			want := "Warning: " + finding.Rule + ": "
			if finding.Action == "deny" {
				want = "[" + finding.Rule + "] "
			}
			if !strings.Contains(o.kubectl.Stderr, want) {
				t.Errorf("kubectl does not print %q:\n%s", want, o.kubectl.Stderr)
			}
		}
		if len(o.Findings) == 0 && o.kubectl.Stderr != "" {
			t.Errorf("kubectl prints to standard error:\n%s", o.kubectl.Stderr)
		}
	})
}

// TestCheckAgreesWithServer compares what kubectl-macvlan says of every fixture,
// from files and live, with what kubectl prints of the server's answer.
func TestCheckAgreesWithServer(t *testing.T) {
	isOne := func(*fixtures.Fixture) bool { return true }
	eachOutcome(t, isOne, func(t *testing.T, o *outcome) {
		a, _ := json.Marshal(o.files.Results)
		b, _ := json.Marshal(o.live.Results)
		if string(a) != string(b) {
			t.Errorf("from files:\n%s\nlive:\n%s", a, b)
		}
		if len(o.files.Results) != 1 {
			t.Fatalf("%d results", len(o.files.Results))
		}
		said := o.files.Results[0]
		stderr := o.kubectl.Stderr
		if denied := o.kubectl.ExitCode != 0; denied != (said.Decision == "deny") {
			t.Errorf("check says %s, the server refuses: %t\n%s", said.Decision, denied, stderr)
		}
		for _, finding := range said.Findings {
			if finding.Action == "deny" && !(strings.Contains(stderr, finding.Message) && strings.Contains(stderr, finding.Remedy)) {
				t.Errorf("check says %q, the server:\n%s", finding.Message, stderr)
			}
			if finding.Action == "warn" && !strings.Contains(stderr, "Warning: "+finding.Rule) {
				t.Errorf("check warns of %s, the server does not:\n%s", finding.Rule, stderr)
			}
		}
	})
}
