// Package node runs pods as a node does and holds our verdicts against what becomes of
// them: Multus' own ADD, in process, with the CNI plugins of the bundle and the other
// reference plugins, on links that stand in for a node's, in network namespaces of their
// own; then what containerd makes of the result.
//
// A pod that we allow must start, with the addresses, the MAC addresses, the names of
// interfaces and the default routes that it asks for. One that we deny by a rule that a node
// can prove must not ([provable]).
//
// It is a module of its own, so that Multus, the plugins and containerd stay out of the
// product's dependencies. When the product's go.mod changes, `go mod tidy` in this folder
// follows it. Folder grammar holds our reading of the annotations against Multus'.
//
// What a network needs that cannot be had here (Spiderpool's plugins, an API server for
// whereabouts, a kind of link that the kernel lacks) is counted by name, and a pod that gets
// as far as that proves nothing.
package node
