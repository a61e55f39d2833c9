// Package cluster answers from a Kubernetes cluster.
//
// Informers keep what rules need of every NetworkAttachmentDefinition, Namespace,
// SpiderIPPool and subnet of the flat network, compiled, and if asked for of every
// Node. Two things keep a fresh object from being misjudged: where the cache has no
// network, subnet or namespace, the API server is asked; and before a refusal that
// rests on the cache, it is asked again ([Inventory.Refresh]).
//
// Who holds an address is found in an index of all the workloads and records that keep
// any. Of a workload that keeps none nothing stays but its name. Pods are not followed:
// whether that of a record is still there, and what is above it, is asked when a
// refusal would rest on it.
//
// Live reads of one object are shared between those who wait for it, with one
// condition: a read counts for an asker only when it was sent after the asker
// came. So an answer is never older than the question, even when the object was
// created between two questions. The same holds for live lists of all pools.
//
// A kind to be followed is described in package inventory, added to kinds.go, and
// permitted in the ClusterRole, which a test compares.
//
// A resource that the cluster does not have is waited for: nothing of its kind is
// known until it is installed, and that is no reason not to be ready. Nor is, after a
// while, a cache that cannot be filled, unless every verdict needs it: what depends on it
// is answered with the reason.
//
// A command that judges once takes no cache: for it [Objects] lists what a snapshot is
// made of.
package cluster
