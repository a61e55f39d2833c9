package main

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// cluster is the site that the drills share.
var cluster *site

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		cluster, err = newSite(context.Background(), short())
		defer cluster.close()
		if err != nil {
			fmt.Fprintln(os.Stderr, "set up the site:", err)
			return 1
		}
		return m.Run()
	}())
}

// Every drill in short: nothing fails but what may, and nothing is answered wrongly.
func TestDrills(t *testing.T) {
	for _, d := range drills() {
		t.Run(d.name, func(t *testing.T) {
			r, err := cluster.perform(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("\n%s%s", header, r.row())
			for _, problem := range r.problems {
				t.Error(problem)
			}
		})
	}
}
