package policy

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/ruledocs"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

func TestRules(t *testing.T) {
	id := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	version := regexp.MustCompile(`^v\d+\.\d+\.\d+$`)
	seen := map[string]bool{}
	rules, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if !id.MatchString(r.ID) {
			t.Errorf("rule ID %q: lower-case words joined by - are expected", r.ID)
		}
		if seen[r.ID] {
			t.Errorf("rule ID %s stands twice", r.ID)
		}
		seen[r.ID] = true
		if r.Title == "" || strings.HasSuffix(r.Title, ".") || strings.Contains(r.Title, "\n") {
			t.Errorf("%s: title %q: one line without a full stop is expected", r.ID, r.Title)
		}
		if r.Text == "" || r.Remedy == "" || r.Wrong == "" || r.Right == "" || r.Group == "" {
			t.Errorf("%s: documentation is missing", r.ID)
		}
		if r.Default != verdict.Deny && r.Default != verdict.Warn {
			t.Errorf("%s: default action %q", r.ID, r.Default)
		}
		if !version.MatchString(r.Since) {
			t.Errorf("%s: since %q", r.ID, r.Since)
		}
	}
}

// A rule that is not in its table is never run.
func TestEveryRuleFileIsInItsTable(t *testing.T) {
	for _, folder := range []string{"pod/rules", "nad", "subnet", "file"} {
		files, err := filepath.Glob(folder + "/rule_*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", folder, len(files), err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "rule_"), ".go")
			if strings.HasSuffix(name, "_test") {
				continue
			}
			if id := strings.ReplaceAll(name, "_", "-"); !IsRule(id) {
				t.Errorf("%s: no table has a rule %s", file, id)
			}
		}
	}
}

// A text about no rule is one about a rule that was renamed, or taken away.
func TestEveryTextIsAboutARule(t *testing.T) {
	ids, err := ruledocs.IDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if !IsRule(id) {
			t.Errorf("no rule is called %s, and ruledocs has a text about it", id)
		}
	}
}

// Others' scripts rely on these IDs.
func TestPublishedIDsAreThere(t *testing.T) {
	for _, id := range []string{
		"network-annotation-invalid", "default-network-count", "interface-name-invalid", "interface-name-conflict",
		"mac-request-invalid", "ip-request-invalid", "guid-request-invalid", "default-route-conflict",
		"network-not-found", "network-config-unusable", "namespace-isolation",
		"overlay-as-default-network", "standalone-mixed-with-overlay", "standalone-on-overlay-pod", "interface-name-unsupported", "host-network",
		"network-annotation-unknown-field", "annotation-misplaced",
		"ippool-annotation-invalid", "ippool-unknown-field", "ippools-interface-missing", "ippools-interface-unknown", "ippool-not-found",
		"ippool-disabled", "ippool-wrong-family", "ippool-network-mismatch", "ippool-namespace-mismatch", "ippool-shared", "ippool-exhausted",
		"ippool-default-missing", "spiderpool-annotation-invalid", "subnet-annotation-unsupported", "resource-inject-overrides-networks",
		"nad-config-invalid", "nad-annotation-invalid", "nad-macvlan-invalid", "nad-role-contradiction", "nad-vlan-without-effect", "nad-vlan-mismatch",
		"nad-master-name-too-long", "nad-host-local-on-shared-link", "nad-cni-version-unsupported", "nad-in-use", "nad-address-overlap", "nad-passthru-shared",
		"master-missing-on-nodes",
		"too-many-address-pairs", "address-count-mismatch", "address-duplicate", "address-not-assignable", "too-few-addresses", "address-in-use", "label-value-too-long",
		"flat-network-annotation-invalid", "flat-network-keys-mixed", "flat-network-subnet-missing", "flat-network-subnet-not-found",
		"flat-network-not-attached", "flat-network-project", "flat-network-subnet-invalid", "flat-network-subnet-overlap",
		"object-unreadable", "object-ambiguous", "value-is-placeholder",
	} {
		if !IsRule(id) {
			t.Errorf("rule %s is gone", id)
		}
	}
}
