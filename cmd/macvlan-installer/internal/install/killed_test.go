package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestKilled kills an installer before each change that it makes to the folder.
// The steps are counted, not listed, so that a new one is covered at once.
func TestKilled(t *testing.T) {
	static, hostLocal := realPlugin(t, "static"), realPlugin(t, "host-local")
	b := realBundle(t, "static", "host-local")
	last := newBundle(t, map[string][]byte{"static": otherVersion(t, static, "v1.9.10"), "host-local": otherVersion(t, hostLocal, "v1.9.10")})
	older := otherVersion(t, static, "v1.8.10")

	scenarios := []struct {
		name  string
		there func(t *testing.T, dir string)
		// prepare is done by an installer before the one that is killed.
		prepare func(t *testing.T, dir string)
		do      string
	}{
		{"install over an older file and nothing", func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "static"), older, 0o751)
		}, nil, "install"},
		{"install over a link and a broken file", func(t *testing.T, dir string) {
			if err := os.Symlink("nowhere", filepath.Join(dir, "static")); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, "host-local"), []byte("half"), 0o644)
		}, nil, "install"},
		{"update", func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "static"), older, 0o755)
		}, func(t *testing.T, dir string) {
			installOne(t, last.installer(t, dir, IfNewer, "static", "host-local"))
		}, "install"},
		{"repair", func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "static"), older, 0o755)
		}, func(t *testing.T, dir string) {
			installOne(t, b.installer(t, dir, IfNewer, "static", "host-local"))
			writeFile(t, filepath.Join(dir, "static"), []byte("damaged"), 0o755)
		}, "install"},
		{"uninstall", func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "static"), older, 0o755)
		}, func(t *testing.T, dir string) {
			installOne(t, b.installer(t, dir, IfNewer, "static", "host-local"))
		}, "uninstall"},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			root := memoryDir(t)
			for step := 1; ; step++ {
				dir := filepath.Join(root, fmt.Sprint(step))
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				writeFile(t, filepath.Join(dir, "bridge"), []byte("somebody else's"), 0o711)
				s.there(t, dir)
				before := snapshot(t, dir)
				if s.prepare != nil {
					s.prepare(t, dir)
				}
				prepared := snapshot(t, dir)
				cmd := startChild(s.do, dir, b, step, "static", "host-local")
				out, err := cmd.CombinedOutput()
				if err == nil {
					if step < 5 {
						t.Fatalf("only %d steps: is the hook still called?", step-1)
					}
					t.Logf("%d steps", step-1)
					return
				}
				if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
					t.Fatalf("step %d: %v: %s", step, err, out)
				}

				// Each name holds a whole file: what was there, or what is placed.
				now := snapshot(t, dir)
				for name, content := range map[string][]byte{"static": static, "host-local": hostLocal} {
					whole := []string{prepared[name], before[name], "-rwxr-xr-x " + digest(content)}
					if !slices.Contains(whole, now[name]) {
						t.Errorf("step %d: %s is %q, want one of %q", step, name, now[name], whole)
					}
				}
				// Half of the time uninstalling comes first, otherwise installing. What is
				// damaged has to be repaired first.
				again := b.installer(t, dir, IfNewer, "static", "host-local")
				if step%2 == 0 && !(s.name == "repair" && now["static"] == prepared["static"]) {
					uninstall(t, again)
					same(t, dir, before)
				}
				plugins, err := again.Install(t.Context())
				if err != nil {
					t.Fatalf("step %d: install: %v", step, err)
				}
				for _, p := range plugins {
					if p.State != Current || !p.Usable || p.Err != nil {
						t.Errorf("step %d: %s: %s %s", step, p.Name, p.State, p.Message)
					}
				}
				for name := range snapshot(t, dir) {
					if strings.HasPrefix(name, tempPrefix) {
						t.Errorf("step %d: %s was left over", step, name)
					}
				}
				uninstall(t, again)
				same(t, dir, before)
				if t.Failed() {
					return
				}
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestTwoAtOnce runs two installers on one folder, again and again.
func TestTwoAtOnce(t *testing.T) {
	static := realPlugin(t, "static")
	b := realBundle(t, "static", "host-local")
	root := memoryDir(t)
	for n := range 100 {
		dir := filepath.Join(root, fmt.Sprint(n))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			writeFile(t, filepath.Join(dir, "static"), otherVersion(t, static, "v1.8.10"), 0o755)
		}
		before := snapshot(t, dir)
		var outputs [2]strings.Builder
		one := startChild("install", dir, b, 0, "static", "host-local")
		two := startChild("install", dir, b, 0, "static", "host-local")
		one.Stderr, two.Stderr = &outputs[0], &outputs[1]
		if err := errors.Join(one.Start(), two.Start()); err != nil {
			t.Fatal(err)
		}
		errOne, errTwo := one.Wait(), two.Wait()
		if errOne != nil || errTwo != nil {
			t.Fatalf("round %d: %v %s, %v %s", n, errOne, outputs[0].String(), errTwo, outputs[1].String())
		}
		now := snapshot(t, dir)
		for name, content := range map[string][]byte{"static": static, "host-local": realPlugin(t, "host-local")} {
			if want := "-rwxr-xr-x " + digest(content); now[name] != want {
				t.Fatalf("round %d: %s is %q, want %q", n, name, now[name], want)
			}
		}
		uninstall(t, b.installer(t, dir, IfNewer))
		same(t, dir, before)
		if err := os.RemoveAll(dir); err != nil || t.Failed() {
			t.Fatalf("round %d: %v", n, err)
		}
	}
}
