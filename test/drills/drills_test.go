package main

import (
	"slices"
	"testing"
)

// The drills in short: nothing fails but what may, and nothing is answered wrongly. Two sites
// share the cores: most of the time a drill waits.

func TestCertificates(t *testing.T) { performAll(t, certificates()) }

func TestReplicas(t *testing.T) { performAll(t, slices.Concat(rollouts(), hostilities(), outages())) }

func performAll(t *testing.T, drills []*drill) {
	t.Parallel()
	site, err := newSite(t.Context(), short())
	t.Cleanup(site.close)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range drills {
		if d.long {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			r := site.perform(t.Context(), d)
			t.Logf("\n%s%s", header, r.row())
			for _, problem := range r.problems {
				t.Error(problem)
			}
		})
	}
}
