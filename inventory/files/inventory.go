package files

import (
	"context"
	"fmt"
	"strings"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Inventory is what some files say that a cluster holds. It never changes.
type Inventory struct {
	networks        map[policy.Reference]*cniconf.Network
	coordinatorMode cniconf.CoordinatorMode
}

var _ inventory.Inventory = (*Inventory)(nil)

// NewInventory compiles the objects that an inventory is made of, and passes
// over the others. Objects without a namespace are taken to be in the one given.
// A later layer overrides an earlier one; a network that stands twice in one
// layer is an error that names both places.
func NewInventory(namespace string, layers ...[]Object) (*Inventory, error) {
	inv := &Inventory{networks: map[policy.Reference]*cniconf.Network{}}
	for _, layer := range layers {
		places := map[policy.Reference]string{}
		generated := map[policy.Reference]*cniconf.Network{}
		for i := range layer {
			o := &layer[i]
			if o.Kind == inventory.CoordinatorKind && inSpiderpool(o) {
				if err := inv.setCoordinatorMode(o); err != nil {
					return nil, fmt.Errorf("%s: decode %s: %w", o.Place(), o.Kind, err)
				}
				continue
			}
			network, err := compile(o, namespace)
			if err != nil {
				return nil, fmt.Errorf("%s: decode %s: %w", o.Place(), o.Kind, err)
			}
			if network == nil {
				continue
			}
			ref := policy.Reference{Namespace: network.Namespace, Name: network.Name}
			// A dump of a cluster has the objects that Spiderpool generated beside
			// those it generated them from: what was generated counts.
			if o.Kind == spiderMultusConfigKind {
				generated[ref] = network
				continue
			}
			if before, twice := places[ref]; twice {
				return nil, fmt.Errorf("%s: network %s stands at %s already: remove one of them", o.Place(), quote.Value(ref.String()), before)
			}
			places[ref], inv.networks[ref] = o.Place(), network
		}
		for ref, network := range generated {
			if _, written := places[ref]; !written {
				inv.networks[ref] = network
			}
		}
	}
	return inv, nil
}

// inSpiderpool says whether an object belongs to Spiderpool's API, in whichever
// version: a file may be older than what is read of a cluster.
func inSpiderpool(o *Object) bool {
	return strings.HasPrefix(o.APIVersion, inventory.SpiderpoolVersion.Group+"/")
}

func (i *Inventory) setCoordinatorMode(o *Object) error {
	var c inventory.SpiderCoordinator
	if err := kjson.UnmarshalCaseSensitivePreserveInts(o.JSON, &c); err != nil {
		return err
	}
	if c.Name == inventory.CoordinatorName {
		i.coordinatorMode = c.Spec.Mode
	}
	return nil
}

// compile is what an object says of a network, nil when it says nothing.
func compile(o *Object, namespace string) (*cniconf.Network, error) {
	switch {
	case o.APIVersion == inventory.NetworkAPIVersion && o.Kind == inventory.NetworkKind:
		var nad nadv1.NetworkAttachmentDefinition
		if err := kjson.UnmarshalCaseSensitivePreserveInts(o.JSON, &nad); err != nil {
			return nil, err
		}
		if nad.Namespace == "" {
			nad.Namespace = namespace
		}
		return inventory.CompileNetwork(&nad), nil
	case o.Kind == spiderMultusConfigKind && inSpiderpool(o):
		return compileSpiderMultusConfig(o, namespace)
	default:
		return nil, nil
	}
}

// Len is the number of networks.
func (i *Inventory) Len() int { return len(i.networks) }

// Facts implements [inventory.Inventory]. Without any network at all, networks
// are judged by their names.
func (i *Inventory) Facts(_ context.Context, references []policy.Reference) policy.Facts {
	f := policy.Facts{Networks: make([]policy.Fact, len(references)), NamesOnly: len(i.networks) == 0, CoordinatorMode: i.coordinatorMode}
	for n, ref := range references {
		f.Networks[n].Fresh = true
		if f.NamesOnly {
			f.Networks[n].Network = cniconf.FromName(ref.Namespace, ref.Name)
		} else {
			f.Networks[n].Network = i.networks[ref]
		}
	}
	return f
}

// Refresh implements [inventory.Inventory]: files are their own source.
func (i *Inventory) Refresh(_ context.Context, _ []policy.Reference, facts policy.Facts) policy.Facts {
	return facts
}
