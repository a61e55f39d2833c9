// Package pod is the engine that judges pods and the templates of pods. It has no rules: they
// are in package rules below it, and reach it through exported readers alone.
//
//   - [Decode] makes a [Subject] of an object: what is read of it, and nothing else.
//   - [Parse] makes a [Request] of the subject: the annotations, parsed once. It asks
//     [Questions].
//   - An inventory answers with [Facts], and [Request.With] makes a [View] of both: which
//     interfaces the pod will have, on which networks and in which roles (interface.go), which
//     IP pools serve them (supply.go), which addresses are requested (addresses.go) and which
//     of these others hold (conflicts.go; ownerchain.go tells whether they belong together), and what is filled in
//     (complete.go).
//   - [View.Judge] runs rules over it, and [View.Unconfirmed] says what a refusal rests on and
//     has to be asked again.
//
// Requests and views are not changed once made; other facts make another view.
package pod
