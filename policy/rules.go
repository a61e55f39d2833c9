package policy

// Groups of rules, as documentation shows them.
const (
	groupMultus     = "What Multus cannot parse"
	groupResolve    = "What cannot be resolved"
	groupPlacement  = "Placement"
	groupAddresses  = "Static addresses"
	groupFlat       = "Rancher flat network"
	groupSpiderpool = "Spiderpool"
	groupNetworks   = "NetworkAttachmentDefinition"
)

// table holds every rule, in the order in which findings are reported: first
// what makes all the rest pointless, then what cannot be read, what cannot be
// found, and what does not fit together.
var table = []Rule{
	ruleHostNetwork,

	ruleNetworkAnnotationInvalid,
	ruleDefaultNetworkCount,
	ruleInterfaceNameInvalid,
	ruleInterfaceNameConflict,
	ruleMACRequestInvalid,
	ruleIPRequestInvalid,
	ruleGUIDRequestInvalid,
	ruleDefaultRouteConflict,

	ruleNetworkNotFound,
	ruleNetworkConfigUnusable,
	ruleNamespaceIsolation,

	ruleOverlayAsDefaultNetwork,
	ruleStandaloneMixedWithOverlay,
	ruleStandaloneOnOverlayPod,
	ruleInterfaceNameUnsupported,
	ruleNetworkNotCoordinated,

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

	ruleNADConfigInvalid,
	ruleNADAnnotationInvalid,
	ruleNADMacvlanInvalid,
	ruleNADMasterNameTooLong,
	ruleMasterMissingOnNodes,
	ruleNADCNIVersionUnsupported,
	ruleNADRoleContradiction,
	ruleNADVLANWithoutEffect,
	ruleNADVLANMismatch,
	ruleNADHostLocalOnSharedLink,
	ruleNADAddressOverlap,
	ruleNADPassthruShared,
	ruleNADInUse,

	ruleFlatNetworkSubnetInvalid,
	ruleFlatNetworkSubnetOverlap,
}
