// Package whereabouts holds our reading of networks of the IPAM plugin whereabouts against
// that plugin's own packages.
package whereabouts
