package nad

import "github.com/macvlan-webhook/macvlan-webhook/policy/verdict"

// Rule is a rule of networks.
type Rule = verdict.Rule[*view]

// Rules holds every rule of networks, in the order in which findings are reported.
var Rules = []Rule{
	ruleNADConfigInvalid,
	ruleNADAnnotationInvalid,
	ruleNADMacvlanInvalid,
	ruleNADChainInvalid,
	ruleNADPluginInvalid,
	ruleNADAddressInvalid,
	ruleNADRouteInvalid,
	ruleNADWhereaboutsInvalid,
	ruleNADIPAMKeyIgnored,
	ruleNADMasterNameTooLong,
	ruleMasterMissingOnNodes,
	ruleNADCNIVersionUnsupported,
	ruleNADRoleContradiction,
	ruleNADVLANWithoutEffect,
	ruleNADVLANMismatch,
	ruleNADHostLocalOnSharedLink,
	ruleNADGatewayOutsideSubnet,
	ruleNADAddressOverlap,
	ruleNADPassthruShared,
	ruleNADMasterBusy,
	ruleNADInUse,
}

// deletionRules are those of a network that is deleted: only what concerns its users.
var deletionRules = []Rule{ruleNADInUse}
