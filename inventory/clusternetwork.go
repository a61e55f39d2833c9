package inventory

import (
	"fmt"
	"iter"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// ClusterNetworkProblem says that the configuration names a network as the cluster's own
// which is not there; nil where it is, where none is named, and where it is not known. All
// says that the networks are all there are; otherwise those of a namespace count as known
// where there is any. No networks at all is nil: nothing is known.
func ClusterNetworkProblem(c *config.Config, networks iter.Seq[*cniconf.Network], all bool) error {
	own := c.ClusterNetwork()
	if own == (object.Reference{}) || networks == nil {
		return nil
	}
	for n := range networks {
		if n.Namespace == own.Namespace {
			if n.Name == own.Name {
				return nil
			}
			all = true
		}
	}
	if !all {
		return nil
	}
	return NoClusterNetwork(own)
}

// NoClusterNetwork is the error that the network named as the cluster's own is not there.
func NoClusterNetwork(own object.Reference) error {
	return fmt.Errorf("multus.clusterNetwork: no NetworkAttachmentDefinition is called %s, so the cluster's own network is taken to be a CNI configuration on the nodes; "+
		"correct the name, or write \"\"", quote.Value(own.String()))
}
