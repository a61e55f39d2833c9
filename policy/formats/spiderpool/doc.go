// Package spiderpool says which IP pools the interfaces of a pod get from
// Spiderpool, and why a pool cannot serve one.
//
// [Parse] reads a pod's annotations, [CompilePool] what a SpiderIPPool says,
// [Choose] goes through Spiderpool's levels of choice for each interface, and
// [Pool.Misfit] repeats the filter that the chosen pools then pass through.
// What Spiderpool refuses is a fault here, what it ignores silently
// is one of another kind, and what depends on the node is not judged: no pod
// has a node yet when it is admitted.
//
// The rules come from Spiderpool 1.2.2: pkg/ipam/pool_selections.go for the
// choice, pkg/ipam/allocate.go for the filter, pkg/ipam/utils.go and
// pkg/applicationcontroller/applicationinformers/utils.go for the annotations,
// pkg/types/k8s.go for their JSON, and pkg/podmanager/utils.go for the
// injection of networks.
//
// The package is pure, takes any bytes without panicking, and needs time about
// linear in the length of a value. It promises no order among the pools of one
// list: Spiderpool sorts them by how closely they are bound, and those that are
// equal in that come in random order.
package spiderpool
