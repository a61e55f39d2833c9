// Package object is what all kinds of subject read of a Kubernetes object: its metadata, the
// names of objects, and where in an object something is.
package object
