package cluster

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// caches are what is followed. To follow another kind, add a cache here, make it in
// followAll, and describe the kind below; that the ClusterRole permits it is tested.
type caches struct {
	networks     *watched[cniconf.Network]
	coordinators *watched[cniconf.CoordinatorMode]
	namespaces   *watched[pod.Namespace]
	pools        *pools
	subnets      subnets
	holders      *holders
	// agents are Spiderpool's, with the network that each takes to be the cluster's own.
	agents   *watched[object.Reference]
	reserved *reserved
	// nodes is nil when they are not to be asked for.
	nodes *watched[nad.Node]
}

// followAll prepares to follow all kinds. Readiness, metrics and permissions follow from
// what each of them is.
func (f *follower) followAll(nodeFacts bool) (err error) {
	if f.networks, err = follow(f, networkKind()); err != nil {
		return err
	}
	if f.coordinators, err = follow(f, coordinatorKind()); err != nil {
		return err
	}
	if f.namespaces, err = follow(f, namespaceKind()); err != nil {
		return err
	}
	if f.pools, err = followPools(f); err != nil {
		return err
	}
	if f.subnets, err = followSubnets(f); err != nil {
		return err
	}
	if f.holders, err = followHolders(f); err != nil {
		return err
	}
	if f.agents, err = follow(f, agentKind()); err != nil {
		return err
	}
	if f.reserved, err = followReserved(f); err != nil {
		return err
	}
	if nodeFacts {
		f.nodes, err = follow(f, nodeKind())
	}
	return err
}

func networkKind() kind[cniconf.Network] {
	k := of(inventory.Networks, inventory.CompileNetwork)
	k.required = true
	k.lacking = inventory.ErrNoMultus
	k.gauge = gauge{"macvlan_webhook_networks", "Networks in the cache."}
	k.unreadable = func(ref object.Reference) *cniconf.Network {
		n := cniconf.Compile(cniconf.Source{Namespace: ref.Namespace, Name: ref.Name, Config: "{"})
		n.Unusable = "its config could not be read"
		return n
	}
	return k
}

func namespaceKind() kind[pod.Namespace] {
	k := of(inventory.Namespaces, inventory.CompileNamespace)
	k.required = true
	k.gauge = gauge{"macvlan_webhook_namespaces", "Namespaces in the cache."}
	k.unreadable = func(ref object.Reference) *pod.Namespace {
		return pod.CompileNamespace(map[string]string{corev1.LabelMetadataName: ref.Name}, nil)
	}
	return k
}

func coordinatorKind() kind[cniconf.CoordinatorMode] {
	return of(inventory.Coordinators, func(c *inventory.SpiderCoordinator) *cniconf.CoordinatorMode {
		mode := c.Spec.Mode
		return &mode
	})
}

func poolKind() kind[spiderpool.Pool] {
	k := of(inventory.Pools, inventory.CompilePool)
	k.gauge = gauge{"macvlan_webhook_pools", "Spiderpool's IP pools in the cache."}
	k.unreadable = func(ref object.Reference) *spiderpool.Pool {
		return &spiderpool.Pool{Name: ref.Name, Total: -1, Allocated: -1}
	}
	return k
}

// subnetKind is followed in the one namespace whose subnets are heeded.
func subnetKind(g flatnetwork.Generation) kind[flatnetwork.Subnet] {
	// It is there, and nothing is known of it.
	unread := func(ref object.Reference) *flatnetwork.Subnet {
		return &flatnetwork.Subnet{Reference: flatnetwork.SubnetReference{Generation: g, Name: ref.Name}}
	}
	k := of(inventory.Subnets(g), func(o *raw) *flatnetwork.Subnet {
		s, err := flatnetwork.CompileSubnet(g, o.Namespace, o.json)
		if err != nil {
			return unread(object.Reference{Name: o.Name})
		}
		return s
	})
	k.unreadable = unread
	k.gauge = gauge{"macvlan_webhook_subnets", "Subnets of the flat network in the cache."}
	return k
}

// recordKind is that of the records of one generation. One that cannot be read keeps no
// address.
func recordKind(g flatnetwork.Generation) kind[pod.Holder] {
	k := of(inventory.Records(g), func(o *raw) *pod.Holder {
		holder, err := inventory.CompileRecord(g, o.Namespace, o.json)
		if err != nil || len(holder.Claims) == 0 {
			return nil
		}
		return holder
	})
	k.fillInPages = true
	return k
}

// reservedKind is advice: nobody is refused because a pool is full at the moment.
func reservedKind() kind[ipam.Reserved] {
	k := of(inventory.WhereaboutsPools, inventory.CompileWhereaboutsPool)
	k.advice, k.fillInPages = true, true
	// Nothing is known to be in use.
	k.unreadable = func(object.Reference) *ipam.Reserved { return &ipam.Reserved{} }
	k.gauge = gauge{"macvlan_webhook_whereabouts_pools", "Pools of whereabouts in the cache."}
	return k
}

// workloadKind is one of workloads. What a workload made for itself keeps nothing: the
// workload does.
func workloadKind(workload inventory.Kind) kind[pod.Holder] {
	c := workload.Controller()
	k := of(workload, func(o *raw) *pod.Holder {
		subject, err := pod.Decode(c.APIVersion, c.Kind, o.Namespace, o.json)
		if err != nil || subject.Spawned() {
			return nil
		}
		return inventory.HolderOf(subject)
	})
	k.fillInPages = true
	return k
}

// agentKind is followed beside the other DaemonSets, of which nothing but their claims
// stays: it is one object, as a rule.
func agentKind() kind[object.Reference] {
	return of(inventory.Agents, func(o *raw) *object.Reference { return inventory.OwnNetworkOfAgent(o.Namespace, o.json) })
}

func nodeKind() kind[nad.Node] {
	k := of(inventory.Nodes, inventory.CompileNode)
	k.fillInPages = true
	k.advice = true
	k.gauge = gauge{"macvlan_webhook_nodes", "Nodes in the cache."}
	k.unreadable = func(ref object.Reference) *nad.Node { return nad.CompileNode(ref.Name, nil) }
	return k
}

// Permission is what an inventory does with one resource.
type Permission struct {
	Group, Resource string
	Verbs           []string
}

// Permissions are all that the inventory needs, so that roles can be compared with it:
// what is followed, and the pods that are listed and read now and then.
func (i *Inventory) Permissions() []Permission {
	all := []Permission{{inventory.Pods.Group, inventory.Pods.Resource, []string{"get", "list"}}}
	for _, k := range i.kinds {
		traits := k.traits()
		verbs := []string{"get", "list", "watch"}
		if traits.advice {
			verbs = verbs[1:]
		}
		all = append(all, Permission{traits.Group, traits.Resource, verbs})
	}
	return all
}
