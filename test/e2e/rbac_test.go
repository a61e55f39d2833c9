package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// auditEvent is what is read of a line of the audit log.
type auditEvent struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		APIGroup  string `json:"apiGroup"`
		Resource  string `json:"resource"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"objectRef"`
	RequestURI               string    `json:"requestURI"`
	RequestReceivedTimestamp time.Time `json:"requestReceivedTimestamp"`
	ResponseStatus           struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// serverRequests are what the webhook server asked the API server for so far.
func serverRequests(t *testing.T) []auditEvent {
	t.Helper()
	events, err := cluster.serverRequests()
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// serverRequests are what the webhook server of the site asked the API server for so far.
func (s *site) serverRequests() ([]auditEvent, error) {
	log, err := os.Open(s.AuditLog())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	var events []auditEvent
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e auditEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, err
		}
		if e.User.Username == "system:serviceaccount:"+deploy.Namespace+":"+deploy.ServiceAccount {
			events = append(events, e)
		}
	}
	return events, lines.Err()
}

// nothingForbidden fails when the site's roles did not allow what its webhook server
// asked for.
func (s *site) nothingForbidden() error {
	events, err := s.serverRequests()
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return errors.New("the audit log has no request of the server")
	}
	var forbidden []error
	for _, e := range events {
		if e.ResponseStatus.Code == http.StatusForbidden {
			forbidden = append(forbidden, fmt.Errorf("the server's roles do not allow %s %s", e.Verb, e.RequestURI))
		}
	}
	return errors.Join(forbidden...)
}

// The server's roles allow what it does, which every other test shows, and
// nothing that it does not do, which this one shows.
func TestRolesAllowNoMoreThanIsUsed(t *testing.T) {
	last(t)
	if err := cluster.webhook.Stop(); err != nil {
		t.Fatal(err)
	}
	// A Secret made in advance, empty, is filled in place.
	mustKubectl(t, "", "delete", "secret", "--namespace="+deploy.Namespace, "macvlan-webhook-ca")
	mustKubectl(t, "", "create", "secret", "generic", "--namespace="+deploy.Namespace, "macvlan-webhook-ca")
	// API servers that cannot stream the first list are asked for it.
	if err := cluster.startWebhook(t.Context(), "KUBE_FEATURE_WatchListClient=false"); err != nil {
		t.Fatal(err)
	}

	// Before a pod is refused for a pool that is not there, the pool and the pod's
	// namespace are read once more.
	refused := kubectl(t, podYAML("role", "v1.multus-cni.io/default-network: kube-system/macvlan-standalone-vlan0",
		`ipam.spidernet.io/ippool: '{"ipv4":["never-made"]}'`), "create", "--namespace=team-a", "-f", "-")
	if refused.ExitCode == 0 || !strings.Contains(refused.Stderr, "[ippool-not-found]") {
		t.Errorf("a pool that does not exist: exit status %d, standard error %q", refused.ExitCode, refused.Stderr)
	}

	// A workload is read when it is scaled.
	for n, k := range workloadKinds[:5] {
		if k.kind == "DaemonSet" {
			continue
		}
		workload, err := inTemplate(n, []byte(podYAML("scaled", "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0")))
		if err != nil {
			t.Fatal(err)
		}
		if err := unstructured.SetNestedField(workload.Object, int64(0), "spec", "replicas"); err != nil {
			t.Fatal(err)
		}
		text, err := workload.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		mustKubectl(t, string(text), "create", "-f", "-")
		mustKubectl(t, "", "scale", k.kind, "templated", "--replicas=0")
		mustKubectl(t, "", "delete", k.kind, "templated")
	}

	askAboutAddresses(t)

	if err := cluster.nothingForbidden(); err != nil {
		t.Error(err)
	}
	used := map[auditEvent]bool{}
	for _, e := range serverRequests(t) {
		key := auditEvent{Verb: e.Verb, ObjectRef: e.ObjectRef}
		key.ObjectRef.Namespace = ""
		if e.Verb == "create" {
			key.ObjectRef.Name = ""
		}
		used[key] = true
		key.ObjectRef.Name = ""
		used[key] = true
	}

	var rules []rbacv1.PolicyRule
	var role rbacv1.Role
	unmarshal(t, mustKubectl(t, "", "get", "role", "--namespace="+deploy.Namespace, "macvlan-webhook", "-o", "json"), &role)
	rules = append(rules, role.Rules...)
	for _, name := range []string{"macvlan-webhook", "macvlan-webhook-node-facts"} {
		var clusterRole rbacv1.ClusterRole
		unmarshal(t, mustKubectl(t, "", "get", "clusterrole", name, "-o", "json"), &clusterRole)
		if len(clusterRole.Rules) == 0 {
			t.Fatalf("the role %s has no rules", name)
		}
		rules = append(rules, clusterRole.Rules...)
	}
	for _, r := range rules {
		if slices.Contains(r.Verbs, "*") || slices.Contains(r.Resources, "*") || slices.Contains(r.APIGroups, "*") {
			t.Errorf("a rule with a wildcard: %v", r)
		}
		names := r.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, name := range names {
					for _, verb := range r.Verbs {
						key := auditEvent{Verb: verb}
						key.ObjectRef.APIGroup, key.ObjectRef.Resource, key.ObjectRef.Name = group, resource, name
						if !used[key] {
							t.Errorf("the roles allow %s %s.%s %q, which the server never did", verb, resource, group, name)
						}
					}
				}
			}
		}
	}
}

// askAboutAddresses has the server confirm who holds addresses, for every kind of
// holder, and that subnets are not there.
func askAboutAddresses(t *testing.T) {
	t.Helper()
	makeRack(t)
	var taken []string
	for n, k := range workloadKinds {
		ip := fmt.Sprintf("10.70.0.%d", 200+n)
		taken = append(taken, ip)
		workload, err := inTemplate(n, []byte(podYAML("holding", attached, "flatnetwork.pandaria.io/subnet: rack", "flatnetwork.pandaria.io/ip: "+ip)))
		if err != nil {
			t.Fatal(err)
		}
		workload.SetName("holding")
		text, err := workload.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		mustKubectl(t, string(text), "create", "-f", "-")
		defer mustKubectl(t, "", "delete", k.kind, "holding", "--wait=false")
	}
	mustKubectl(t, podYAML("recorded", attached, "flatnetwork.pandaria.io/subnet: rack", "flatnetwork.pandaria.io/ip: auto"), "create", "-f", "-")
	defer mustKubectl(t, "", "delete", "--now", "pod", "recorded")
	uid := mustKubectl(t, "", "get", "pod", "recorded", "-o", "jsonpath={.metadata.uid}")
	record(t, "recorded="+uid, "10.70.0.220")
	mustKubectl(t, fmt.Sprintf("{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanIP, metadata: {name: recorded, namespace: default, ownerReferences: [{apiVersion: v1, kind: Pod, name: recorded, uid: %s}]}, "+
		"spec: {subnet: rack, podId: %[1]s, cidr: 10.70.0.221/24}}", uid), "create", "-f", "-")

	const v1 = `k8s.v1.cni.cncf.io/networks: '[{"name":"static-macvlan-cni-attach","interface":"eth1"}]'`
	asking := func(ips string) string {
		return podYAML("asking", attached, "flatnetwork.pandaria.io/subnet: rack", "flatnetwork.pandaria.io/ip: "+ips)
	}
	for manifest, texts := range map[string][]string{
		asking(strings.Join(taken, "-")): taken,
		asking("10.70.0.220"):            {`"10.70.0.220" is in use by Pod "default/recorded" (FlatNetworkIP)`},
		podYAML("asking", v1, "macvlan.pandaria.cattle.io/subnet: rack", "macvlan.pandaria.cattle.io/ip: 10.70.0.221"): {`"10.70.0.221" is in use by Pod "default/recorded" (MacvlanIP)`},
		podYAML("asking", attached, "flatnetwork.pandaria.io/subnet: nowhere", "flatnetwork.pandaria.io/ip: auto"):     {"[flat-network-subnet-not-found]"},
		podYAML("asking", v1, "macvlan.pandaria.cattle.io/subnet: nowhere", "macvlan.pandaria.cattle.io/ip: auto"):     {"[flat-network-subnet-not-found]"},
	} {
		wait.Until(t, "a refusal with "+strings.Join(texts, ", "), func() bool {
			result := kubectl(t, manifest, "create", "--dry-run=server", "-f", "-")
			return result.ExitCode != 0 && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(result.Stderr, text) })
		})
	}
}

func unmarshal(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatal(err)
	}
}
