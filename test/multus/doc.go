// Package multus holds our reading of the pod annotations against Multus' own.
//
// It is a module of its own, so that Multus and what it needs stay out of the
// product's dependencies. When the product's go.mod changes, `go mod tidy` in
// this folder follows it.
package multus
