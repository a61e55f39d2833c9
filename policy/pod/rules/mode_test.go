package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// TestModes is the table of how strictly a broken rule is taken: by the namespace's
// label, by the rule's action, and by whether the namespace may relax anything.
func TestModes(t *testing.T) {
	const exempt = "exempt"
	configs := map[string]string{
		"may relax":           "relaxable: {}",
		"is selected":         "relaxable: {matchLabels: {stage: test}}",
		"is not selected":     "relaxable: {matchLabels: {stage: production}}",
		"must always enforce": "alwaysEnforce: [team-a]",
	}
	strict := map[string]bool{"is not selected": true, "must always enforce": true}
	outcome := func(label, action string, strict bool) string {
		switch {
		case label == "off" && !strict:
			return exempt
		case action == "off":
			return ""
		case action == "warn", label == "warn" && !strict:
			return "warn overlay-as-default-network"
		default:
			return "deny overlay-as-default-network"
		}
	}
	for may, text := range configs {
		for _, action := range []string{"deny", "warn", "off"} {
			for _, label := range []string{"", "enforce", "warn", "off", "Warn", "none"} {
				t.Run(fmt.Sprintf("%s/%s/label %q", may, action, label), func(t *testing.T) {
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
					got := ids(v)
					if v.Exempt != "" {
						got = exempt
					}
					if want := outcome(label, action, strict[may]); got != want {
						t.Errorf("%q, want %q", got, want)
					}
					if relaxed := len(v.Findings) > 0 && v.Findings[0].Relaxed; relaxed != (label == "warn" && action == "deny" && !strict[may]) {
						t.Errorf("relaxed: %t", relaxed)
					}
					// A label that does not count is not ignored silently.
					ignored := label == "Warn" || label == "none" || strict[may] && (label == "warn" || label == "off")
					if (v.ModeNote != "") != ignored {
						t.Errorf("note %q", v.ModeNote)
					}
				})
			}
		}
	}
}

// A mode that is played stands in for the label, and for nothing else.
func TestPlayedMode(t *testing.T) {
	for _, test := range []struct {
		config string
		want   verdict.Mode
	}{{"{}", verdict.ModeWarn}, {"{alwaysEnforce: [team-a]}", verdict.ModeEnforce}} {
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
		"alwaysEnforce: ['team-*']":                               `line 3, column 18: alwaysEnforce[0] "team-*" is not a valid namespace name`,
		"relaxable: {matchExpressions: [{key: a, operator: Is}]}": "line 3, column 1: relaxable: ",
	} {
		_, err := config.Parse([]byte("apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\n"+text+"\n"), anyRule)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
