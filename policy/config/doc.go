// Package config is the PolicyConfig: how a cluster is set up, as far as its objects do not
// tell, and how strict the rules are.
package config
