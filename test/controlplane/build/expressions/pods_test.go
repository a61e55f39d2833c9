package expressions

import (
	"os"
	"path/filepath"
	"testing"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"
)

// podConditions are the matchConditions of the webhook that judges pods.
func podConditions(t *testing.T) []cel.ExpressionAccessor {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "manifests/base/60-validating-webhook.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var configuration registrationv1.ValidatingWebhookConfiguration
	if err := yaml.UnmarshalStrict(text, &configuration); err != nil {
		t.Fatal(err)
	}
	const name = "pods.macvlan-webhook.io"
	var all []cel.ExpressionAccessor
	for _, w := range configuration.Webhooks {
		if w.Name != name {
			continue
		}
		for _, c := range w.MatchConditions {
			all = append(all, &matchconditions.MatchCondition{Name: c.Name, Expression: c.Expression})
		}
	}
	if len(all) == 0 {
		t.Fatalf("webhook %s has no matchConditions", name)
	}
	return all
}

// matcher is the API server's own, with the CEL of a version of Kubernetes.
func matcher(conditions []cel.ExpressionAccessor, v *version.Version) matchconditions.Matcher {
	compiler := cel.NewConditionCompiler(environment.MustBaseEnvSet(v))
	fail := registrationv1.Fail
	return matchconditions.NewMatcher(compiler.CompileCondition(conditions, declared, environment.NewExpressions), &fail, "webhook", "validating", "pods")
}

const (
	networks = "k8s.v1.cni.cncf.io/networks"
	other    = "example.com/other"
	// thirteenth is the last of the keys.
	thirteenth = "flatnetwork.pandaria.io/subnet"
)

func labelled(pod *corev1.Pod) *corev1.Pod {
	pod.Labels = map[string]string{"a": "b"}
	return pod
}

func in(phase corev1.PodPhase, pod *corev1.Pod) *corev1.Pod {
	pod.Status.Phase = phase
	return pod
}

func ending(pod *corev1.Pod) *corev1.Pod {
	now := metav1.Now()
	pod.DeletionTimestamp = &now
	return pod
}

// annotated is a pod with annotations, keys and values by turns; with none it has no such field.
func annotated(pairs ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"}}
	for n := 0; n < len(pairs); n += 2 {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, pairs[n], pairs[n+1])
	}
	return pod
}

func binding(pairs ...string) *corev1.Binding {
	return &corev1.Binding{ObjectMeta: annotated(pairs...).ObjectMeta, Target: corev1.ObjectReference{Kind: "Node", Name: "node-1"}}
}

// TestWhichPodsAreSent is what of pods the API server asks about. An expression that cannot be
// evaluated would refuse what it is about.
func TestWhichPodsAreSent(t *testing.T) {
	conditions := podConditions(t)
	for _, v := range []*version.Version{compatibility(t), version.MajorMinor(1, 30), environment.DefaultCompatibilityVersion()} {
		m := matcher(conditions, v)
		for _, tt := range []struct {
			name        string
			object, old runtime.Object
			subresource string
			sent        bool
		}{
			{"created without annotations", annotated(), nil, "", false},
			{"created with others", annotated(other, "x"), nil, "", false},
			{"created with a key", annotated(networks, "a"), nil, "", true},
			{"created with an empty value", annotated(networks, ""), nil, "", true},
			{"created with the last key", annotated(thirteenth, "a"), nil, "", true},
			{"created as one that has ended", in(corev1.PodSucceeded, annotated(networks, "a")), nil, "", true},

			{"a label", labelled(annotated()), annotated(), "", false},
			{"a label beside a key", labelled(annotated(networks, "a")), annotated(networks, "a"), "", false},
			{"another annotation appears", annotated(other, "x"), annotated(), "", false},
			{"another annotation goes", annotated(), annotated(other, "x"), "", false},
			{"another annotation beside a key", annotated(networks, "a", other, "x"), annotated(networks, "a"), "", false},
			{"a key appears where none were", annotated(networks, "a"), annotated(), "", true},
			{"a key appears beside others", annotated(networks, "a", other, "x"), annotated(other, "x"), "", true},
			{"a key changes", annotated(networks, "b"), annotated(networks, "a"), "", true},
			{"a key becomes empty", annotated(networks, ""), annotated(networks, "a"), "", true},
			{"a key goes, and another stays", annotated(thirteenth, "a"), annotated(networks, "a", thirteenth, "a"), "", true},
			{"the last key goes, and others stay", annotated(other, "x"), annotated(networks, "a", other, "x"), "", false},
			{"the last annotation goes", annotated(), annotated(networks, "a"), "", false},
			{"the last key appears", annotated(thirteenth, "a"), annotated(), "", true},

			{"a pod that runs", in(corev1.PodRunning, annotated(networks, "a")), in(corev1.PodRunning, annotated()), "", true},
			{"a pod that is pending", in(corev1.PodPending, annotated(networks, "a")), in(corev1.PodPending, annotated()), "", true},
			{"a pod that has succeeded", in(corev1.PodSucceeded, annotated(networks, "a")), in(corev1.PodSucceeded, annotated()), "", false},
			{"a pod that has failed", in(corev1.PodFailed, annotated(networks, "a")), in(corev1.PodFailed, annotated()), "", false},
			{"a pod that is being deleted", ending(annotated(networks, "a")), ending(annotated()), "", true},
			{"the finalizer of a pod that is being deleted", annotated(networks, "a"), ending(annotated(networks, "a")), "", false},

			{"a status", in(corev1.PodRunning, annotated(networks, "a")), annotated(networks, "a"), "status", false},
			{"the status of Multus", annotated(networks, "a", "k8s.v1.cni.cncf.io/network-status", "[]"), annotated(networks, "a"), "status", false},
			{"a status with a key", annotated(networks, "a"), annotated(), "status", true},
			{"a status that says it has ended, with a key", in(corev1.PodSucceeded, annotated(networks, "a")), annotated(), "status", true},

			{"a plain Binding", binding(), nil, "binding", false},
			{"a Binding with another annotation", binding(other, "x"), nil, "binding", false},
			{"a Binding with a key", binding(networks, "a"), nil, "binding", true},
			{"a Binding with an empty value", binding(networks, ""), nil, "binding", true},
		} {
			t.Run(v.String()+"/"+tt.name, func(t *testing.T) {
				kind, operation := corev1.SchemeGroupVersion.WithKind("Pod"), admission.Create
				if _, isBinding := tt.object.(*corev1.Binding); isBinding {
					kind = corev1.SchemeGroupVersion.WithKind("Binding")
				}
				if tt.old != nil {
					operation = admission.Update
				}
				attributes := admission.NewAttributesRecord(tt.object, tt.old, kind, "default", "web",
					schema.GroupVersionResource{Version: "v1", Resource: "pods"}, tt.subresource, operation, nil, false, &user.DefaultInfo{Name: "jane"})
				got := m.Match(t.Context(), &admission.VersionedAttributes{
					Attributes: attributes, VersionedKind: kind, VersionedObject: admission.NewLazyObject(tt.object), VersionedOldObject: admission.NewLazyObject(tt.old),
				}, nil, nil)
				if got.Error != nil || got.Matches != tt.sent {
					t.Errorf("sent %t (condition %q), error %v; want %t", got.Matches, got.FailedConditionName, got.Error, tt.sent)
				}
			})
		}
	}
}
