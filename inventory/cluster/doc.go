// Package cluster answers from a Kubernetes cluster.
//
// An informer keeps what rules need of every NetworkAttachmentDefinition,
// compiled. Two things keep a fresh object from being misjudged: where the cache
// has nothing, the API server is asked; and before a refusal that rests on the
// cache, it is asked again ([Inventory.Refresh]).
//
// Live reads of one network are shared between those who wait for it, with one
// condition: a read counts for an asker only when it was sent after the asker
// came. So an answer is never older than the question, even when the network was
// created between two questions.
package cluster
