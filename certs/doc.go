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
//	tls.crt  the signer's certificate, then its intermediates if it has any
//	tls.key  the signer's private key
//	ca.crt   every CA certificate that the API server is to trust; when the key
//	         is missing, the signer's certificate alone
//
// Signer and trust are apart so that a CA can be replaced without a moment in
// which a replica serves what the API server does not trust: first add the new
// certificate to ca.crt, then change tls.crt and tls.key, and take the old one
// out of ca.crt once every replica has signed again. A replica follows a change
// of the Secret within about a minute, and serves under a new signer only when
// the webhook configurations trust it. Replacing the CA by itself is not done
// here.
//
// # The configurations
//
// caBundle is written by server-side apply under the field manager
// macvlan-webhook-certs, and only where it differs. Whoever deploys the
// configurations must leave caBundle out of them; applying them again then
// changes nothing. One thing cannot be done in place: a deployer that uses
// server-side apply itself cannot leave out or rename a single webhook, because
// its name and caBundle stay, owned by us, and the API server finds the rest
// invalid. Delete the configuration first, or give it another name.
//
// # Permissions
//
// On the Secret, by name: get and update (update fills an empty Secret that was
// put there beforehand). On secrets in its namespace: create, which RBAC cannot
// tie to a name. On the webhook configurations, by name: get and patch.
package certs
