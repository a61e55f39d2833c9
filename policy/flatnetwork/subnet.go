package flatnetwork

import (
	"net/netip"
	"strings"
)

// ProjectAnnotation on a namespace names the project of Rancher it belongs to, as
// CLUSTER:PROJECT. ProjectLabel on a subnet names the one whose namespaces may use it,
// with a dash in place of the colon.
const (
	ProjectAnnotation = "field.cattle.io/projectId"
	ProjectLabel      = "project"
)

// Project is the project of a [ProjectAnnotation] as a [ProjectLabel] writes it.
func Project(annotation string) string { return strings.ReplaceAll(annotation, ":", "-") }

// Subnet is what rules read of a MacvlanSubnet or FlatNetworkSubnet. It is not changed
// once made.
type Subnet struct {
	Reference SubnetReference
	// CIDR is the zero Prefix where the object's cannot be read.
	CIDR netip.Prefix
}
