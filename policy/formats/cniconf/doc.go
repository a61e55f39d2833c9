// Package cniconf reads what a NetworkAttachmentDefinition says: which CNI
// plugins it runs, the fields of macvlan, where addresses come from, and whether
// its pods get routes of their own (standalone) or beside those of the cluster's
// network (overlay).
//
// An object is compiled once, when it changes, into a [Network] of plain values,
// so that rules never read JSON. Nothing of the config text stays in memory.
//
// The verdict on a config is the one of the programs that will read it on the
// node, taken from their source:
//
//   - Multus 4.3 (pkg/types/conf.go, and GetCNIConfigFromSpec of
//     network-attachment-definition-client 1.7.7) fills in the name and tells a
//     single plugin from a list;
//   - libcni 1.3.1 takes lists and plugins apart; it is called, not imitated;
//   - macvlan 1.10.0 of containernetworking/plugins and Spiderpool's coordinator decode
//     fields of their own, and so do the IPAM plugins of package ipam: host-local and
//     static 1.10.0, and Spiderpool's.
package cniconf
