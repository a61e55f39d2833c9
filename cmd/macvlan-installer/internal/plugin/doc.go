// Package plugin finds out what a CNI plugin's file is: by what the Go toolchain
// wrote into it, and by asking it.
package plugin
