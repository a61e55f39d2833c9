// Package multus reads the two pod annotations that Multus reads, and names
// the interfaces that it will make of them.
//
// An annotation that Multus refuses is refused here. So is one that Multus
// takes but that is certain to fail when the node acts on it: a network whose
// name no object can have, an interface name that libcni or the kernel
// refuses, a MAC address that no macvlan link accepts. Everything else passes,
// unknown JSON keys included, which [UnreadKeys] finds. The tests in
// test/node/grammar hold this package against Multus itself.
//
// The rules come from Multus 4.3.0 (pkg/k8sclient/k8sclient.go for the
// annotations, pkg/multus/multus.go for the interface names), libcni 1.3
// (pkg/utils/utils.go) and the Linux kernel (net/core/dev.c).
//
// The package is pure, takes any bytes without panicking, and needs time
// linear in the length of the value.
package multus
