// Package policy says what is right and what is wrong about the networks that
// a pod asks for in its annotations.
//
// It is pure: no clock, no network, no Kubernetes client, no logging. A caller
// hands it a [Subject] (a pod or a pod template), asks what it depends on, looks
// that up wherever it likes, and gets a [Verdict]:
//
//	pod := policy.Parse(subject, config)
//	facts := inventory.Facts(ctx, pod.Questions())
//	verdict := pod.Judge(facts)
//
// The admission server and kubectl-macvlan do exactly this, so both say the
// same in the same words. Before it, [Pod.Complete] fills in the default pools of
// a pod that names none.
//
// A NetworkAttachmentDefinition is a subject of its own ([DecodeNetwork]), with rules
// of its own: those of the group of that name have a checkNetwork in place of a
// check. So is a subnet of Rancher's flat network ([DecodeSubnet], checkSubnet).
//
// # How a rule is added
//
//  1. Write rule_<id with underscores>.go: one [Rule] value with its ID, title,
//     group, default action, documentation, remedy and check. Users read the
//     title, Doc, Remedy and the examples Wrong and Right, which a test executes.
//     restsOn says which of the inventory's answers the rule reads (networks, pools
//     and the namespace, subnets, holders of addresses), so that a refusal is confirmed
//     by a fresh look.
//  2. Put the value into the table in rules.go, where its findings should stand.
//  3. Write a test beside it for what fixtures cannot say.
//  4. Add test/fixtures/<id>/pass/*.yaml and test/fixtures/<id>/fail/*.yaml:
//     a test fails without at least one of each. Package fixtures says how a
//     case states what is expected, and where its networks stand.
//  5. Run `make docs`, which writes docs/rules.md from the table.
//
// A check reads the [Pod]: annotations parsed once, networks resolved once, the
// list of interfaces and the pools of each computed once (supply.go), and so the list of
// the addresses that it asks for (addresses.go) and of those that others hold
// (contest.go). It returns findings; whether they deny or warn in the end is for the table and the configuration to say, unless the
// finding is softened: what may come right by itself on a template only warns.
package policy
