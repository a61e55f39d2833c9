package rules

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// flatCluster holds both generations of the flat network and those who keep addresses.
type flatCluster struct {
	holders []pod.HolderFact
	// owners are those of the subject, from its own upwards.
	owners    []object.Identity
	namespace *pod.Namespace
	err       error
}

// flatNetworks are those that pods of team-a attach.
var flatNetworks = map[object.Reference]string{
	{Namespace: "team-a", Name: "rancher-flat-network"}:      `{"cniVersion":"1.0.0","type":"rancher-flat-network-cni"}`,
	{Namespace: "team-a", Name: "static-macvlan-cni-attach"}: `{"cniVersion":"0.3.0","type":"static-macvlan-cni"}`,
	{Namespace: "team-a", Name: "fixed"}:                     `{"cniVersion":"1.0.0","type":"macvlan","master":"bond0.300","ipam":{"type":"static"}}`,
	{Namespace: "team-a", Name: "spiderpool"}:                `{"cniVersion":"1.0.0","type":"macvlan","master":"bond0.300","ipam":{"type":"spiderpool"}}`,
	{Namespace: "kube-system", Name: "fixed"}:                `{"cniVersion":"1.0.0","type":"macvlan","master":"bond0.300","ipam":{"type":"static"}}`,
	{Namespace: "team-a", Name: "lan"}:                       `{"cniVersion":"1.0.0","type":"rancher-flat-network-cni"}`,
	{Namespace: "team-a", Name: "sriov"}:                     `{"cniVersion":"1.0.0","type":"sriov","ipam":{"type":"static"}}`,
	{Namespace: "team-a", Name: "bridge"}:                    `{"cniVersion":"1.0.0","type":"bridge","ipam":{"type":"static"}}`,
	{Namespace: "team-a", Name: "elsewhere"}:                 `{"cniVersion":"1.0.0","type":"macvlan","master":"bond0.301","ipam":{"type":"static"}}`,
}

// flatSubnets are all of one CIDR, each on a link that its name tells: bond0, and
// bond1 for those of V1 but one.
var flatSubnets = map[flatnetwork.SubnetReference]string{
	{Generation: flatnetwork.V2, Name: "vlan300"}:    `{"flatMode":"macvlan","master":"bond0","vlan":300,"cidr":"10.30.0.0/24"}`,
	{Generation: flatnetwork.V2, Name: "vlan301"}:    `{"flatMode":"macvlan","master":"bond0","vlan":301,"cidr":"10.30.0.0/24"}`,
	{Generation: flatnetwork.V1, Name: "vlan300-v1"}: `{"master":"bond0","vlan":300,"cidr":"10.30.0.0/24"}`,
	{Generation: flatnetwork.V1, Name: "vlan200"}:    `{"master":"bond1","vlan":200,"cidr":"10.30.0.0/24"}`,
	{Generation: flatnetwork.V1, Name: "vlan201"}:    `{"master":"bond1","vlan":201,"cidr":"10.30.0.0/24"}`,
}

func networkNamed(ref object.Reference) *cniconf.Network {
	if config, ok := flatNetworks[ref]; ok {
		return cniconf.Compile(cniconf.Source{Namespace: ref.Namespace, Name: ref.Name, Config: config})
	}
	return nil
}

func subnetNamed(t testing.TB, ref flatnetwork.SubnetReference) *flatnetwork.Subnet {
	t.Helper()
	spec, ok := flatSubnets[ref]
	if !ok {
		return nil
	}
	s, err := flatnetwork.CompileSubnet(ref.Generation, ref.Generation.SubnetNamespace(), []byte(`{"metadata":{"name":"`+ref.Name+`"},"spec":`+spec+`}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c *flatCluster) judge(t testing.TB, s *pod.Subject, config *config.Config) verdict.Verdict {
	t.Helper()
	p := pod.Parse(s, config)
	q := p.Questions()
	f := pod.Facts{
		Namespace: pod.Answer[pod.Namespace]{Value: c.namespace},
		Holders:   pod.HolderFacts{Holders: c.holders, Owners: c.owners, Networks: map[object.Reference]*cniconf.Network{}, Subnets: map[flatnetwork.SubnetReference]*flatnetwork.Subnet{}, Err: c.err},
	}
	for _, ref := range q.Networks {
		f.Networks = append(f.Networks, pod.Answer[cniconf.Network]{Value: networkNamed(ref)})
	}
	for _, ref := range q.Subnets {
		f.Subnets = append(f.Subnets, pod.Answer[flatnetwork.Subnet]{Value: subnetNamed(t, ref)})
	}
	for _, h := range c.holders {
		for _, claim := range h.Claims {
			ref := object.Reference{Namespace: cmp.Or(claim.Network.Namespace, q.DefaultNamespace), Name: claim.Network.Name}
			if n := networkNamed(ref); n != nil {
				f.Holders.Networks[ref] = n
			}
			if s := subnetNamed(t, claim.Subnet); s != nil {
				f.Holders.Subnets[claim.Subnet] = s
			}
		}
	}
	return Judge(p.With(f))
}

// flatAnnotations ask one generation for addresses; an empty list is left out.
func flatAnnotations(g flatnetwork.Generation, subnet, ip, mac string) map[string]string {
	a := map[string]string{multus.NetworksAnnotation: g.Networks()[0], g.SubnetAnnotation(): subnet, g.IPAnnotation(): ip}
	if mac != "" {
		a[g.MACAnnotation()] = mac
	}
	return a
}

// multusAnnotations ask a network of team-a for addresses, given the rest of the element
// in JSON.
func multusAnnotations(network, element string) map[string]string {
	return map[string]string{multus.NetworksAnnotation: fmt.Sprintf(`[{"name":%q,%s}]`, network, element)}
}

// identity is an object of team-a. The UID is empty where it is not known.
func identity(kind, name, uid string) object.Identity {
	apiVersion := map[string]string{"Pod": "v1", "Cluster": "example.com/v1"}[kind]
	if apiVersion == "" {
		apiVersion = "apps/v1"
	}
	return object.Identity{Controller: object.Controller{APIVersion: apiVersion, Kind: kind}, Namespace: "team-a", Name: name, UID: uid}
}

// subjectOf is a pod or a workload of one pod.
func subjectOf(i object.Identity, annotations map[string]string) *pod.Subject {
	s := &pod.Subject{APIVersion: i.APIVersion, Kind: i.Kind, Namespace: i.Namespace, Name: i.Name, UID: i.UID, Annotations: annotations, Scale: pod.Scale{Pods: 1}}
	if i.Kind != "Pod" {
		s.PodPath = "spec.template"
	}
	return s
}

// held is a holder of what annotations ask for. Its owners stand from its own upwards.
func held(i object.Identity, annotations map[string]string, owners ...object.Identity) pod.HolderFact {
	h := pod.HolderFact{Holder: &pod.Holder{Identity: i, Claims: subjectOf(i, annotations).Claims()}, Owners: owners}
	if len(owners) > 0 {
		h.Owner = owners[0]
	}
	return h
}

// partly is a holder not all of whose owners are known.
func partly(h pod.HolderFact) pod.HolderFact {
	h.Partial = true
	return h
}

// with are annotations, one of them another one.
func with(annotations map[string]string, key, value string) map[string]string {
	annotations = maps.Clone(annotations)
	annotations[key] = value
	return annotations
}

// recorded is a holder that the flat network has given its addresses to.
func recorded(h pod.HolderFact) pod.HolderFact {
	given := *h.Holder
	given.Record = object.Identity{Controller: object.Controller{APIVersion: "flatnetwork.pandaria.io/v1", Kind: "FlatNetworkIP"}, Namespace: h.Namespace, Name: h.Name}
	h.Holder = &given
	return h
}

func ending(h pod.HolderFact) pod.HolderFact {
	h.Ending = true
	return h
}

// about are the findings of one rule.
func about(v verdict.Verdict, rule string) string {
	var found []string
	for _, f := range v.Findings {
		if f.Rule == rule {
			found = append(found, string(f.Action)+" "+f.Message)
		}
	}
	return strings.Join(found, "\n")
}

const (
	v1, v2 = flatnetwork.V1, flatnetwork.V2
	ip     = "10.30.0.21"
	mac1   = "02:00:5e:00:00:01"
)

// Who is kin to the subject, by its owners and UIDs, holds nothing against it.
func TestKinship(t *testing.T) {
	fixed := flatAnnotations(v2, "vlan300", ip, "")
	deployment, set, replicas := identity("Deployment", "web", "u1"), identity("StatefulSet", "web", "u4"), identity("ReplicaSet", "web-5d8", "u2")
	p := func(name, uid string) object.Identity { return identity("Pod", name, uid) }
	job := func(name, uid string) object.Identity {
		return object.Identity{Controller: object.Controller{APIVersion: "batch/v1", Kind: "Job"}, Namespace: "team-a", Name: name, UID: uid}
	}
	cronJob := object.Identity{Controller: object.Controller{APIVersion: "batch/v1", Kind: "CronJob"}, Namespace: "team-a", Name: "nightly", UID: "u0"}
	withoutUID := func(i object.Identity) object.Identity { i.UID = ""; return i }
	const deny, none = "deny", ""
	for _, tt := range []struct {
		name    string
		subject object.Identity
		// owners are those of the subject.
		owners []object.Identity
		holder pod.HolderFact
		want   string
	}{
		{"another workload", deployment, nil, held(identity("Deployment", "db", "u9"), fixed), deny},
		{"itself", deployment, nil, held(deployment, fixed), none},
		{"itself, in files", withoutUID(deployment), nil, held(withoutUID(deployment), fixed), none},
		{"itself, before it has a UID", withoutUID(deployment), nil, held(deployment, fixed), none},
		{"one of its name that was there before", deployment, nil, held(identity("Deployment", "web", "u0"), fixed), deny},
		{"one of its name and another kind", deployment, nil, held(identity("DaemonSet", "web", ""), fixed), deny},
		{"its own pod", deployment, nil, held(p("web-1", "u3"), fixed, replicas, deployment), none},
		{"a pod of another workload", deployment, nil, held(p("db-1", "u3"), fixed, identity("ReplicaSet", "db-5d8", "u8"), identity("Deployment", "db", "u9")), deny},
		{"a pod of its own", deployment, nil, held(p("web-1", "u3"), fixed), deny},
		{"the workload of the pod", p("web-1", ""), []object.Identity{replicas, deployment}, held(deployment, fixed), none},
		{"the owner of the pod", p("web-0", ""), []object.Identity{set}, held(set, fixed), none},
		{"the owner of the pod, in files", p("web-0", ""), []object.Identity{withoutUID(set)}, held(withoutUID(set), fixed), none},
		{"a pod of the same workload", p("web-1", ""), []object.Identity{replicas, deployment}, held(p("web-2", "u5"), fixed, identity("ReplicaSet", "web-7c9", "u6"), deployment), none},
		{"a pod of another workload, to a pod", p("web-1", ""), []object.Identity{replicas, deployment}, held(p("db-1", "u5"), fixed, identity("StatefulSet", "db", "u9")), deny},
		{"a pod without owners, to a pod without", p("a", ""), nil, held(p("b", "u5"), fixed), deny},
		{"a workload that the same object has made", set, []object.Identity{identity("Cluster", "c", "u7")}, held(identity("StatefulSet", "db", "u8"), fixed, identity("Cluster", "c", "u7")), deny},
		{"a ReplicaSet of the same owner, whose kind is not known", replicas, []object.Identity{identity("Cluster", "c", "u7")},
			held(identity("ReplicaSet", "web-7c9", "u6"), fixed, identity("Cluster", "c", "u7")), none},
		{"the ReplicaSet that a pod's is to replace", p("web-1", ""), []object.Identity{replicas, identity("Cluster", "c", "u7")},
			held(identity("ReplicaSet", "web-7c9", "u6"), fixed, identity("Cluster", "c", "u7")), none},
		{"another workload, to a pod of a workload that does not fix it", p("web-1", ""), []object.Identity{replicas, deployment}, held(identity("Deployment", "db", "u9"), fixed), deny},
		{"the UID of its owner in another namespace", p("web-0", ""), []object.Identity{set}, held(inNamespace(set, "team-b"), fixed), deny},
		{"the UID of its owner, of another kind", p("web-0", ""), []object.Identity{set}, held(identity("Deployment", "web", "u4"), fixed), deny},
		{"another workload, to a pod of an object that is not known", p("web-1", ""), []object.Identity{identity("Cluster", "c", "u7")}, held(identity("Deployment", "db", "u9"), fixed), deny},
		{"a pod of another StatefulSet of the same owner", p("web-0", ""), []object.Identity{set, identity("Cluster", "c", "u7")},
			held(p("db-0", "u5"), fixed, identity("StatefulSet", "db", "u8"), identity("Cluster", "c", "u7")), deny},
		{"another Job of the same owner", job("a", "u1"), []object.Identity{identity("Cluster", "c", "u7")}, held(job("b", "u2"), fixed, identity("Cluster", "c", "u7")), deny},
		{"a pod of another Job of the same CronJob", p("a-1", ""), []object.Identity{job("a", "u1"), cronJob}, held(p("b-1", "u5"), fixed, job("b", "u2"), cronJob), none},
		{"another workload, to a ReplicaSet of an owner that is not known", replicas, []object.Identity{identity("Cluster", "c", "u7")},
			held(identity("StatefulSet", "db", "u8"), fixed, identity("Cluster", "c", "u7")), deny},
		{"another workload, to a pod of nobody", p("web", ""), nil, held(identity("Deployment", "db", "u9"), fixed), deny},
		{"a pod in files with one address of each kind", deployment, nil, held(p("a", "u3"), flatAnnotations(v2, "vlan300", ip, mac1)), deny},
		{"a pod in files that may get another address", deployment, nil, held(p("a", "u3"), flatAnnotations(v2, "vlan300", ip+"-10.30.0.22", "")), "warn"},
		{"one that may be its own", deployment, nil, partly(held(p("db-1", "u3"), fixed, identity("ReplicaSet", "db-5d8", "u8"))), "warn"},
		{"one that may be its own, of another namespace", deployment, nil,
			partly(held(object.Identity{Controller: object.Controller{APIVersion: "v1", Kind: "Pod"}, Namespace: "team-b", Name: "db-1", UID: "u3"}, flatAnnotations(v2, "vlan300", ip, ""))), deny},
		{"one that is being deleted", deployment, nil, ending(held(identity("Deployment", "db", "u9"), fixed)), "warn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := subjectOf(tt.subject, fixed)
			if len(tt.owners) > 0 {
				s.Owner = tt.owners[0]
			}
			c := &flatCluster{holders: []pod.HolderFact{tt.holder}, owners: tt.owners}
			got, _, _ := strings.Cut(about(c.judge(t, s, config.Default()), "address-in-use"), " ")
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			// That the owners cannot be looked up further changes nothing for those near.
			if len(tt.owners) == 1 {
				c.owners = nil
				if got, _, _ := strings.Cut(about(c.judge(t, s, config.Default()), "address-in-use"), " "); got != tt.want {
					t.Errorf("by its own reference %q, want %q", got, tt.want)
				}
			}
		})
	}
}

// A pod whose owner fixes an address that another workload fixes too is not refused for it, unless
// a pod of the other one has it. Being owned by a workload is not enough.
func TestPlannedByAnOwner(t *testing.T) {
	fixed := flatAnnotations(v2, "vlan300", ip, "")
	replicas, deployment := identity("ReplicaSet", "web-5d8", "u2"), identity("Deployment", "web", "u1")
	other := held(identity("Deployment", "db", "u9"), fixed)
	for _, tt := range []struct {
		name    string
		holders []pod.HolderFact
		want    string
	}{
		{"its owner fixes it too", []pod.HolderFact{held(deployment, fixed), other}, `warn address "10.30.0.21" is fixed by Deployment "team-a/db" as well`},
		{"its owner fixes it too, and stands behind", []pod.HolderFact{other, held(deployment, fixed)}, `warn address "10.30.0.21" is fixed by Deployment "team-a/db" as well`},
		{"a nearer owner of its own fixes it too", []pod.HolderFact{held(replicas, fixed), other}, `warn address "10.30.0.21" is fixed by Deployment "team-a/db" as well`},
		{"its owner fixes it too, and a pod of the other has it", []pod.HolderFact{held(deployment, fixed), other, recorded(held(identity("Pod", "db-1", "u8"), fixed, identity("Deployment", "db", "u9")))},
			`deny address "10.30.0.21" is in use by Pod "team-a/db-1" (FlatNetworkIP)`},
		{"its owner fixes it too, and a pod of its own has it", []pod.HolderFact{held(deployment, fixed), other, recorded(held(identity("Pod", "web-2", "u8"), fixed, replicas, deployment))},
			`warn address "10.30.0.21" is fixed by Deployment "team-a/db" as well`},
		{"its owner fixes nothing", []pod.HolderFact{other}, `deny address "10.30.0.21" is fixed by Deployment "team-a/db"`},
		{"its owner fixes another address", []pod.HolderFact{held(deployment, flatAnnotations(v2, "vlan300", "10.30.0.22", "")), other}, `deny address "10.30.0.21" is fixed by Deployment "team-a/db"`},
		{"its owner fixes it on another link", []pod.HolderFact{held(deployment, flatAnnotations(v2, "vlan301", ip, "")), other}, `deny address "10.30.0.21" is fixed by Deployment "team-a/db"`},
		{"another with the UID of its owner fixes it", []pod.HolderFact{held(inNamespace(deployment, "team-b"), fixed), other}, `deny address "10.30.0.21" is fixed by Deployment "team-a/db"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := subjectOf(identity("Pod", "web-1", ""), fixed)
			s.Owner = replicas
			c := &flatCluster{holders: tt.holders, owners: []object.Identity{replicas, deployment}}
			if got := about(c.judge(t, s, config.Default()), "address-in-use"); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// That the pod's own workload claims an address, for which the pod is spared, is confirmed with
// those who contest it: the answer to the question takes the place of what was known.
func TestPlannersAreConfirmed(t *testing.T) {
	fixed := flatAnnotations(v2, "vlan300", ip, "")
	set := identity("StatefulSet", "web", "u4")
	own, other := held(set, fixed), held(identity("Deployment", "db", "u9"), fixed)
	s := subjectOf(identity("Pod", "web-0", ""), fixed)
	s.Owner = set
	c := &flatCluster{holders: []pod.HolderFact{own, other}}
	v := c.judge(t, s, config.Default())
	if ids(v) != "warn address-in-use" {
		t.Fatalf("%s", ids(v))
	}
	view := pod.Parse(s, config.Default()).With(pod.Facts{Networks: []pod.Answer[cniconf.Network]{{Value: networkNamed(object.Reference{Namespace: "team-a", Name: "rancher-flat-network"})}},
		Subnets: []pod.Answer[flatnetwork.Subnet]{{Value: subnetNamed(t, flatnetwork.SubnetReference{Generation: v2, Name: "vlan300"})}}, Holders: pod.HolderFacts{Holders: c.holders}})
	q, open := view.Unconfirmed(&v)
	if !open || !slices.Contains(q.Contested, own.Holder) || !slices.Contains(q.Contested, other.Holder) {
		t.Errorf("%t, %+v", open, q.Contested)
	}
}

// inNamespace is an object of the same name and UID in another namespace.
func inNamespace(i object.Identity, namespace string) object.Identity {
	i.Namespace = namespace
	return i
}

// An address is taken within its layer 2 domain, and a MAC address of V1 in the cluster.
func TestDomains(t *testing.T) {
	const ips = `"ips":["` + ip + `/24"]`
	for _, tt := range []struct {
		name           string
		subject, other map[string]string
		want           string
	}{
		{"V2, the same subnet", flatAnnotations(v2, "vlan300", ip, ""), flatAnnotations(v2, "vlan300", ip, ""),
			`deny address "10.30.0.21" is fixed by Deployment "team-a/other"`},
		{"V2, another VLAN", flatAnnotations(v2, "vlan300", ip, mac1), flatAnnotations(v2, "vlan301", ip, mac1), ""},
		{"V2, a subnet that is not known", flatAnnotations(v2, "gone", ip, ""), flatAnnotations(v2, "gone", ip, ""),
			`deny address "10.30.0.21" is fixed by Deployment "team-a/other"`},
		{"V2, another subnet that is not known", flatAnnotations(v2, "vlan300", ip, ""), flatAnnotations(v2, "gone", ip, ""), ""},
		{"V2, two subnets that are not known", flatAnnotations(v2, "gone", ip, mac1), flatAnnotations(v2, "lost", ip, mac1), ""},
		{"V1, another VLAN", flatAnnotations(v1, "vlan200", ip, ""), flatAnnotations(v1, "vlan201", ip, ""), ""},
		{"V1, a MAC address in another VLAN", flatAnnotations(v1, "vlan200", "auto", mac1), flatAnnotations(v1, "vlan201", "auto", strings.ToUpper(mac1)),
			`deny address "02:00:5e:00:00:01" is fixed by Deployment "team-a/other" in "MacvlanSubnet vlan201"`},
		{"both generations in one VLAN", flatAnnotations(v1, "vlan300-v1", ip, ""), flatAnnotations(v2, "vlan300", ip, ""),
			`deny address "10.30.0.21" is fixed by Deployment "team-a/other" in "FlatNetworkSubnet vlan300"`},
		{"both generations in two VLANs", flatAnnotations(v1, "vlan200", ip, mac1), flatAnnotations(v2, "vlan300", ip, mac1), ""},
		{"a Multus network on the link", flatAnnotations(v2, "vlan300", ip, ""), multusAnnotations("fixed", ips),
			`deny address "10.30.0.21" is fixed by Deployment "team-a/other" on network "team-a/fixed"`},
		{"a Multus network elsewhere", flatAnnotations(v2, "vlan300", ip, ""), multusAnnotations("elsewhere", ips), ""},
		{"a Multus network that gives others", flatAnnotations(v2, "vlan300", ip, ""), multusAnnotations("spiderpool", ips), ""},
		{"its MAC address is fixed all the same", flatAnnotations(v2, "vlan300", "auto", mac1), multusAnnotations("spiderpool", `"mac":"`+mac1+`"`),
			`deny address "02:00:5e:00:00:01" is fixed by Deployment "team-a/other" on network "team-a/spiderpool"`},
		{"a Multus network that is not known", flatAnnotations(v2, "vlan300", ip, ""), multusAnnotations("gone", ips), ""},
		{"from a Multus network", multusAnnotations("fixed", ips), flatAnnotations(v2, "vlan300", ip, ""),
			`deny address "10.30.0.21/24" is fixed by Deployment "team-a/other" in "FlatNetworkSubnet vlan300"`},
		{"of Spiderpool's network", multusAnnotations("spiderpool", ips), flatAnnotations(v2, "vlan300", ip, ""), ""},
		{"as the first interface", multusAnnotations("fixed", ips), map[string]string{multus.DefaultNetworkAnnotation: `[{"name":"fixed","namespace":"kube-system",` + ips + `}]`},
			`deny address "10.30.0.21/24" is fixed by Deployment "team-a/other" on network "kube-system/fixed"`},
		{"as the first interface, without its namespace", multusAnnotations("fixed", ips), map[string]string{multus.DefaultNetworkAnnotation: `[{"name":"fixed",` + ips + `}]`},
			`deny address "10.30.0.21/24" is fixed by Deployment "team-a/other" on network "kube-system/fixed"`},
		{"one of two", flatAnnotations(v2, "vlan300", ip+"-10.30.0.22", ""), flatAnnotations(v2, "vlan300", "10.30.0.22", ""),
			`deny address 2 "10.30.0.22" is fixed by Deployment "team-a/other"`},
		{"by a network that its plugin alone tells", flatAnnotations(v2, "vlan300", ip, ""), with(flatAnnotations(v2, "vlan300", ip, ""), multus.NetworksAnnotation, "lan"),
			`deny address "10.30.0.21" is fixed by Deployment "team-a/other"`},
		{"by a network that is none of the flat network", flatAnnotations(v2, "vlan300", ip, ""), with(flatAnnotations(v2, "vlan300", ip, ""), multus.NetworksAnnotation, "fixed"), ""},
		{"without a subnet", multusAnnotations("fixed", ips), map[string]string{multus.NetworksAnnotation: "fixed", v2.IPAnnotation(): ip}, ""},
		{"a plugin that is not known to be local", multusAnnotations("sriov", ips), multusAnnotations("sriov", ips),
			`deny address "10.30.0.21/24" is fixed by Deployment "team-a/other" on network "team-a/sriov"`},
		{"on links that pods of one node share", multusAnnotations("bridge", ips), multusAnnotations("bridge", ips), ""},
		{"the network that collides is named", multusAnnotations("fixed", ips), map[string]string{multus.NetworksAnnotation: `[{"name":"elsewhere",` + ips + `},{"name":"fixed",` + ips + `}]`},
			`deny address "10.30.0.21/24" is fixed by Deployment "team-a/other" on network "team-a/fixed"`},
		{"addresses that nobody reads", map[string]string{v2.SubnetAnnotation(): "vlan300", v2.IPAnnotation(): ip}, flatAnnotations(v2, "vlan300", ip, ""), ""},
		{"against those that nobody reads", flatAnnotations(v2, "vlan300", ip, ""), map[string]string{v2.SubnetAnnotation(): "vlan300", v2.IPAnnotation(): ip}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &flatCluster{holders: []pod.HolderFact{held(identity("Deployment", "other", ""), tt.other)}}
			v := c.judge(t, subjectOf(identity("Deployment", "web", ""), tt.subject), config.Default())
			if got := about(v, "address-in-use"); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// Of several holders the one that stays is named.
func TestHolderThatStays(t *testing.T) {
	fixed := flatAnnotations(v2, "vlan300", ip, "")
	gone, stays := ending(held(identity("Deployment", "gone", ""), fixed)), held(identity("Deployment", "stays", ""), fixed)
	perhaps := partly(held(identity("Pod", "a", ""), fixed))
	for _, holders := range [][]pod.HolderFact{{gone, stays}, {stays, gone}, {perhaps, stays, gone}, {stays, perhaps}} {
		c := &flatCluster{holders: holders}
		if got := about(c.judge(t, subjectOf(identity("Deployment", "web", ""), fixed), config.Default()), "address-in-use"); got != `deny address "10.30.0.21" is fixed by Deployment "team-a/stays"` {
			t.Error(got)
		}
	}
}

// A pod does with what is left of its list; an address whose holder is going is left.
func TestAddressesThatAreLeft(t *testing.T) {
	two := flatAnnotations(v2, "vlan300", ip+"-10.30.0.22", "")
	first, second := held(identity("Pod", "a", ""), flatAnnotations(v2, "vlan300", ip, "")), held(identity("Pod", "b", ""), flatAnnotations(v2, "vlan300", "10.30.0.22", ""))
	for _, tt := range []struct {
		name    string
		holders []pod.HolderFact
		want    verdict.Action
	}{
		{"one", []pod.HolderFact{first}, verdict.Warn},
		{"none", []pod.HolderFact{first, second}, verdict.Deny},
		{"one soon", []pod.HolderFact{first, ending(second)}, verdict.Warn},
	} {
		c := &flatCluster{holders: tt.holders}
		v := c.judge(t, subjectOf(identity("Pod", "web", ""), two), config.Default())
		if got := about(v, "address-in-use"); v.Decision() != tt.want || got == "" {
			t.Errorf("%s left: %s, want %s\n%s", tt.name, v.Decision(), tt.want, got)
		}
	}
}

// The work for a long list grows with its length: with the cube of it, this would not
// end in the time that an API server waits.
func TestHostileAddresses(t *testing.T) {
	var list []string
	for n := range 1000 {
		list = append(list, fmt.Sprintf("10.30.%d.%d", n/250, n%250+2))
	}
	all := flatAnnotations(v2, "vlan300", strings.Join(list, "-"), "")
	c := &flatCluster{holders: []pod.HolderFact{held(identity("Deployment", "db", ""), all)}}
	v := c.judge(t, subjectOf(identity("Pod", "web", ""), all), config.Default())
	if got := about(v, "address-in-use"); v.Decision() != verdict.Deny || v.Findings[len(v.Findings)-1].More != 980 {
		t.Errorf("%s\n%s", v.Decision(), got)
	}
}

// Where nobody can say who holds an address, a request for one is not let through, and
// others are.
func TestHoldersNotKnown(t *testing.T) {
	c := &flatCluster{err: errors.New("out of reach")}
	for list, undecided := range map[string]bool{ip: true, "auto": false} {
		v := c.judge(t, subjectOf(identity("Pod", "web", ""), flatAnnotations(v2, "vlan300", list, "")), config.Default())
		if len(v.Findings) > 0 || (v.Undecided != nil) != undecided || undecided && !errors.Is(v.Undecided, c.err) {
			t.Errorf("%s: %v\n%s", list, v.Undecided, v.Explanation(verdict.Warn))
		}
	}
}

// A mode of the namespace relaxes a denial, and leaves a warning what it is.
func TestModeOfAddresses(t *testing.T) {
	fixed := flatAnnotations(v2, "vlan300", ip, "")
	c := &flatCluster{namespace: pod.CompileNamespace(map[string]string{verdict.ModeLabel: "warn"}, nil)}
	for _, h := range []pod.HolderFact{held(identity("Deployment", "db", ""), fixed), ending(held(identity("Deployment", "db", ""), fixed))} {
		c.holders = []pod.HolderFact{h}
		v := c.judge(t, subjectOf(identity("Deployment", "web", ""), fixed), config.Default())
		if ids(v) != "warn address-in-use" || v.Findings[0].Relaxed == h.Ending {
			t.Errorf("ending %t: %s, relaxed %t", h.Ending, ids(v), v.Findings[0].Relaxed)
		}
	}
}

// Before a refusal counts, those who hold the addresses are asked about once more, and
// these addresses alone.
func TestContestedAddressesAreConfirmed(t *testing.T) {
	fixed := flatAnnotations(v2, "vlan300", ip+"-10.30.0.22", "")
	c := &flatCluster{holders: []pod.HolderFact{held(identity("Deployment", "db", ""), flatAnnotations(v2, "vlan300", "10.30.0.22", ""))}}
	s := subjectOf(identity("Deployment", "web", ""), fixed)
	v := c.judge(t, s, config.Default())
	view := pod.Parse(s, config.Default()).With(pod.Facts{Networks: []pod.Answer[cniconf.Network]{{Value: networkNamed(object.Reference{Namespace: "team-a", Name: "rancher-flat-network"})}},
		Subnets: []pod.Answer[flatnetwork.Subnet]{{Value: subnetNamed(t, flatnetwork.SubnetReference{Generation: v2, Name: "vlan300"})}}, Holders: pod.HolderFacts{Holders: c.holders}})
	q, open := view.Unconfirmed(&v)
	if !open || len(q.Addresses.IPs) != 1 || q.Addresses.IPs[0].String() != "10.30.0.22" || len(q.Addresses.MACs) != 0 {
		t.Errorf("%t, %+v", open, q.Addresses)
	}
}

// What nobody gives to a pod is taken from nobody else.
func TestClaims(t *testing.T) {
	flat := map[string]string{v2.SubnetAnnotation(): "vlan300", v2.IPAnnotation(): "10.30.0.21-10.30.0.22-10.30.0.21-x", v2.MACAnnotation(): "02:00:00:00:00:01"}
	for _, tt := range []struct {
		name, networks string
		hostNetwork    bool
		want           int
	}{
		{"attached", "rancher-flat-network@eth1", false, 3},
		{"not attached", "", false, 0},
		{"another network, which may be one of the flat network", "kube-system/vlan100", false, 3},
		{"a network without a name", `[{"name":"","mac":"02:00:00:00:00:02"}]`, false, 0},
		{"the other generation", "static-macvlan-cni-attach", false, 0},
		{"another network, with an address of its own", `[{"name":"vlan100","mac":"02:00:00:00:00:02","ips":["10.1.0.5/24"]}]`, false, 5},
		{"the host's network", "rancher-flat-network@eth1", true, 0},
	} {
		annotations := maps.Clone(flat)
		if tt.networks != "" {
			annotations[multus.NetworksAnnotation] = tt.networks
		}
		s := &pod.Subject{Kind: "Deployment", Namespace: "team-a", Annotations: annotations, HostNetwork: tt.hostNetwork}
		if claims := s.Claims(); len(claims) != tt.want {
			t.Errorf("%s: %+v, want %d", tt.name, claims, tt.want)
		}
		s = &pod.Subject{Kind: "Job", Namespace: "team-a", Annotations: annotations, Ended: true}
		if claims := s.Claims(); len(claims) != 0 {
			t.Errorf("%s, of a Job that has ended: %+v", tt.name, claims)
		}
	}
}

// Who has run to the end, or will not be for long, needs no address any more.
func TestSubjectsThatNeedNoAddress(t *testing.T) {
	fixed := flatAnnotations(v2, "vlan300", ip, "")
	c := &flatCluster{holders: []pod.HolderFact{held(identity("Deployment", "other", ""), fixed)}}
	for _, tt := range []struct {
		ended, deleting bool
		want            verdict.Action
	}{{false, false, verdict.Deny}, {true, false, verdict.Allow}, {false, true, verdict.Allow}} {
		s := subjectOf(identity("Pod", "web", ""), fixed)
		s.Ended, s.Deleting = tt.ended, tt.deleting
		if v := c.judge(t, s, config.Default()); v.Decision() != tt.want {
			t.Errorf("ended %t, deleting %t: %s, want %s", tt.ended, tt.deleting, v.Decision(), tt.want)
		}
	}
}

// What is kept of one object is bounded, whatever it asks for.
func TestClaimsAreBounded(t *testing.T) {
	var ips, networks []string
	for n := range 1000 {
		ips = append(ips, fmt.Sprintf("10.30.%d.%d", n/200, n%200+1))
	}
	for n := range pod.MaxNetworks {
		networks = append(networks, fmt.Sprint("vlan", n))
	}
	annotations := with(flatAnnotations(v2, "vlan300", strings.Join(ips, "-"), ""), multus.NetworksAnnotation, strings.Join(networks, ","))
	if n := len(subjectOf(identity("Deployment", "web", ""), annotations).Claims()); n != pod.MaxClaims {
		t.Errorf("%d claims, want %d", n, pod.MaxClaims)
	}
}

// Where UIDs are not known, as in files, objects of one kind and name are told apart by
// their API groups, and not by versions.
func TestIdentityIs(t *testing.T) {
	of := func(apiVersion, uid string) object.Identity {
		return object.Identity{Controller: object.Controller{APIVersion: apiVersion, Kind: "StatefulSet"}, Namespace: "team-a", Name: "db", UID: uid}
	}
	for _, tt := range []struct {
		a, b object.Identity
		want bool
	}{
		{of("apps/v1", ""), of("apps/v1", ""), true},
		{of("apps/v1", ""), of("apps/v1beta1", ""), true},
		{of("apps/v1", ""), of("apps.kruise.io/v1beta1", ""), false},
		{of("apps/v1", ""), of("v1", ""), false},
		{of("v1", ""), of("v2", ""), true},
		{of("apps/v1", "u1"), of("apps.kruise.io/v1beta1", "u1"), true},
		{of("apps/v1", "u1"), of("apps/v1", "u2"), false},
		{of("apps/v1", "u1"), of("apps/v1", ""), true},
		{of("apps/v1", "u1"), inNamespace(of("apps/v1", "u1"), "team-b"), false},
		{of("apps/v1", "u1"), identity("Deployment", "db", "u1"), false},
		{object.Identity{}, object.Identity{}, false},
	} {
		if got := tt.a.Is(tt.b); got != tt.want {
			t.Errorf("%+v is %+v: %t", tt.a, tt.b, got)
		}
	}
}

// Only where it is certain that two interfaces hang on one link, it is said, and denied.
func TestAddressTwiceOnOneLink(t *testing.T) {
	const link = "on the same link of the node"
	asked := func(network string) string {
		element := `{"name":"` + network + `","cni-args":{"ips":["10.0.0.5/24"]}}`
		return "[" + element + "," + element + "]"
	}
	for _, row := range []struct {
		main, networks, want string
		link                 bool
	}{
		{`"type":"macvlan","master":"lan"`, asked("static"), "deny address-duplicate", true},
		{`"type":"bridge"`, asked("static"), "deny address-duplicate", true},
		{`"type":"tap"`, asked("static"), "warn address-duplicate", false},
		{`"type":"host-device","device":"lan"`, asked("static"), "warn address-duplicate", false},
		{`"type":"tap"`, "fixed,fixed", "warn address-duplicate", false},
	} {
		c := newCluster(t)
		for name, addresses := range map[string]string{"static": "", "fixed": `,"addresses":[{"address":"10.0.0.5/24"}]`} {
			c.networks[reference("team-a/"+name)] = nad.Compile(cniconf.Source{Namespace: "team-a", Name: name,
				Config: `{"cniVersion":"0.3.1","plugins":[{` + row.main + `,"ipam":{"type":"static"` + addresses + `}},{"type":"coordinator","mode":"overlay"}]}`})
		}
		v := c.judge(podOf("networks", row.networks), config.Default())
		if text := v.Explanation(verdict.Warn); ids(v) != row.want || strings.Contains(text, link) != row.link {
			t.Errorf("%s: %q, want %q, link %t\n%s", row.main, ids(v), row.want, row.link, text)
		}
	}
}
