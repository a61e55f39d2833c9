package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// TestModes is the table of how strictly a broken rule is taken: by the mode of the
// configuration, the namespace's label, the rule's action, and whether the namespace may
// relax anything.
func TestModes(t *testing.T) {
	configs := map[string]string{
		"may relax":           "relaxable: {}",
		"is selected":         "relaxable: {matchLabels: {stage: test}}",
		"is not selected":     "relaxable: {matchLabels: {stage: production}}",
		"must always enforce": "alwaysEnforce: [team-a]",
	}
	for may, text := range configs {
		for _, usual := range []string{"", "enforce", "warn", "off"} {
			if usual != "" {
				text += "\ndefaultMode: " + usual
			}
			for _, action := range []string{"deny", "warn", "off"} {
				for _, label := range []string{"", "enforce", "warn", "off", "Warn", "none"} {
					t.Run(fmt.Sprintf("%s/default %q/%s/label %q", may, usual, action, label), func(t *testing.T) {
						mode, ignored := modeWanted(usual, label, may)
						testMode(t, text, label, action, mode, ignored)
					})
				}
			}
			text, _, _ = strings.Cut(text, "\ndefaultMode")
		}
	}
}

// modeWanted is the mode of a namespace, and whether its label is ignored.
func modeWanted(usual, label, may string) (mode string, ignored bool) {
	strictness := []string{"enforce", "warn", "off"}
	if usual == "" || may == "must always enforce" {
		usual = "enforce"
	}
	switch {
	case label == "":
		return usual, false
	case !slices.Contains(strictness, label):
		return usual, true
	case slices.Index(strictness, label) <= slices.Index(strictness, usual):
		// Stricter than it has to be is everybody's own affair.
		return label, false
	case may == "may relax" || may == "is selected":
		return label, false
	default:
		return usual, true
	}
}

// testMode judges a pod that breaks a rule.
func testMode(t *testing.T, text, label, action, mode string, ignored bool) {
	config, err := config.Parse([]byte("apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\n"+text+"\nrules: {overlay-as-default-network: "+action+"}\n"), anyRule)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"stage": "test"}
	if label != "" {
		labels[verdict.ModeLabel] = label
	}
	p := pod.Parse(&pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Name: "web",
		Annotations: map[string]string{multus.DefaultNetworkAnnotation: "router"}}, config)
	f := facts(p.Questions().Networks)
	f.Namespace.Value = pod.CompileNamespace(labels, nil)
	v := Judge(p.With(f))
	if string(v.Mode) != mode {
		t.Errorf("mode %s, want %s", v.Mode, mode)
	}
	want := action + " overlay-as-default-network"
	switch {
	case mode == "off" || action == "off":
		want = ""
	case mode == "warn":
		want = "warn overlay-as-default-network"
	}
	if got := ids(v); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if (v.Exempt != "") != (mode == "off") {
		t.Errorf("exempt %q", v.Exempt)
	}
	if relaxed := len(v.Findings) > 0 && v.Findings[0].Relaxed; relaxed != (mode == "warn" && action == "deny") {
		t.Errorf("relaxed: %t", relaxed)
	}
	// A label that does not count is not ignored silently. In a namespace that is left alone
	// nothing is said.
	if (v.ModeNote != "") != (ignored && mode != "off") {
		t.Errorf("note %q", v.ModeNote)
	}
}

// A mode that is played stands in for the label, and for nothing else.
func TestPlayedMode(t *testing.T) {
	for _, test := range []struct {
		config string
		want   verdict.Mode
	}{{"{}", verdict.ModeWarn}, {"{defaultMode: off}", verdict.ModeWarn}, {"{alwaysEnforce: [team-a]}", verdict.ModeEnforce}} {
		config, err := config.Parse([]byte("{apiVersion: macvlan-webhook.io/v1alpha1, kind: PolicyConfig, "+strings.TrimPrefix(test.config, "{")), anyRule)
		if err != nil {
			t.Fatal(err)
		}
		pod := pod.Parse(&pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Mode: verdict.ModeWarn, Annotations: map[string]string{multus.DefaultNetworkAnnotation: "router"}}, config)
		if v := Judge(pod.With(facts(pod.Questions().Networks))); v.Mode != test.want {
			t.Errorf("%s: mode %s", test.config, v.Mode)
		}
	}
}

func TestModeConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		"defaultMode: Warn":         `line 3, column 14: defaultMode "Warn" must be enforce, warn or off`,
		"defaultMode: ''":           `line 3, column 15: defaultMode "" must be enforce, warn or off`,
		"defaultMode: [a]":          "line 3, column 1: defaultMode: this is a sequence and must be a string",
		"alwaysEnforce: ['team-*']": `line 3, column 18: alwaysEnforce[0] "team-*" is not a valid namespace name`,
		"relaxable: {matchExpressions: [{key: a, operator: Is}]}": "line 3, column 1: relaxable: ",
	} {
		_, err := config.Parse([]byte("apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\n"+text+"\n"), anyRule)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
