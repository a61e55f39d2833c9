package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Judge runs all rules over a pod or template.
func Judge(v *pod.View) verdict.Verdict { return v.Judge(Table) }

// Table holds every rule of pods and templates, in the order in which findings are reported: first
// what makes all the rest pointless, then what cannot be read, what cannot be
// found, and what does not fit together.
var Table = []pod.Rule{
	ruleHostNetwork,
	ruleAnnotationMisplaced,

	ruleNetworkAnnotationInvalid,
	ruleDefaultNetworkCount,
	ruleInterfaceNameInvalid,
	ruleInterfaceNameConflict,
	ruleMACRequestInvalid,
	ruleIPRequestInvalid,
	ruleGUIDRequestInvalid,
	ruleDefaultRouteConflict,
	ruleNetworkAnnotationUnknownField,

	ruleNetworkNotFound,
	ruleNetworkConfigUnusable,
	ruleMasterBusy,
	ruleRouteInvalid,
	ruleResourceNotRequested,
	ruleNamespaceIsolation,

	ruleOverlayAsDefaultNetwork,
	ruleStandaloneMixedWithOverlay,
	ruleStandaloneOnOverlayPod,
	ruleInterfaceNameUnsupported,
	ruleDefaultNetworkUnusable,
	ruleNetworkNotCoordinated,
	ruleDefaultRouteTaken,

	ruleFlatNetworkKeysMixed,
	ruleFlatNetworkNotAttached,
	ruleFlatNetworkAnnotationInvalid,
	ruleFlatNetworkSubnetMissing,
	ruleFlatNetworkSubnetNotFound,
	ruleFlatNetworkProject,

	ruleTooManyAddressPairs,
	ruleAddressCountMismatch,
	ruleAddressDuplicate,
	ruleAddressNotAssignable,
	ruleTooFewAddresses,
	ruleAddressesRunningOut,
	ruleAddressInUse,
	ruleLabelValueTooLong,

	ruleResourceInjectOverridesNetworks,
	ruleSpiderpoolAnnotationIgnored,
	ruleIPPoolAnnotationInvalid,
	ruleIPPoolUnknownField,
	ruleIPPoolsInterfaceMissing,
	ruleIPPoolsInterfaceUnknown,
	ruleIPPoolNotFound,
	ruleIPPoolDisabled,
	ruleIPPoolWrongFamily,
	ruleIPPoolNetworkMismatch,
	ruleIPPoolNamespaceMismatch,
	ruleIPPoolPodMismatch,
	ruleIPPoolShared,
	ruleIPPoolExhausted,
	ruleIPPoolDefaultMissing,
	ruleIPPoolDefaultNotFilledIn,
	ruleSpiderpoolAnnotationInvalid,
	ruleSubnetAnnotationUnsupported,
}
