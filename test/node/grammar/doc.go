// Package grammar holds our reading of the pod annotations against Multus' own.
package grammar
