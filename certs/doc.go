// Package certs gives the webhook server its serving certificate and gives the
// API server the means to trust it.
//
// There are two ways to get one:
//
//   - [SelfSigned], the default, needs nothing installed beside it. A CA is kept
//     in one Secret, made by whichever replica comes first. Each replica signs
//     a short-lived serving certificate for itself and holds it in memory only:
//     nothing is mounted, so no replica serves an old certificate while it
//     waits for the kubelet to refresh a volume. The CA certificates are written
//     into clientConfig.caBundle of the named webhook configurations.
//   - [FromFiles] serves a certificate that somebody else renews, cert-manager
//     for example, and reads it again when the files change. The caBundle is
//     then theirs to write too.
//
// # The Secret
//
// Type kubernetes.io/tls, with the keys:
//
//	tls.crt       the signer's certificate, then its intermediates if it has any
//	tls.key       the signer's private key
//	ca.crt        every CA certificate that the API server is to trust; when the key
//	              is missing, the signer's certificate alone
//	next.crt      the next signer's certificate, while one is to take over
//	next.key      the next signer's private key
//	previous.crt  the signers of before that are still trusted
//	rejected.*    what stood in another key, was of no use, and was restored
//
// # Replacing the CA
//
// A CA that the servers have made is replaced after two thirds of its life, one of an
// administrator's when its successor is put into next.crt and next.key:
//
//  1. The next CA is added to ca.crt. Every replica brings ca.crt into the caBundles.
//  2. A replica that has seen the next CA in every caBundle for some seconds makes it the
//     signer. Each replica signs under it once it has seen the same for itself, and goes
//     on with the one before until then.
//  3. The previous CA is taken out of ca.crt after twice the life of a serving
//     certificate: nothing that it signed is valid then.
//
// No replica leads. Each may take each step, bound to the version of the Secret that it has
// read, so one that vanishes in between leaves the rest to the others. A caBundle is only
// written by a replica that has read the configuration before the Secret: so none is
// overwritten with the content of an older Secret.
//
// Where the Secret says something else all of a sudden, since it was deleted or replaced,
// the same holds: what signed before stays in the caBundles for as long as a replica serves
// under it, and some minutes for other replicas that have not noticed yet. A Secret that is
// spoiled is restored when the servers have made it, and reported when not.
//
// # The configurations
//
// caBundle is written by JSON patch under the field manager macvlan-webhook-certs,
// and only where it differs. Whoever deploys the configurations must leave caBundle out of
// them; applying them again then changes nothing. A deployer that uses server-side apply may
// leave out or rename a webhook, since no webhook itself is owned here. (Versions before
// used server-side apply, and owned a part of each. That is given up.)
//
// # Time
//
// Certificates are judged by the API server's clock, so [Clock] takes the time from its
// answers.
//
// # Permissions
//
// On the Secret, by name: get, list, watch and update (update fills an empty Secret that was
// put there beforehand). On secrets in its namespace: create, which RBAC cannot
// tie to a name. On the webhook configurations, by name: get, list, watch and patch. Without
// list and watch, changes are noticed within about a minute.
package certs
