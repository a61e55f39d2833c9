package controlplane

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A start that fails says why, and leaves nothing behind.
func TestStartFails(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		want    []string
	}{
		{name: "a program is missing", options: Options{Scheduler: true},
			want: []string{"has no kube-scheduler", "make controlplane"}},
		{name: "a flag that the API server does not know", options: Options{APIServerArgs: map[string][]string{"no-such-flag": {"1"}}},
			want: []string{"start the API server", "unknown flag: --no-such-flag"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// A folder like the one that envtest's own tools make: these three
			// programs and no others.
			assets := t.TempDir()
			for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
				if err := os.Symlink(filepath.Join(running.assets, name), filepath.Join(assets, name)); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv(assetsVariable, assets)
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)

			c, err := Start(t.Context(), tt.options)
			if err == nil {
				t.Fatal("Start succeeded", c.Stop())
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not mention %q", err, part)
				}
			}
			left, err := os.ReadDir(temporary)
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range left {
				t.Errorf("left behind: %s", entry.Name())
			}
		})
	}
}

func TestStartCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want %v", err, context.Canceled)
	}
}

// A program that ends while the tests go on explains failures that nobody
// would otherwise understand.
func TestStopReportsProgramThatEnded(t *testing.T) {
	dir := t.TempDir()
	c, err := Start(t.Context(), Options{Scheduler: true, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.scheduler.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	<-c.scheduler.ended
	err = c.Stop()
	if err == nil || !strings.Contains(err.Error(), "kube-scheduler ended by itself: signal: killed") {
		t.Errorf("Stop() = %v, want that kube-scheduler ended", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "kube-scheduler.log")); err != nil {
		t.Errorf("a folder that was given lost its logs: %v", err)
	}
	if err := c.Stop(); err != nil {
		t.Errorf("second Stop() = %v", err)
	}
}
