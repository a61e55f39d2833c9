// Package subnet judges the subnets of Rancher's flat network, of both generations, when they
// are written: a [Subject] with [Facts] about the others, and the [Rules].
package subnet
