package main

import (
	"io"
	"strings"
	"testing"
)

// Flags that do not go together are told before anything is read or served.
func TestFlagsThatDoNotGoTogether(t *testing.T) {
	for flags, want := range map[string]string{
		"":                  "no serving certificate",
		"--cert-file=c":     "--cert-file and --key-file must be used together",
		"--cert-secret=a":   "must be namespace/name",
		"--cert-secret=a/b": "--cert-secret needs --service or --cert-host",
		"--cert-secret=a/b --cert-file=c --key-file=k":                       "cannot be used together",
		"--cert-secret=a/b --inventory=x":                                    "--cert-secret needs a cluster",
		"--cert-file=c --key-file=k --service=a/b":                           "require --cert-secret",
		"--cert-file=c --key-file=k --cert-lifetime=1h":                      "--ca-lifetime and --cert-lifetime require --cert-secret",
		"--cert-file=c --key-file=k --ca-lifetime=1h":                        "--ca-lifetime and --cert-lifetime require --cert-secret",
		"--cert-file=c --key-file=k --inventory=x --context=y":               "--inventory cannot be used with --kubeconfig or --context",
		"--cert-file=c --key-file=k --inventory=x --node-facts":              "--node-facts needs a cluster",
		"--cert-file=c --key-file=k --decision-timeout=0s":                   "--decision-timeout 0s",
		"--cert-file=c --key-file=k --drain=-1s":                             "--drain -1s",
		"--cert-secret=a/b --service=a/b --kubeconfig=/dev/null --drain=-1s": "--drain -1s",
	} {
		err := run(t.Context(), strings.Fields(flags), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", flags, err, want)
		}
	}
}
