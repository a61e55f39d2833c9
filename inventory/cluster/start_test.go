package cluster

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// However many kinds the cluster lacks, they are one line, as soon as each was looked for.
func TestStartSaysWhatIsAbsent(t *testing.T) {
	for name, test := range map[string]struct {
		found map[string]bool
		late  []string
		want  []string
	}{
		"all there":           {map[string]bool{"a": true, "b": true}, nil, nil},
		"some":                {map[string]bool{"b": false, "c": true, "a": false}, nil, []string{"[a b]"}},
		"one answers late":    {map[string]bool{"b": false, "a": true}, []string{"c"}, []string{"[b]", "[c]"}},
		"nobody answers soon": {nil, []string{"c"}, []string{"[c]"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log wait.Log
				s := newStart(slog.New(slog.NewTextHandler(&log, nil)))
				for range len(test.found) + len(test.late) {
					s.expect()
				}
				go s.run(t.Context())
				for kind, served := range test.found {
					s.found(kind, served)
				}
				synctest.Wait()
				if len(test.late) > 0 {
					if log.String() != "" {
						t.Errorf("said before all was known:\n%s", log.String())
					}
					time.Sleep(fillPatience)
					synctest.Wait()
				}
				for _, kind := range test.late {
					s.found(kind, false)
				}
				synctest.Wait()
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")
				if log.String() == "" {
					lines = nil
				}
				if len(lines) != len(test.want) {
					t.Fatalf("%q, want %q", lines, test.want)
				}
				for n, want := range test.want {
					if !strings.Contains(lines[n], "each is as soon as it is installed") || !strings.Contains(lines[n], "resources=\""+want+"\"") && !strings.Contains(lines[n], "resources="+want) {
						t.Errorf("%q, want %q", lines[n], want)
					}
				}
			})
		})
	}
}
