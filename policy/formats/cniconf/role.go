package cniconf

import "strings"

// Role says how the pods of a network get their routes, and so what it can
// stand beside.
type Role string

const (
	// RoleStandalone networks bring all routes of a pod and stand alone or
	// beside others of their kind; the first interface is one too.
	RoleStandalone Role = "standalone"
	// RoleOverlay networks are added to a pod whose first interface belongs to
	// the cluster's own network.
	RoleOverlay Role = "overlay"
	// RoleAuto networks are standalone as the first interface and otherwise what
	// the first interface is (Spiderpool's coordinator decides on the node).
	RoleAuto Role = "auto"
	// RoleDefault is the cluster's own network.
	RoleDefault Role = "default"
	// RoleNeutral networks leave the routes of the pod alone.
	RoleNeutral Role = "neutral"
	// RoleUnknown is what nothing is known of.
	RoleUnknown Role = "unknown"
)

// Evidence is what a role rests on, the strongest first: what the node does whatever else
// is written, what is stated, and what depends on more than the network. A coordinator that
// names underlay or overlay is as strong as a plugin.
type Evidence string

const (
	// EvidencePlugin is a veth or router plugin in the chain.
	EvidencePlugin Evidence = "plugin"
	// EvidenceAnnotation is [InstanceTypeAnnotation].
	EvidenceAnnotation Evidence = "annotation"
	// EvidenceCoordinator is the mode of a coordinator plugin in the chain.
	EvidenceCoordinator Evidence = "coordinator"
	// EvidenceLabel is [UnderlayTypeLabel].
	EvidenceLabel Evidence = "label"
	// EvidenceName is how the name begins: a convention, the weakest evidence.
	EvidenceName Evidence = "name"
	// EvidenceNone says that nothing speaks for any role.
	EvidenceNone Evidence = "none"
)

// CoordinatorMode is the mode of Spiderpool's coordinator plugin, in a network
// or, for networks that name none, of the cluster (SpiderCoordinator
// spec.mode).
type CoordinatorMode string

const (
	// ModeAuto lets the coordinator find out on the node; the default.
	ModeAuto CoordinatorMode = "auto"
	// ModeUnderlay makes a network standalone.
	ModeUnderlay CoordinatorMode = "underlay"
	// ModeOverlay makes a network overlay.
	ModeOverlay CoordinatorMode = "overlay"
	// ModeDisable makes the coordinator do nothing.
	ModeDisable CoordinatorMode = "disable"
)

// role is what a mode makes of the network. Anything unknown counts as auto,
// Spiderpool's default.
func (m CoordinatorMode) role() Role {
	switch m {
	case ModeUnderlay:
		return RoleStandalone
	case ModeOverlay:
		return RoleOverlay
	case ModeDisable:
		return RoleNeutral
	default:
		return RoleAuto
	}
}

// ground is one piece of evidence and what follows from it. All of them are
// constants, so that networks only point at them and texts need no quoting.
type ground struct {
	evidence Evidence
	// role is empty where the mode of the cluster decides.
	role   Role
	detail string
}

// decisive says that the chain fixes the role on the node by itself: nothing that is stated
// elsewhere changes what these plugins do.
func (g *ground) decisive() bool {
	return g.evidence == EvidencePlugin || g.evidence == EvidenceCoordinator && (g.role == RoleStandalone || g.role == RoleOverlay)
}

func (g *ground) roleIn(clusterMode CoordinatorMode) Role {
	if g.role == "" {
		return clusterMode.role()
	}
	return g.role
}

// Role says which role the network has and what that rests on. The mode of the
// cluster counts only where a chained coordinator names no mode.
func (n *Network) Role(clusterMode CoordinatorMode) (Role, Evidence) {
	g := n.ground()
	return g.roleIn(clusterMode), g.evidence
}

// Inherits says whether the role depends on the mode of the cluster: a chained coordinator
// names none.
func (n *Network) Inherits() bool {
	g := n.ground()
	return g.roleIn(ModeUnderlay) != g.roleIn(ModeOverlay)
}

// EvidenceDetail explains what the role rests on, as a clause about the network:
// `its chain has the plugin "router"`. It holds no text from the object.
func (n *Network) EvidenceDetail() string { return n.ground().detail }

// Contradiction says, as a clause about the network, that its annotation states another
// role than its plugins make; empty when it does not. Pods follow the plugins, whatever
// the annotation says. Where the plugins leave the role to the cluster's mode of
// coordinators, only the opposite role contradicts.
func (n *Network) Contradiction(clusterMode CoordinatorMode) string {
	if n.annotated == nil || n.chained == nil {
		return ""
	}
	stated, made := n.annotated.role, n.chained.roleIn(clusterMode)
	if n.chained.decisive() && stated != made ||
		stated == RoleStandalone && made == RoleOverlay || stated == RoleOverlay && made == RoleStandalone {
		return n.annotated.detail + ", which means " + statedRole(stated) +
			", but " + n.chained.detail + ", which makes it " + string(made)
	}
	return ""
}

// statedRole is a role of the annotation in words.
func statedRole(r Role) string {
	switch r {
	case RoleDefault:
		return "the cluster's own network"
	case RoleNeutral:
		return "that nothing adjusts routes for it"
	default:
		return string(r)
	}
}

// ground is the strongest evidence.
func (n *Network) ground() *ground {
	switch {
	case n.chained != nil && n.chained.decisive():
		return n.chained
	case n.annotated != nil:
		return n.annotated
	case n.chained != nil:
		return n.chained
	case n.fallback != nil:
		return n.fallback
	default: // the zero Network
		return unknownGround
	}
}

// annotationGrounds are the values of [InstanceTypeAnnotation] over the chart's
// history, in the spelling of normal. The SR-IOV values say the same as those of
// macvlan; DPDK leaves routing to the application.
var annotationGrounds = map[string]*ground{
	"default":            annotationGround("default", RoleDefault),
	"macvlan_standalone": annotationGround("macvlan_standalone", RoleStandalone),
	"macvlan_underlay":   annotationGround("macvlan_underlay", RoleStandalone),
	"macvlan_overlay":    annotationGround("macvlan_overlay", RoleOverlay),
	"sriov_standalone":   annotationGround("sriov_standalone", RoleStandalone),
	"sriov_underlay":     annotationGround("sriov_underlay", RoleStandalone),
	"sriov_overlay":      annotationGround("sriov_overlay", RoleOverlay),
	"sriov_dpdk":         annotationGround("sriov_dpdk", RoleNeutral),
}

func annotationGround(value string, r Role) *ground {
	return &ground{EvidenceAnnotation, r, "annotation " + InstanceTypeAnnotation + ` is "` + value + `"`}
}

var pluginGrounds = map[string]*ground{
	pluginVeth:   {EvidencePlugin, RoleStandalone, `its chain has the plugin "` + pluginVeth + `"`},
	pluginRouter: {EvidencePlugin, RoleOverlay, `its chain has the plugin "` + pluginRouter + `"`},
}

// coordinatorGrounds are the modes the coordinator knows; it compares them
// literally (cmd/coordinator/cmd/cni_types.go and utils.go of Spiderpool 1.2).
var coordinatorGrounds = map[CoordinatorMode]*ground{
	"":           {EvidenceCoordinator, "", "its chained coordinator names no mode, so the cluster's applies"},
	ModeAuto:     coordinatorGround(ModeAuto),
	ModeUnderlay: coordinatorGround(ModeUnderlay),
	ModeOverlay:  coordinatorGround(ModeOverlay),
	ModeDisable:  coordinatorGround(ModeDisable),
}

func coordinatorGround(m CoordinatorMode) *ground {
	return &ground{EvidenceCoordinator, m.role(), `its chained coordinator has the mode "` + string(m) + `"`}
}

var labelGrounds = map[string]*ground{
	"standalone": {EvidenceLabel, RoleStandalone, "label " + UnderlayTypeLabel + ` is "standalone"`},
	"overlay":    {EvidenceLabel, RoleOverlay, "label " + UnderlayTypeLabel + ` is "overlay"`},
}

// nameGrounds are the names that DaoCloud's chart gives by itself. Users may
// choose any other, and the same prefix may stand on either kind.
var nameGrounds = []struct {
	prefix string
	ground *ground
}{
	{"macvlan-standalone", nameGround("macvlan-standalone", "macvlan", RoleStandalone)},
	{"macvlan-overlay", nameGround("macvlan-overlay", "macvlan", RoleOverlay)},
	{"sriov-standalone", nameGround("sriov-standalone", "sriov", RoleStandalone)},
	{"sriov-overlay", nameGround("sriov-overlay", "sriov", RoleOverlay)},
}

func nameGround(prefix, kind string, r Role) *ground {
	return &ground{EvidenceName, r, `its name begins with "` + prefix + `"; annotation ` + InstanceTypeAnnotation +
		` on it ("` + kind + `_underlay" or "` + kind + `_overlay") would settle it`}
}

var (
	neutralGround = &ground{EvidenceNone, RoleNeutral, "no annotation, chained plugin, label or name makes it standalone or overlay"}
	unknownGround = &ground{EvidenceNone, RoleUnknown, "no annotation, chained plugin, label or name shows what it is"}
)

// groundOfAnnotation is nil for a value that is no known type: people invent
// their own, and the chain may still tell.
func groundOfAnnotation(value string) *ground { return annotationGrounds[normal(value)] }

// KnownInstanceType says whether a value of [InstanceTypeAnnotation] tells the role.
func KnownInstanceType(value string) bool { return groundOfAnnotation(value) != nil }

// groundOfLast is what remains when neither annotation nor chain tell.
func groundOfLast(label, name, mainPlugin string) *ground {
	if g := labelGrounds[normal(label)]; g != nil {
		return g
	}
	for _, g := range nameGrounds {
		if strings.HasPrefix(name, g.prefix) {
			return g.ground
		}
	}
	switch mainPlugin {
	case pluginMacvlan, pluginIPvlan, pluginSRIOV:
		return neutralGround
	}
	return unknownGround
}

// normal is the one spelling of values that clusters have with dashes, spaces
// and capitals.
func normal(value string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(value)), "-", "_")
}
