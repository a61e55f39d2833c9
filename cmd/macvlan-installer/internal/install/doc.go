// Package install puts bundled plugins into a node's folder of CNI plugins, keeps
// what it replaces, and takes everything back.
//
// # What is in the folder
//
// Beside the plugins, whose names everybody shares, there are files of our own,
// whose names nobody else has:
//
//	.macvlan-installer.json        what was placed, and what it replaced
//	.macvlan-installer.kept.NAME   what NAME was before
//	.macvlan-installer.aside.NAME.*  what took our place, works or may, and had to
//	                               make way; it stays until somebody takes it
//	.macvlan-installer.tmp.*       being written; left over when a run is killed
//
// # The order of a write
//
// The bytes first, under a temporary name and on the disk for good. Then the
// state file, which says what is about to be placed and what is about to be
// replaced. Then the replaced file, kept by a further hard link. Only then the
// rename, which is all that others ever see: an exchange of the two files, so that one
// that somebody else puts there at that moment is not lost. Whoever comes after a power cut or a
// SIGKILL compares the file at NAME with the state file: it is what was placed, or
// what was to be replaced, or it was changed by somebody else. Nothing is removed
// before something else has taken its place.
//
// All of it happens under an flock on the folder, so that the pods of a rolling
// update wait for each other. Whatever changes the folder goes through the type
// folder.
package install
