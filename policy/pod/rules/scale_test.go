package rules

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// How many pods there may be at once, for each kind and what its spec says.
func TestScale(t *testing.T) {
	for _, tt := range []struct {
		kind, spec  string
		pods, surge int
	}{
		{"Pod", ``, 1, 0},
		{"Deployment", ``, 1, 1},
		{"Deployment", `"replicas":0`, 0, 0},
		{"Deployment", `"replicas":4`, 4, 1},
		{"Deployment", `"replicas":5`, 5, 2},
		{"Deployment", `"replicas":4,"strategy":{"type":"Recreate"}`, 4, 0},
		{"Deployment", `"replicas":4,"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1}}`, 4, 1},
		{"Deployment", `"replicas":4,"strategy":{"rollingUpdate":{"maxSurge":0}}`, 4, 0},
		{"Deployment", `"replicas":4,"strategy":{"rollingUpdate":{"maxSurge":"0%"}}`, 4, 0},
		{"Deployment", `"replicas":4,"strategy":{"rollingUpdate":{"maxSurge":3}}`, 4, 3},
		{"Deployment", `"replicas":4,"strategy":{"rollingUpdate":{"maxSurge":"26%"}}`, 4, 2},
		{"Deployment", `"replicas":4,"strategy":{"rollingUpdate":{"maxSurge":"100%"}}`, 4, 4},
		// What Kubernetes refuses by itself.
		{"Deployment", `"replicas":-1`, 0, 0},
		{"Deployment", `"replicas":4,"strategy":{"rollingUpdate":{"maxSurge":"many"}}`, 4, 0},
		{"Deployment", `"replicas":4,"strategy":{"rollingUpdate":{"maxSurge":-2}}`, 4, 0},
		{"StatefulSet", `"replicas":3`, 3, 0},
		{"StatefulSet", ``, 1, 0},
		{"ReplicaSet", `"replicas":3`, 3, 0},
		{"ReplicationController", `"replicas":3`, 3, 0},
		{"DaemonSet", `"updateStrategy":{"rollingUpdate":{"maxSurge":1}}`, 0, 0},
		{"Job", ``, 1, 0},
		{"Job", `"parallelism":3`, 3, 0},
		{"Job", `"parallelism":0`, 0, 0},
		{"Job", `"parallelism":3,"completions":2`, 2, 0},
		{"Job", `"parallelism":3,"completions":5`, 3, 0},
		{"Job", `"completions":5`, 1, 0},
		{"CronJob", `"parallelism":3,"completions":2`, 2, 0},
	} {
		t.Run(tt.kind+" "+tt.spec, func(t *testing.T) {
			apiVersion, spec := "v1", tt.spec
			for _, version := range []string{"apps/v1", "batch/v1"} {
				if pod.HoldsPod(version, tt.kind) {
					apiVersion = version
				}
			}
			if tt.kind == "CronJob" {
				spec = `"jobTemplate":{"spec":{` + tt.spec + `}}`
			}
			s, err := pod.Decode(apiVersion, tt.kind, "team-a", []byte(`{"metadata":{"name":"web"},"spec":{`+spec+`}}`))
			if err != nil {
				t.Fatal(err)
			}
			if s.Scale.Pods != tt.pods || s.Scale.Surge != tt.surge || s.Scale.PerNode != (tt.kind == "DaemonSet") {
				t.Errorf("%+v", s.Scale)
			}
		})
	}
}

// An update that lacks fewer pods than before is not refused for it.
func TestInheritedShortage(t *testing.T) {
	three := flatAnnotations(v2, "vlan300", "10.30.0.21-10.30.0.22-10.30.0.23", "")
	other := flatAnnotations(v2, "vlan300", "10.30.0.31-10.30.0.32-10.30.0.33", "")
	surge := intstr.FromString("25%")
	workload := func(pods int, annotations map[string]string) *pod.Subject {
		s := subjectOf(identity("Deployment", "web", "u1"), annotations)
		s.Scale = pod.Scale{MaxSurge: &surge}.With(pods)
		return s
	}
	const warn, deny = "warn too-few-addresses", "deny too-few-addresses"
	for _, tt := range []struct {
		name     string
		old, new *pod.Subject
		want     string
	}{
		{"5 to 4", workload(5, three), workload(4, three), warn},
		{"4 to 4", workload(4, three), workload(4, three), warn},
		{"4 to 5", workload(4, three), workload(5, three), deny},
		{"3 to 4", workload(3, three), workload(4, three), deny},
		{"3 to 2", workload(3, three), workload(2, three), ""},
		{"0 to 4", workload(0, three), workload(4, three), deny},
		// Warnings of the surge do not make a shortage an old one.
		{"3 to 3", workload(3, three), workload(3, three), warn},
		{"5 to 4, with other addresses", workload(5, three), workload(4, other), warn},
		{"4 to 5, with other addresses", workload(4, three), workload(5, other), deny},
		{"auto to a list", workload(5, flatAnnotations(v2, "vlan300", "auto", "")), workload(5, three), deny},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &flatCluster{}
			v, before := c.judge(t, tt.new, config.Default()), c.judge(t, tt.old, config.Default())
			pod.Inherit(&v, tt.new, tt.old, &before)
			if got := ids(v); got != tt.want {
				t.Errorf("%q, want %q\n%s", got, tt.want, v.Explanation(verdict.Warn))
			}
			for _, f := range v.Findings {
				if !OnScale(f.Rule) {
					t.Errorf("%s does not depend on the scale", f.Rule)
				}
			}
		})
	}
}

// What else is said of addresses does not depend on the number of pods.
func TestOnScale(t *testing.T) {
	c := &flatCluster{holders: []pod.HolderFact{held(identity("Deployment", "db", ""), flatAnnotations(v2, "vlan300", "10.30.0.21", ""))}}
	s := subjectOf(identity("Deployment", "web", ""), flatAnnotations(v2, "vlan300", "10.30.0.21", ""))
	s.Scale.Pods = 2
	on := map[string]bool{}
	for _, f := range c.judge(t, s, config.Default()).Findings {
		on[f.Rule] = OnScale(f.Rule)
	}
	if fmt.Sprint(on) != "map[address-in-use:false too-few-addresses:true]" {
		t.Error(on)
	}
}

func TestReadsAsBefore(t *testing.T) {
	subject := func(change func(*pod.Subject)) *pod.Subject {
		s := subjectOf(identity("Deployment", "web", "u1"), map[string]string{multus.NetworksAnnotation: "a"})
		s.Labels = map[string]string{"app": "web"}
		s.Scale = pod.Scale{Pods: 2, Surge: 1}
		change(s)
		return s
	}
	for name, tt := range map[string]struct {
		change func(*pod.Subject)
		want   bool
	}{
		"nothing":              {func(*pod.Subject) {}, true},
		"another UID":          {func(s *pod.Subject) { s.UID = "" }, true},
		"a label":              {func(s *pod.Subject) { s.Labels = map[string]string{"app": "db"} }, false},
		"an annotation":        {func(s *pod.Subject) { s.Annotations = map[string]string{multus.NetworksAnnotation: "b"} }, false},
		"the number of pods":   {func(s *pod.Subject) { s.Scale.Pods = 3 }, false},
		"what an update adds":  {func(s *pod.Subject) { s.Scale.Surge = 0 }, false},
		"the network it is on": {func(s *pod.Subject) { s.HostNetwork = true }, false},
	} {
		if got := subject(tt.change).ReadsAsBefore(subject(func(*pod.Subject) {})); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// What a pod without an address waits for is said in numbers that fit.
func TestShortage(t *testing.T) {
	list := func(count int) fixedList { return fixedList{name: "ip", count: count} }
	for _, tt := range []struct {
		list  fixedList
		scale pod.Scale
		want  string
	}{
		{list(1), pod.Scale{Pods: 2}, "ip is one address, and the Deployment has 2 pods at once: one waits forever | fix 1 more, or run at most 1"},
		{list(2), pod.Scale{Pods: 5, Surge: 2}, "ip has 2 addresses, and the Deployment has 5 pods at once: 3 wait forever | fix 3 more, or run at most 2"},
		{list(5), pod.Scale{Pods: 5, Surge: 2}, "ip has 5 addresses, enough for the replicas of the Deployment (5), but a rolling update runs up to 2 extra pods (maxSurge), which wait until old ones are gone | fix 2 more, or "},
		{list(6), pod.Scale{Pods: 5, Surge: 2}, "ip has 6 addresses, enough for the replicas of the Deployment (5), but a rolling update runs up to 2 extra pods (maxSurge), which wait until old ones are gone | fix 1 more, or "},
		{fixedList{name: "mac", field: "mac", count: 1, same: true}, pod.Scale{Pods: 2}, `all pods would get the same mac, and the Deployment has 2 pods at once | remove "mac" so that one is chosen for each pod, or run one pod only`},
		{fixedList{name: "address", field: "ips", only: true, count: 1, same: true}, pod.Scale{Pods: 2}, "all pods would get the same address, and the Deployment has 2 pods at once | use a network that gives each pod an address of its own, or run one pod only"},
		{fixedList{name: "mac", field: "mac", count: 1, same: true}, pod.Scale{Pods: 1, Surge: 1}, "all pods would get the same mac, and a rolling update of the Deployment runs up to 1 extra pod (maxSurge) | set strategy.type: Recreate, or maxSurge: 0"},
	} {
		s := &pod.Subject{Kind: "Deployment", Scale: tt.scale}
		message, remedy := shortage(s, &tt.list, 7)
		if got := message + " | " + remedy; !strings.HasPrefix(got, tt.want) {
			t.Errorf("\n got %s\nwant %s", got, tt.want)
		}
	}
}
