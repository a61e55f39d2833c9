package pod

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestNearMiss(t *testing.T) {
	for key, want := range map[string]string{
		"k8s.v1.cni.cncf.io/network":             "k8s.v1.cni.cncf.io/networks",
		"k8s.v1.cni.cncf.io/Networks":            "k8s.v1.cni.cncf.io/networks",
		"k8s.v1.cni.cncf.io/netwroks":            "k8s.v1.cni.cncf.io/networks",
		"k8s.cni.cncf.io/networks":               "k8s.v1.cni.cncf.io/networks",
		"cni.cncf.io/networks":                   "k8s.v1.cni.cncf.io/networks",
		"k8s.v1.cncf.io/networks":                "k8s.v1.cni.cncf.io/networks",
		"k8s.v1.cni.cnfc.io/networks":            "k8s.v1.cni.cncf.io/networks",
		"kubernetes.v1.cni.cncf.io/networks":     "k8s.v1.cni.cncf.io/networks",
		"v1.multus-cni.io/networks":              "k8s.v1.cni.cncf.io/networks",
		"k8s.v1.cni.cncf.io.networks":            "k8s.v1.cni.cncf.io/networks",
		"k8s.v1.cni.cncf.io-networks":            "k8s.v1.cni.cncf.io/networks",
		"v1.multus-cni.io/default-networks":      "v1.multus-cni.io/default-network",
		"v1.multus-cni.io/defaultNetwork":        "v1.multus-cni.io/default-network",
		"multus-cni.io/default-network":          "v1.multus-cni.io/default-network",
		"k8s.v1.cni.cncf.io/default-network":     "v1.multus-cni.io/default-network",
		"ipam.spidernet.io/ip-pool":              "ipam.spidernet.io/ippool",
		"ipam.spidernet.io/ip-pools":             "ipam.spidernet.io/ippools",
		"ipam.spidernet.io/route":                "ipam.spidernet.io/routes",
		"spidernet.io/ippools":                   "ipam.spidernet.io/ippools",
		"ipam.spiderpool.io/ippool":              "ipam.spidernet.io/ippool",
		"cni.spidernet.io/rdma-resources-inject": "cni.spidernet.io/rdma-resource-inject",
		"ipam.spidernet.io/rdma-resource-inject": "cni.spidernet.io/rdma-resource-inject",
		"macvlan.pandaria.cattle.io/ips":         "macvlan.pandaria.cattle.io/ip",
		"macvlan.pandaria.io/ip":                 "macvlan.pandaria.cattle.io/ip",
		"macvlan.panda.io/subnet":                "macvlan.pandaria.cattle.io/subnet",
		"flatnetwork.pandaria.cattle.io/mac":     "flatnetwork.pandaria.io/mac",
		"flatnetwork.pandaria.io/subnets":        "flatnetwork.pandaria.io/subnet",

		// What there is of others under the same prefixes, and elsewhere.
		"k8s.v1.cni.cncf.io/network-status": "", "k8s.v1.cni.cncf.io/networks-status": "", "k8s.v1.cni.cncf.io/resourceName": "",
		"k8s.v1.cni.cncf.io/policy-for": "", "k8s.v1.cni.cncf.io/nodeSelector": "", "k8s.v1.cni.cncf.io/bridge-domain": "",
		"k8s.ovn.org/pod-networks": "", "v1.multus-cni.io/instance-type": "",
		"ipam.spidernet.io/default-ipv4-ippool": "", "ipam.spidernet.io/default-ipv6-ippool": "", "ipam.spidernet.io/dns": "",
		"ipam.spidernet.io/owner-spider-subnet": "", "ipam.spidernet.io/owner-application-name": "", "ipam.spidernet.io/interface": "",
		"ipam.spidernet.io/ip-version": "", "ipam.spidernet.io/subnet-cidr": "", "ipam.spidernet.io/ippool-cidr": "",
		"ipam.spidernet.io/app-name": "", "ipam.spidernet.io/app-kind": "", "multus.spidernet.io/cr-name": "", "multus.spidernet.io/cni-version": "",
		"cni.spidernet.io/cniconfig-name":       "",
		"macvlan.pandaria.cattle.io/selectedIp": "", "macvlan.pandaria.cattle.io/multipleIpHash": "", "macvlan.panda.io/selectedMac": "",
		"macvlan.panda.io/macvlanIpType": "", "macvlan.panda.io/macvlanService": "", "macvlan.panda.io/ipv6to4": "", "macvlan.panda.io/ingress": "",
		"flatnetwork.pandaria.io/selectedIP": "", "flatnetwork.pandaria.io/flatNetworkIPType": "", "flatnetwork.pandaria.io/flatMode": "",
		"flatnetwork.pandaria.io/ingress": "", "flatnetwork.pandaria.io/ipv6to4": "",
		"kubernetes.io/ingress.class": "", "cni.projectcalico.org/ipAddrs": "", "ovn.kubernetes.io/subnet": "", "example.com/networks": "",
		"networks": "", "k8s.v1.cni.cncf.io": "", "k8s.v1.cni.cncf.io/": "", "/networks": "", "": "",
		strings.Repeat("k8s.v1.cni.cncf.io/", 9): "",
	} {
		got, near := nearMiss(key)
		if got.Meant != want || near != (want != "") || near && (got.Key != key || got.Reader == "") {
			t.Errorf("%q: %+v, want %q", key, got, want)
		}
	}
	for _, key := range annotationKeys {
		if got, near := nearMiss(key); near {
			t.Errorf("%q is taken for %q", key, got.Meant)
		}
		if key != MirrorAnnotation && readerOf(key) == "" {
			t.Errorf("nobody reads %q", key)
		}
	}
}

func TestStrays(t *testing.T) {
	const networks, near = "k8s.v1.cni.cncf.io/networks", "k8s.v1.cni.cncf.io/network"
	annotated := func(pairs ...string) string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		text, _ := json.Marshal(m)
		return `{"annotations":` + string(text) + `}`
	}
	none := `{}`
	deployment := func(own, template string) string {
		return fmt.Sprintf(`{"metadata":%s,"spec":{"template":{"metadata":%s}}}`, own, template)
	}
	for name, test := range map[string]struct {
		apiVersion, kind, text string
		want                   []string
	}{
		"on the workload":           {"apps/v1", "Deployment", deployment(annotated(networks, "a"), none), []string{"metadata.annotations[" + networks + "]"}},
		"on both":                   {"apps/v1", "StatefulSet", deployment(annotated(networks, "a"), annotated(networks, "b")), nil},
		"nothing asked for":         {"apps/v1", "Deployment", deployment(annotated(networks, ""), none), nil},
		"nothing in the template":   {"apps/v1", "Deployment", deployment(annotated(networks, "a"), annotated(networks, "")), []string{"metadata.annotations[" + networks + "]"}},
		"of others":                 {"apps/v1", "Deployment", deployment(annotated("a", "b", "k8s.v1.cni.cncf.io/resourceName", "x"), none), nil},
		"misspelled":                {"apps/v1", "Deployment", deployment(none, annotated(near, "a")), []string{"spec.template.metadata.annotations[" + near + "]"}},
		"misspelled beside right":   {"v1", "Pod", `{"metadata":` + annotated(near, "a", networks, "b") + `}`, nil},
		"misspelled in a pod":       {"v1", "Pod", `{"metadata":` + annotated(near, "a") + `}`, []string{"metadata.annotations[" + near + "]"}},
		"flat network":              {"apps/v1", "Deployment", deployment(annotated("flatnetwork.pandaria.io/ip", "10.0.0.1"), none), []string{"metadata.annotations[flatnetwork.pandaria.io/ip]"}},
		"flat network of the other": {"apps/v1", "Deployment", deployment(annotated("flatnetwork.pandaria.io/ip", "10.0.0.1"), annotated("flatnetwork.pandaria.io/subnet", "a")), nil},
		"cron job": {"batch/v1", "CronJob", fmt.Sprintf(`{"metadata":%s,"spec":{"jobTemplate":{"metadata":%s}}}`, annotated(networks, "a"), annotated(networks, "a")),
			[]string{"metadata.annotations[" + networks + "]", "spec.jobTemplate.metadata.annotations[" + networks + "]"}},
		"replica set of a deployment": {"apps/v1", "ReplicaSet",
			`{"metadata":{"annotations":{"` + networks + `":"a"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"x","controller":true}]},"spec":{}}`, nil},
		"annotations that are none": {"apps/v1", "Deployment", `{"metadata":{"annotations":[5]},"spec":{}}`, nil},
		"values that are no texts":  {"apps/v1", "Deployment", `{"metadata":{"annotations":{"` + networks + `":5}},"spec":{}}`, nil},
	} {
		s, err := Decode(test.apiVersion, test.kind, "team-a", []byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for i := range s.Strays {
			place := s.Strays[i].Place().In(s.PodPath)
			got = append(got, place.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// A hostile object can have any number of them.
func TestStraysAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"metadata":{"annotations":{"a":"b"`)
	for i := range 50_000 {
		fmt.Fprintf(&b, `,"k%d.v1.cni.cncf.io/networks":"a"`, i)
	}
	b.WriteString(`}}}`)
	s, err := Decode("v1", "Pod", "team-a", []byte(b.String()))
	if err != nil || len(s.Strays) != maxStrays {
		t.Errorf("%d strays, %v", len(s.Strays), err)
	}
}
