package status

import "strings"

// noAdvice is for messages that nobody has thought of.
const noAdvice = "see docs/troubleshooting.md, and the replicas' log"

// advices are on what the API server says when it cannot call a webhook, or when that cannot
// judge, each by words that are in the message. The first that fits counts.
var advices = []struct{ words, what string }{
	{"connection refused", "no replica listens: see that the pods run and are ready"},
	{"no endpoints available", "no replica is ready: see the lines about replicas"},
	{"service \"", "the Service is missing: apply the manifests (kubectl apply -k)"},
	{"x509: certificate has expired", "compare the clocks of the API server and the nodes, and see the replicas' log for why the certificate was not renewed"},
	{"x509: certificate is valid for", "something else answers at this address: compare the Service, its selector and its endpoints with the manifests"},
	{"x509: ", "caBundle is not that of the authority in use: a running replica writes it again (with the cert-manager overlay, cainjector does)"},
	{"unable to load root certificates", "caBundle is no certificate: remove it, and a running replica writes it again"},
	{": Forbidden", "the API server sends the call to a proxy: put the Service range of the cluster into its NO_PROXY"},
	{"i/o timeout", "a firewall or NetworkPolicy is in the way: the API server must reach port 9443 of the pods"},
	{"no route to host", "the API server must reach port 9443 of the pods"},
	{"deadline exceeded", "the API server does not reach port 9443 of the pods, or they are overloaded: see their log and firewalls"},
	{"Client.Timeout exceeded", "the API server does not reach port 9443 of the pods, or they are overloaded: see their log and firewalls"},
	{": EOF", "a replica ended in the middle of a call: kubectl describe pods says whether for want of memory"},
	{"currently unable to handle the request", "too many requests at once: add replicas, and look for what sends so many"},
	{"could not check", "/readyz?verbose on port 8080 of the pods, and their log, name what they cannot read"},
}

// advice is what to do about a message; for one that is not known, where to look.
func advice(message string) string {
	for _, a := range advices {
		if strings.Contains(message, a.words) {
			return a.what
		}
	}
	return noAdvice
}
