// Package policy says what is right and what is wrong about the networks that
// pods ask for in their annotations.
//
// It is pure: no clock, no network, no Kubernetes client, no logging. A caller
// hands it a subject, asks what the verdict depends on, looks that up wherever it likes,
// and gets a [verdict.Verdict]:
//
//	request := pod.Parse(subject, config)
//	facts := inventory.Facts(ctx, request.Questions())
//	verdict := rules.Judge(request.With(facts))
//
// Package review does exactly this for the admission server and for kubectl-macvlan, so
// both say the same in the same words.
//
// # What is where
//
// Three kinds of subject are judged, each in a package with its facts and its rules:
//
//   - pod: pods and the templates of pods. [pod.Request] is what the annotations ask for,
//     [pod.View] is that beside an inventory's answers. Its rules are in pod/rules.
//   - nad: NetworkAttachmentDefinitions.
//   - subnet: the subnets of Rancher's flat network.
//
// Beside them, package file judges how objects stand in files, of which only kubectl-macvlan
// knows.
//
// They share verdict (findings, actions, modes), object (references, identities, places in
// objects) and config (PolicyConfig). What users read about the rules is in ruledocs.
//
// Below them, and knowing nothing of subjects and rules:
//
//   - formats: the texts of other programs, each read as that program reads it: multus,
//     cniconf (with the IPAM plugins in cniconf/ipam), spiderpool and flatnetwork.
//   - links: our own annotation of nodes.
//   - text: where something is in YAML and JSON (document, jsonplace), how values get into
//     messages (quote), what is misspelled (spelling), what is filled in later (placeholder), and
//     how many mistakes of a kind are kept (tally).
//   - address: cidr and mac.
//
// # How a rule is added
//
//  1. Write rule_<id with underscores>.go in pod/rules, nad, subnet or file: one Rule value with
//     its ID, default action and check.
//     If it reads an annotation that no rule has read before, add that to
//     pod/annotations.go, or to networkAnnotationKeys in nad: all others are dropped while
//     decoding. What makes a pod one that is judged also goes into the match conditions in
//     manifests/base, which a test compares.
//  2. Put the value into the table in rules.go beside it (Table or Rules), where its findings
//     should be.
//  3. Write ruledocs/<id>.md, in the form that package ruledocs describes: users read it, and
//     a test executes its examples. `make docs` writes docs/rules.md from these files.
//  4. Write a test beside the rule for what fixtures cannot say.
//  5. Add test/fixtures/<id>/pass/*.yaml and test/fixtures/<id>/fail/*.yaml:
//     a test fails without at least one of each. Package fixtures says how a
//     case states what is expected, and where its networks are. The cases of a rule of files
//     are a script, cmd/kubectl-macvlan/testdata/script/rule_<id>.txtar.
//
// A rule of pods reads a [pod.View]. Whatever rests on an inventory's answers is read by a
// method of the view or of an interface, which notes that it was read: so a refusal is
// confirmed by a fresh look at just what it rests on. A check returns findings; whether they
// deny or warn in the end is for the configuration to say, unless a finding is softened: what
// may come right by itself on a template only warns.
package policy
