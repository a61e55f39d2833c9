package status

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	certutil "k8s.io/client-go/util/cert"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// expiresSoon is from when on the end of an authority is worth a word.
const expiresSoon = 30 * 24 * time.Hour

// authorityLines say whether the API server can trust what the webhook serves, by what
// stands in the configuration, and by how the calls went that were tried.
func authorityLines(c *configuration, called calls, now time.Time) []Line {
	if len(c.entries) == 0 {
		return nil
	}
	check := "caBundle of the " + c.kind
	for i := range c.entries {
		e := &c.entries[i]
		if failure, ok := called.failed[e.name]; ok && strings.Contains(failure, "x509: ") {
			return []Line{{Check: check, State: Problem, Message: "the API server does not accept the serving certificate: " + failure[strings.Index(failure, "x509: "):], Remedy: advice(failure)}}
		}
		if line, fine := bundleLine(check, e, called.answered[e.name], now); !fine {
			return []Line{line}
		}
	}
	line, _ := bundleLine(check, &c.entries[0], called.answered[c.entries[0].name], now)
	for i := range c.entries {
		if !bytes.Equal(c.entries[i].client.CABundle, c.entries[0].client.CABundle) {
			line.State, line.Message = Note, line.Message+"; the webhooks do not all have the same one"
			break
		}
	}
	for i := range c.entries {
		if called.answered[c.entries[i].name] {
			line.Message += "; the API server accepts the serving certificate"
			break
		}
	}
	return []Line{line}
}

// bundleLine is about the certificates that one webhook trusts. It is fine when the API
// server can use them.
func bundleLine(check string, e *entry, answered bool, now time.Time) (line Line, fine bool) {
	line = Line{Check: check, State: Problem}
	bundle := e.client.CABundle
	if len(bundle) == 0 {
		if answered {
			// The roots of the API server's own system do.
			line.State, line.Message = OK, "not set, and not needed"
			return line, true
		}
		line.Message = fmt.Sprintf("not set in %s: the API server trusts no replica", quote.Value(e.name))
		line.Remedy = "a running replica writes it (with the cert-manager overlay, cainjector does): see that one runs, and its log"
		return line, false
	}
	certificates, err := certutil.ParseCertsPEM(bundle)
	if err != nil {
		line.Message = fmt.Sprintf("cannot be read in %s: %v", quote.Value(e.name), err)
		line.Remedy = "remove it: a running replica writes it again"
		return line, false
	}
	best := certificates[0]
	for _, certificate := range certificates[1:] {
		if certificate.NotAfter.After(best.NotAfter) {
			best = certificate
		}
	}
	left := best.NotAfter.Sub(now)
	switch end := best.NotAfter.UTC().Format(time.DateOnly); {
	case left <= 0:
		line.Message = fmt.Sprintf("expired in %s, on %s", quote.Value(e.name), end)
		line.Remedy = "see the replicas' log for why it was not renewed"
		return line, false
	case best.NotBefore.After(now):
		line.Message = fmt.Sprintf("not valid in %s before %s", quote.Value(e.name), best.NotBefore.UTC().Format(time.RFC3339))
		line.Remedy = "compare the clocks of this machine, the API server and the nodes"
		return line, false
	case left < expiresSoon:
		line.State = Note
		line.Message = fmt.Sprintf("%s, of which the last ends in %s, on %s", plural(len(certificates), "authority", "authorities"), days(left), end)
		line.Remedy = "see that it is renewed before, by the replicas or by whoever issues it"
		return line, true
	default:
		line.State = OK
		line.Message = fmt.Sprintf("%s, valid for %s (until %s)", plural(len(certificates), "authority", "authorities"), days(left), end)
		return line, true
	}
}

func days(d time.Duration) string { return plural(int(math.Floor(d.Hours()/24)), "day", "days") }
