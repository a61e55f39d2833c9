// Package nad judges NetworkAttachmentDefinitions when they are written or deleted: a
// [Subject] with [Facts] about other networks, nodes and users, and the [Rules]. A rule reads
// a view; pods that use a network are judged in package pod.
package nad
