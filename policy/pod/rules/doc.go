// Package rules holds the rules of pods and of the templates of pods, one in each file, and
// [Table], their order. What several of them need is beside them: faults of the annotation
// grammars (multusfaults.go, flatfaults.go), findings about IP pools (poolfindings.go), and
// annotations to paste into remedies (paste.go).
package rules
