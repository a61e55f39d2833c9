package install

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patienceForOdd is what an installation may take on a slow machine. To read an absurd file
// takes hours.
const patienceForOdd = 2 * time.Minute

// oddFiles are what may stand at a name, and is neither a plugin nor a file of ours.
func oddFiles(t *testing.T) map[string]func(t *testing.T, path string) {
	t.Helper()
	absurd := func(t *testing.T, path string) {
		t.Helper()
		writeFile(t, path, nil, 0o755)
		if err := os.Truncate(path, 1<<40); err != nil {
			t.Fatal(err)
		}
	}
	pipe := func(t *testing.T, path string) {
		t.Helper()
		if err := unix.Mkfifo(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, target, path string) {
		t.Helper()
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]func(t *testing.T, path string){
		"absurd size": absurd,
		"pipe":        pipe,
		"socket": func(t *testing.T, path string) {
			// The path of a socket must not be long.
			t.Chdir(filepath.Dir(path))
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Base(path), Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		},
		"folder": func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		},
		"device": func(t *testing.T, path string) {
			needRoot(t)
			// That of /dev/zero, which has no end.
			if err := unix.Mknod(path, unix.S_IFCHR|0o755, int(unix.Mkdev(1, 5))); err != nil {
				t.Fatal(err)
			}
		},
		"link to an absurd size": func(t *testing.T, path string) {
			target := filepath.Join(t.TempDir(), "absurd")
			absurd(t, target)
			link(t, target, path)
		},
		"link to a pipe": func(t *testing.T, path string) {
			target := filepath.Join(t.TempDir(), "pipe")
			pipe(t, target)
			link(t, target, path)
		},
		"link to a device": func(t *testing.T, path string) { link(t, "/dev/zero", path) },
		"link to a folder": func(t *testing.T, path string) { link(t, "/", path) },
		"link to itself":   func(t *testing.T, path string) { link(t, filepath.Base(path), path) },
		"link to nowhere":  func(t *testing.T, path string) { link(t, "nowhere", path) },
	}
}

// TestOddFiles has all that is no plugin at the name of one, and at names of the installer's
// own, beside plugins that are wanted: these are installed, reported and uninstalled as if
// nothing else were there. What is no file and no link is left alone, and its own plugin is
// reported.
func TestOddFiles(t *testing.T) {
	b := realBundle(t, "static", "host-local", "dhcp")
	for what, put := range oddFiles(t) {
		for _, at := range []string{"static", keptPrefix + "static", asidePrefix + "static.0", tempPrefix + "0", tempPrefix + "static"} {
			t.Run(what+" at "+at, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), patienceForOdd)
				defer cancel()
				dir := t.TempDir()
				put(t, filepath.Join(dir, at))
				before, err := os.Lstat(filepath.Join(dir, at))
				if err != nil {
					t.Fatal(err)
				}
				stays := at == "static" && !strings.HasPrefix(what, "link")
				// The odd one comes first in the order of what is wanted.
				i := b.installer(t, dir, IfNewer, "static", "host-local", "dhcp")
				plugins, err := i.Install(ctx)
				if err != nil {
					t.Fatal(err)
				}
				i.Forget()
				reported, err := i.Report(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for n, p := range append(plugins, reported...) {
					wrong := p.Name == "static" && stays
					if p.Err != nil || p.Usable == wrong || n < len(plugins) && p.Result == Kept != wrong {
						t.Errorf("%s: usable %t, %s: %s", p.Name, p.Usable, p.Result, p.Message)
					}
					if wrong && (p.State != Broken || p.SHA256 != "" || !strings.HasSuffix(p.Message, ": remove it, or remove static from --plugins")) {
						t.Errorf("%+v", p)
					}
				}
				removals, err := i.Uninstall(ctx)
				// What stands at the name of a kept file may be the only copy of a plugin.
				if kept := strings.HasPrefix(at, keptPrefix) && what != "folder"; kept != (err != nil) || kept && !strings.Contains(err.Error(), "move it to where it belongs, or away") {
					t.Errorf("uninstall: %v", err)
				}
				for _, r := range removals {
					if r.Err != nil || !strings.HasPrefix(r.Text, "removed") {
						t.Errorf("uninstall %s: %s, %v", r.Name, r.Text, r.Err)
					}
				}
				if want := map[bool]int{true: 2, false: 3}[stays]; len(removals) != want {
					t.Errorf("%d plugins uninstalled, want %d", len(removals), want)
				}
				after, err := os.Lstat(filepath.Join(dir, at))
				switch gone := strings.HasPrefix(at, tempPrefix) && what != "folder"; {
				case gone != (err != nil):
					t.Errorf("at %s: %v", at, err)
				case !gone && (after.Mode() != before.Mode() || after.Size() != before.Size()):
					t.Errorf("%s is %s of %d bytes, was %s of %d", at, after.Mode(), after.Size(), before.Mode(), before.Size())
				}
			})
		}
	}
}

// TestTooLarge has our own plugin, and what it replaced, grow beyond what a plugin may have.
func TestTooLarge(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patienceForOdd)
	defer cancel()
	static := realPlugin(t, "static")
	older := otherVersion(t, static, "v1.7.10")
	b := realBundle(t, "static", "host-local")
	dir := t.TempDir()
	path := filepath.Join(dir, "static")
	writeFile(t, path, older, 0o755)
	i := b.installer(t, dir, IfNewer, "static", "host-local")
	installOne(t, i)
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Fatal(err)
	}
	for _, policy := range Policies {
		i.Policy = policy
		plugins, err := i.Install(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if p := plugins[0]; p.State != Broken || p.Result != Kept || p.Err != nil || !strings.Contains(p.Message, "too large for a plugin (1099511627776 bytes, more than 256 MiB)") {
			t.Errorf("%s: %+v", policy, p)
		}
		if p := plugins[1]; !p.Usable {
			t.Errorf("%s: %+v", policy, p)
		}
	}
	removals, err := i.Uninstall(ctx)
	if err != nil || len(removals) != 2 || removals[0].Err != nil || removals[1].Err == nil || !strings.Contains(removals[1].Err.Error(), "too large for a plugin") {
		t.Errorf("uninstall: %+v, %v", removals, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, keptPrefix+"static"), 1<<40); err != nil {
		t.Fatal(err)
	}
	if removals, err = i.Uninstall(ctx); err != nil || len(removals) != 2 || removals[1].Err == nil || !strings.Contains(removals[1].Err.Error(), "is not in "+filepath.Join(dir, keptPrefix+"static")) {
		t.Errorf("uninstall: %+v, %v", removals, err)
	}
}

// TestBundleTooLarge has an absurd file in the bundle: the node's disk is not filled with it.
func TestBundleTooLarge(t *testing.T) {
	b := realBundle(t, "static")
	if err := os.Truncate(filepath.Join(b.dir, "static"), 1<<40); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, b.installer(t, t.TempDir(), IfNewer, "static"), Failed, "has 1099511627776 bytes", "it is not the plugin that was bundled")
}
