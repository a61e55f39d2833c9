package files

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

// addFlatNetwork compiles a subnet or a record of the flat network, and passes over
// any other object.
func (l *layer) addFlatNetwork(o *Object) error {
	if g, ok := flatnetwork.SubnetGeneration(o.APIVersion, o.Kind); ok {
		return l.addSubnet(g, o)
	}
	for _, g := range flatnetwork.Generations {
		if o.APIVersion == inventory.FlatNetworkVersion(g).String() && o.Kind == g.RecordKind() {
			return l.addRecord(g, o)
		}
	}
	return nil
}

// addSubnet adds a subnet. One outside the namespace whose subnets are heeded is none
// that a pod could name; without a namespace it is taken to be meant for that one, which
// its own verdict asks to be written.
func (l *layer) addSubnet(g flatnetwork.Generation, o *Object) error {
	subnet, err := flatnetwork.CompileSubnet(g, g.SubnetNamespace(), o.JSON)
	switch {
	case err != nil:
		return undecoded(o, err)
	case subnet.Namespace != g.SubnetNamespace() || subnet.Generated:
		return nil
	}
	if err := l.claim(o, subject{g.SubnetKind(), policy.Reference{Name: subnet.Reference.Name}}); err != nil {
		return err
	}
	l.inv.subnets[subnet.Reference] = subnet
	return nil
}

func (l *layer) addRecord(g flatnetwork.Generation, o *Object) error {
	holder, err := inventory.CompileRecord(g, cmp.Or(o.Namespace, l.namespace), o.JSON)
	if err != nil {
		return undecoded(o, err)
	}
	l.inv.holders.Set(holderKey(o.Kind, holder.Namespace, holder.Name), holder)
	return nil
}

// undecoded names the place of an object that cannot be decoded, and the field at fault.
func undecoded(o *Object, err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) || wrong.Field == "" {
		return fmt.Errorf("%s: decode %s: %w", o.Place(), o.Kind, err)
	}
	var path []any
	for step := range strings.SplitSeq(wrong.Field, ".") {
		path = append(path, step)
	}
	at := o.Position(0, path...)
	return fmt.Errorf("%s:%d:%d: decode %s: %s is of the wrong type: %s", o.Path, at.Line, at.Column, o.Kind, wrong.Field, wrong.Value)
}

func holderKey(kind, namespace, name string) string { return kind + "/" + namespace + "/" + name }

// owned is what is known of a pod or workload as the owner of others.
type owned struct {
	owner    policy.Identity
	deleting bool
}

// noteOwner notes what controls a pod or workload, for those that it controls.
func (i *Inventory) noteOwner(s *policy.Subject) {
	id := s.Identity()
	id.UID = ""
	i.owned[id] = owned{s.Owner, s.Deleting}
	if s.Kind == inventory.PodKind.Kind {
		i.pods[policy.Reference{Namespace: s.Namespace, Name: s.Name}] = s
	}
}

// ownership is who is above an object, as far as the files tell.
type ownership struct {
	// chain are the owners, from the nearest upwards.
	chain []policy.Identity
	// partial says that it ends with a workload that the files do not have, and ending
	// that one of the owners is being deleted.
	partial, ending bool
}

// above follows owners upwards, beginning with the first.
func (i *Inventory) above(first policy.Identity) ownership {
	var o ownership
	seen := map[policy.Identity]bool{}
	for next := first; next.Name != ""; {
		named := next
		named.UID = ""
		// Nothing keeps owner references from forming a circle.
		if seen[named] {
			break
		}
		seen[named] = true
		o.chain = append(o.chain, next)
		owned, known := i.owned[named]
		if !known {
			o.partial = policy.HoldsPod(next.APIVersion, next.Kind)
			break
		}
		o.ending = o.ending || owned.deleting
		next = owned.owner
	}
	return o
}

// subnetFact answers about one subnet. Without any of its generation it is not known
// which there are.
func (i *Inventory) subnetFact(ref flatnetwork.SubnetReference) policy.Answer[flatnetwork.Subnet] {
	fact := policy.Answer[flatnetwork.Subnet]{Value: i.subnets[ref], Unknown: true, Fresh: true}
	for other := range i.subnets {
		fact.Unknown = fact.Unknown && other.Generation != ref.Generation
	}
	return fact
}

// holderFacts answers who holds the addresses.
func (i *Inventory) holderFacts(q *policy.Questions) policy.HolderFacts {
	facts := policy.HolderFacts{
		Networks: map[policy.Reference]*cniconf.Network{},
		Subnets:  map[flatnetwork.SubnetReference]*flatnetwork.Subnet{},
		Fresh:    true,
	}
	above := i.above(q.Owner)
	facts.Owners, facts.Partial = above.chain, above.partial
	for _, h := range i.holders.Of(&q.Addresses) {
		fact := policy.HolderFact{Holder: h, Ending: h.Deleting}
		owner := h.Owner
		if h.Record.Name != "" && owner.Name == "" {
			// A record names its pod, and the pod its controller.
			pod, known := i.pods[policy.Reference{Namespace: h.Namespace, Name: h.Name}]
			if known && !pod.Identity().Is(h.Identity) {
				continue
			}
			if known {
				owner, fact.Ending = pod.Owner, pod.Deleting
			} else {
				fact.Partial = true
			}
		}
		above := i.above(owner)
		fact.Owners = above.chain
		fact.Partial = fact.Partial || above.partial
		fact.Ending = fact.Ending || above.ending
		facts.Holders = append(facts.Holders, fact)
	}
	networks, subnets := inventory.Named(facts.Holders, q.DefaultNamespace)
	for _, ref := range networks {
		if n := i.networks[ref]; n != nil {
			facts.Networks[ref] = n
		}
	}
	for _, ref := range subnets {
		if s := i.subnets[ref]; s != nil {
			facts.Subnets[ref] = s
		}
	}
	return facts
}

// Has implements [inventory.Layer].
func (i *Inventory) Has(id policy.Identity) bool {
	id.UID = ""
	_, ok := i.owned[id]
	return ok
}

// Subnets implements [inventory.Inventory].
func (i *Inventory) Subnets(context.Context) iter.Seq[*flatnetwork.Subnet] {
	return maps.Values(i.subnets)
}
