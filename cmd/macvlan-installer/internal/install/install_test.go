package install

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/bundle"
)

// TestAll installs all that is bundled into an empty folder.
func TestAll(t *testing.T) {
	names := []string{"macvlan", "host-local", "static", "dhcp", "tuning"}
	b := realBundle(t, names...)
	dir := t.TempDir()
	var steps []string
	i := b.installer(t, dir, IfNewer, names...)
	i.step = func(step string) {
		if entries, err := os.ReadDir(dir); err == nil && step == "fsync folder" {
			steps = append(steps, "")
			for _, e := range entries {
				if !strings.HasPrefix(e.Name(), ".") {
					steps[len(steps)-1] += e.Name() + " "
				}
			}
		}
	}
	plugins, err := i.Install(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n, p := range plugins {
		if p.Name != names[n] || p.State != Current || p.Version != "v1.10.0" || p.Result != Installed || !p.Usable || !p.Installed || p.SHA256 != digest(realPlugin(t, p.Name)) {
			t.Errorf("%+v", p)
		}
	}
	// macvlan is never there without what it delegates to.
	for _, there := range steps {
		if strings.Contains(there, "macvlan") && len(strings.Fields(there)) != len(names) {
			t.Errorf("macvlan came before others: %s", there)
		}
	}
	wanted, err := i.Wanted(t.Context())
	if err != nil || strings.Join(wanted, " ") != strings.Join(names, " ") {
		t.Errorf("wanted = %q, %v", wanted, err)
	}
	uninstall(t, i)
	same(t, dir, map[string]string{})
}

// TestBusy replaces a plugin that runs.
func TestBusy(t *testing.T) {
	older := otherVersion(t, realPlugin(t, "static"), "v1.8.10")
	dir := t.TempDir()
	path := filepath.Join(dir, "static")
	writeFile(t, path, older, 0o755)
	before := snapshot(t, dir)
	// It waits for its configuration.
	running := exec.Command(path)
	running.Env = []string{"CNI_COMMAND=ADD", "CNI_CONTAINERID=c", "CNI_NETNS=/n", "CNI_IFNAME=e", "CNI_PATH=" + dir}
	var stdout strings.Builder
	running.Stdout = &stdout
	stdin, err := running.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		f.Close()
		t.Fatal("the plugin can be written to: it does not run")
	}

	i := realBundle(t, "static").installer(t, dir, IfNewer, "static")
	if p := installOne(t, i); p.State != Current || p.Result != Replaced {
		t.Errorf("%+v", p)
	}
	uninstall(t, i)
	same(t, dir, before)
	if _, err := io.WriteString(stdin, "{}"); err != nil {
		t.Error(err)
	}
	stdin.Close()
	// It refuses that configuration, which shows that it lived until now.
	if err := running.Wait(); err == nil || !strings.Contains(stdout.String(), `"code"`) {
		t.Errorf("the plugin that ran: %v, answer %q, want a refusal", err, stdout.String())
	}
}

// TestDamaged lets somebody change what was installed. The file that was there
// before it all comes back in the end.
func TestDamaged(t *testing.T) {
	static := realPlugin(t, "static")
	older := otherVersion(t, static, "v1.8.10")
	flipped := append([]byte(nil), static...)
	flipped[len(flipped)-1] ^= 1
	tests := []struct {
		name   string
		change func(t *testing.T, path string)
		broken bool
	}{
		{"bytes changed", func(t *testing.T, path string) { writeFile(t, path, flipped, 0o755) }, true},
		{"cut off", func(t *testing.T, path string) {
			if err := os.Truncate(path, 100_000); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"another file moved there", func(t *testing.T, path string) {
			writeFile(t, path+".new", []byte("#!/bin/sh\nexit 1\n"), 0o755)
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"mode", func(t *testing.T, path string) {
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"wrong mode that does no harm", func(t *testing.T, path string) {
			if err := os.Chmod(path, 0o777); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"removed", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, true},
	}
	for _, tt := range tests {
		for _, policy := range []Policy{IfNewer, IfAbsent, Always} {
			t.Run(tt.name+"/"+string(policy), func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "static")
				if policy != IfAbsent {
					writeFile(t, path, older, 0o700)
				}
				before := snapshot(t, dir)
				b := realBundle(t, "static")
				i := b.installer(t, dir, policy, "static")
				installOne(t, i)
				tt.change(t, path)
				reported, err := i.Report(t.Context())
				if err != nil || reported[0].Usable == tt.broken {
					t.Errorf("report before the repair: %+v, %v", reported[0], err)
				}
				// What was there before is not given up for it.
				if tt.broken && tt.name != "removed" && tt.name != "mode" {
					damaged := snapshot(t, dir)
					if removals, err := i.Uninstall(t.Context()); err != nil || (removals[0].Err == nil) != (policy == IfAbsent) {
						t.Errorf("uninstall before the repair: %+v, %v", removals, err)
					}
					if policy == IfAbsent {
						delete(damaged, stateName)
						same(t, dir, damaged)
						return
					}
					same(t, dir, damaged)
				}
				after := maps.Clone(before)
				if tt.name == "bytes changed" {
					// It works, so that it may be somebody's.
					after[asidePrefix+"static."+digest(flipped)[:12]] = "-rwxr-xr-x " + digest(flipped)
				}
				if p := installOne(t, i); p.Result != Repaired || p.State != Current || !p.Installed {
					t.Errorf("%+v", p)
				}
				if got := readFile(t, path); digest(got) != digest(static) {
					t.Error("the plugin is not as it should be")
				}
				removals := uninstall(t, i)
				if strings.Contains(removals[0].Text, asidePrefix) != (len(after) > len(before)) {
					t.Errorf("removals = %+v", removals)
				}
				same(t, dir, after)
			})
		}
	}
}

// TestOriginalStays lets something useless take our place. It is no reason to give
// up what was there before the installation: neither by installing nor uninstalling.
func TestOriginalStays(t *testing.T) {
	static := realPlugin(t, "static")
	older := otherVersion(t, static, "v1.8.10")
	tests := []struct {
		name   string
		there  func(t *testing.T, path string)
		policy Policy
		aside  bool
	}{
		{"dangling link", func(t *testing.T, path string) {
			if err := os.Symlink("nowhere", path); err != nil {
				t.Fatal(err)
			}
		}, IfNewer, true},
		{"undecided", func(t *testing.T, path string) { writeFile(t, path, []byte("#!/nowhere/python\n"), 0o755) }, Always, true},
		{"broken", func(t *testing.T, path string) { writeFile(t, path, []byte("#!/bin/sh\nexit 1\n"), 0o755) }, IfNewer, false},
		{"another plugin", func(t *testing.T, path string) { writeFile(t, path, realPlugin(t, "host-local"), 0o755) }, IfNewer, true},
		{"folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}, IfNewer, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "static")
			writeFile(t, path, older, 0o700)
			before := snapshot(t, dir)
			b := realBundle(t, "static")
			i := b.installer(t, dir, tt.policy, "static")
			installOne(t, i)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			tt.there(t, path)
			there := snapshot(t, dir)
			removals, err := i.Uninstall(t.Context())
			if err != nil || len(removals) != 1 || removals[0].Err == nil || !strings.Contains(removals[0].Err.Error(), "move it away and uninstall again") {
				t.Errorf("removals = %+v, %v, want one with an error that says what to do", removals, err)
			}
			same(t, dir, there)

			if tt.name == "folder" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				uninstall(t, i)
				same(t, dir, before)
				return
			}
			// A bundle that does not work is taken back, and so is everything it did.
			deaf := newBundle(t, map[string][]byte{"static": []byte("#!/bin/sh\nexit 1\n")})
			if digest([]byte("#!/bin/sh\nexit 1\n")) != strings.TrimPrefix(there["static"], "-rwxr-xr-x ") {
				wantFailure(t, deaf.installer(t, dir, tt.policy, "static"), RolledBack)
				same(t, dir, there)
			}
			if p := installOne(t, i); p.State != Current || !p.Installed {
				t.Errorf("%+v", p)
			}
			removals = uninstall(t, i)
			for name := range snapshot(t, dir) {
				if strings.HasPrefix(name, asidePrefix) && tt.aside {
					before[name] = there["static"]
				}
			}
			if len(before) == 1 == tt.aside || strings.Contains(removals[0].Text, asidePrefix) != tt.aside {
				t.Errorf("removals = %+v, in the folder are %v: put aside = %t is wanted", removals, before, tt.aside)
			}
			same(t, dir, before)
		})
	}
}

// TestFormerComesBack replaces what took our place, with a plugin that does not work
// and on a disk that is full: what was kept before all of it is kept still.
func TestFormerComesBack(t *testing.T) {
	static := realPlugin(t, "static")
	deaf := newBundle(t, map[string][]byte{"static": []byte("#!/bin/sh\nexit 1\n")})
	needRoot(t)
	disk := t.TempDir()
	mount(t, "tmpfs", disk, "tmpfs", 0, "size=48m")
	dir := filepath.Join(disk, "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "static")
	writeFile(t, path, otherVersion(t, static, "v1.8.10"), 0o700)
	b := realBundle(t, "static")
	installOne(t, b.installer(t, dir, IfNewer, "static"))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, otherVersion(t, static, "v1.7.10"), 0o755)
	there := snapshot(t, dir)
	wantFailure(t, deaf.installer(t, dir, Always, "static"), RolledBack)
	same(t, dir, there)

	// From some step on, the disk is full: once for each step.
	full := filepath.Join(disk, "full")
	for step := 1; ; step++ {
		i := b.installer(t, dir, IfNewer, "static")
		n := 0
		i.step = func(string) {
			if n++; n == step {
				fill(t, full, 0)
			}
		}
		plugins, err := i.Install(t.Context())
		_ = os.Remove(full)
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if plugins[0].Err == nil {
			if step < 5 {
				t.Errorf("only %d steps", step)
			}
			break
		}
		now := snapshot(t, dir)
		for _, name := range []string{"static", keptPrefix + "static"} {
			if now[name] != there[name] {
				t.Fatalf("step %d: %s is %q, want %q", step, name, now[name], there[name])
			}
		}
	}
}

// TestOthers lets somebody put something that works in our place. It is theirs
// then: what would be there without us is what uninstalling leaves.
func TestOthers(t *testing.T) {
	static := realPlugin(t, "static")
	newer, older := otherVersion(t, static, "v1.10.9"), otherVersion(t, static, "v1.7.10")
	tests := []struct {
		name    string
		content []byte
		want    Result
		text    string
	}{
		{"newer", newer, Kept, "something else"},
		{"foreign", []byte(answering), Kept, "something else"},
		{"older", older, Replaced, "restored"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "static")
			writeFile(t, path, otherVersion(t, static, "v1.8.10"), 0o700)
			i := realBundle(t, "static").installer(t, dir, IfNewer, "static")
			installOne(t, i)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			writeFile(t, path, tt.content, 0o711)
			if p := installOne(t, i); p.Result != tt.want || !p.Usable || p.Installed == (tt.want == Kept) {
				t.Errorf("%+v", p)
			}
			removals := uninstall(t, i)
			if len(removals) != 1 || !strings.Contains(removals[0].Text, tt.text) {
				t.Errorf("removals = %+v, want one that says %q", removals, tt.text)
			}
			same(t, dir, map[string]string{"static": "-rwx--x--x " + digest(tt.content)})
		})
	}
}

// TestUpdate brings a newer bundle, and then the older one again.
func TestUpdate(t *testing.T) {
	static := realPlugin(t, "static")
	dir := t.TempDir()
	path := filepath.Join(dir, "static")
	writeFile(t, path, otherVersion(t, static, "v1.8.10"), 0o700)
	before := snapshot(t, dir)
	older := newBundle(t, map[string][]byte{"static": otherVersion(t, static, "v1.9.10")})
	newer := realBundle(t, "static")

	steps := []struct {
		bundle  testBundle
		policy  Policy
		want    Result
		state   State
		version string
	}{
		{older, IfNewer, Replaced, Current, "v1.9.10"},
		{newer, IfAbsent, Updated, Current, "v1.10.0"},
		{older, IfNewer, Kept, Newer, "v1.10.0"},
		{older, Always, Updated, Current, "v1.9.10"},
		{newer, IfNewer, Updated, Current, "v1.10.0"},
	}
	for n, s := range steps {
		if p := installOne(t, s.bundle.installer(t, dir, s.policy, "static")); p.Result != s.want || p.State != s.state || p.Version != s.version || !p.Installed || !p.Usable {
			t.Errorf("step %d: %+v, want %+v", n, p, s)
		}
		if now := snapshot(t, dir); len(now) != 3 {
			t.Errorf("step %d: in the folder are %v, want the plugin, the one kept and the state file", n, now)
		}
	}
	uninstall(t, newer.installer(t, dir, IfNewer))
	same(t, dir, before)
}

// TestHeldBack: a plugin that is not wanted any more stays in the version that was placed, is
// not put back when it goes, and goes with the others in the end.
func TestHeldBack(t *testing.T) {
	static, hostLocal := realPlugin(t, "static"), realPlugin(t, "host-local")
	dir := t.TempDir()
	last := newBundle(t, map[string][]byte{"static": otherVersion(t, static, "v1.9.10"), "host-local": otherVersion(t, hostLocal, "v1.9.10")})
	if _, err := last.installer(t, dir, IfNewer, "host-local", "static").Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	held := snapshot(t, dir)["host-local"]
	newer := realBundle(t, "static", "host-local").installer(t, dir, IfNewer, "static")
	for range 2 {
		if p := installOne(t, newer); p.Version != "v1.10.0" {
			t.Errorf("%+v", p)
		}
	}
	if got := snapshot(t, dir)["host-local"]; got != held {
		t.Errorf("host-local is %s, and was %s", got, held)
	}
	if err := os.Remove(filepath.Join(dir, "host-local")); err != nil {
		t.Fatal(err)
	}
	installOne(t, newer)
	if got := snapshot(t, dir)["host-local"]; got != "" {
		t.Errorf("host-local has come back: %s", got)
	}
	writeFile(t, filepath.Join(dir, "host-local"), otherVersion(t, hostLocal, "v1.9.10"), 0o755)
	uninstall(t, newer)
	same(t, dir, map[string]string{})
}

// TestRollBack brings plugins that do not work here.
func TestRollBack(t *testing.T) {
	static, macvlan := realPlugin(t, "static"), realPlugin(t, "macvlan")
	deaf := newBundle(t, map[string][]byte{"static": []byte("#!/bin/sh\necho no network in the world >&2\nexit 1\n")})
	// It runs, but does not get along with its IPAM plugin.
	const source = `package main
import "os"
func main() {
	if os.Getenv("CNI_COMMAND") == "STATUS" {
		os.Stdout.WriteString("{\"code\":50,\"msg\":\"not today\"}")
		os.Exit(1)
	}
	os.Stdout.WriteString("{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"1.1.0\"]}")
}`
	sick := newBundle(t, map[string][]byte{"macvlan": compiled(t, source, "amd64"), "static": static})
	for _, tt := range []struct {
		name   string
		bundle testBundle
		plugin string
		older  []byte
		text   string
	}{
		{"does not run", deaf, "static", otherVersion(t, static, "v1.8.10"), "no network in the world"},
		{"says it does not work", sick, "macvlan", otherVersion(t, macvlan, "v1.8.10"), "not today"},
	} {
		for _, there := range []string{"nothing", "another", "ours"} {
			t.Run(tt.name+"/"+there, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, tt.plugin)
				if there != "nothing" {
					writeFile(t, path, tt.older, 0o755)
				}
				before := snapshot(t, dir)
				if there == "ours" {
					installOne(t, realBundle(t, tt.plugin).installer(t, dir, IfNewer, tt.plugin))
				}
				was := snapshot(t, dir)
				i := tt.bundle.installer(t, dir, Always, tt.plugin)
				p := wantFailure(t, i, RolledBack, tt.text, "taken back")
				if p.Usable != (there != "nothing") {
					t.Errorf("usable = %t", p.Usable)
				}
				same(t, dir, was)
				uninstall(t, i)
				same(t, dir, before)
			})
		}
	}
}

func TestBundleTampered(t *testing.T) {
	static := realPlugin(t, "static")
	b := realBundle(t, "static")
	writeFile(t, filepath.Join(b.dir, "static"), append(static[:len(static):len(static)], 'x'), 0o755)
	dir := t.TempDir()
	p := wantFailure(t, b.installer(t, dir, IfNewer, "static"), Failed, "tampered", "architecture")
	if !errors.Is(p.Err, bundle.ErrTampered) {
		t.Errorf("error = %v", p.Err)
	}
	same(t, dir, map[string]string{})

	if err := os.Remove(filepath.Join(b.dir, "static")); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, b.installer(t, dir, IfNewer, "static"), Failed, "--from")
	same(t, dir, map[string]string{})
}

func TestFolderMissing(t *testing.T) {
	b := realBundle(t, "static")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), nil, 0o644)
	for path, text := range map[string]string{"missing": "hostPath", "file": "--bin-dir"} {
		i := b.installer(t, filepath.Join(dir, path), IfNewer, "static")
		_, err := i.Install(t.Context())
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("install into %s: %v, want an error that says %q", path, err, text)
		}
		if _, err := i.Uninstall(t.Context()); err == nil {
			t.Errorf("uninstall from %s: no error", path)
		}
	}
}

// TestStateFile damages the state file and loses it.
func TestStateFile(t *testing.T) {
	static := realPlugin(t, "static")
	older := otherVersion(t, static, "v1.8.10")
	for _, content := range []string{"", "{", "{}", `{"format":2}`, `{"format":"1"}`, `{"format":-1}`,
		`{"format":1,"plugins":[null]}`, `{"format":1,"plugins":[{"name":"../static","placed":["0"]}]}`, `{"format":1,"plugins":[{"name":""}]}`,
		`{"format":1,"plugins":[{"name":"static"}]}`, `{"format":1,"plugins":[{"name":"static","placed":["0"]},{"name":"static","placed":["1"]}]}`,
		`{"format":1,"plugins":[{"name":"static","placed":["0"],"replaced":{}}]}`, `{"format":1,"wanted":[".."]}`,
		`{"format":1}` + strings.Repeat(" ", stateLimit),
	} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, stateName), []byte(content), 0o644)
		before := snapshot(t, dir)
		i := realBundle(t, "static").installer(t, dir, IfNewer, "static")
		if _, err := i.Install(t.Context()); err == nil || !strings.Contains(err.Error(), "state file") {
			t.Errorf("state file %q: install: %v", content, err)
		}
		if _, err := i.Uninstall(t.Context()); err == nil {
			t.Errorf("state file %q: uninstall: no error", content)
		}
		same(t, dir, before)
	}

	// Without it, nobody knows whose the kept file is: it must not be overwritten.
	dir := t.TempDir()
	i := realBundle(t, "static").installer(t, dir, IfNewer, "static")
	writeFile(t, filepath.Join(dir, "static"), older, 0o755)
	installOne(t, i)
	if err := os.Remove(filepath.Join(dir, stateName)); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Uninstall(t.Context()); err == nil || !strings.Contains(err.Error(), keptPrefix) {
		t.Errorf("uninstall: %v, want an error that names the kept file", err)
	}
	writeFile(t, filepath.Join(dir, "static"), otherVersion(t, static, "v1.7.10"), 0o755)
	before := snapshot(t, dir)
	wantFailure(t, i, Failed, keptPrefix+"static")
	same(t, dir, before)
}

// TestNoRegularFile has pipes, which would wait for a writer, and sockets where files
// are to be read.
func TestNoRegularFile(t *testing.T) {
	for name, put := range map[string]func(t *testing.T, path string){
		"pipe": func(t *testing.T, path string) {
			if err := unix.Mkfifo(path, 0o644); err != nil {
				t.Fatal(err)
			}
		},
		"socket": func(t *testing.T, path string) {
			// The path of a socket must not be long.
			t.Chdir(filepath.Dir(path))
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Base(path), Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		},
		"link": func(t *testing.T, path string) {
			if err := os.Symlink("nowhere", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := realBundle(t, "static")
			dir := t.TempDir()
			put(t, filepath.Join(dir, stateName))
			if _, err := b.installer(t, dir, IfNewer, "static").Install(t.Context()); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
				t.Errorf("as the state file: %v", err)
			}
			binDir := filepath.Join(t.TempDir(), "bin")
			put(t, binDir)
			if _, err := b.installer(t, binDir, IfNewer, "static").Install(t.Context()); err == nil || !strings.Contains(err.Error(), "--bin-dir") {
				t.Errorf("as the folder: %v", err)
			}
			if err := os.Remove(filepath.Join(b.dir, "static")); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(b.dir, "static"))
			wantFailure(t, b.installer(t, t.TempDir(), IfNewer, "static"), Failed, "--from")
		})
	}
}

// TestKeptMissing removes what uninstalling is to bring back.
func TestKeptMissing(t *testing.T) {
	static := realPlugin(t, "static")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "static"), otherVersion(t, static, "v1.8.10"), 0o755)
	i := realBundle(t, "static").installer(t, dir, IfNewer, "static")
	installOne(t, i)
	if err := os.Remove(filepath.Join(dir, keptPrefix+"static")); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	removals, err := i.Uninstall(t.Context())
	if err != nil || len(removals) != 1 || removals[0].Err == nil {
		t.Fatalf("removals = %+v, %v, want one with an error", removals, err)
	}
	same(t, dir, before)
	// With both gone, nobody is told that all is as it was.
	if err := os.Remove(filepath.Join(dir, "static")); err != nil {
		t.Fatal(err)
	}
	removals, err = i.Uninstall(t.Context())
	if err != nil || len(removals) != 1 || removals[0].Err == nil || !strings.Contains(removals[0].Err.Error(), "removing "+filepath.Join(dir, stateName)) {
		t.Errorf("removals = %+v, %v, want one with an error that says what to do", removals, err)
	}
	if err := os.Remove(filepath.Join(dir, stateName)); err != nil {
		t.Fatal(err)
	}
	uninstall(t, i)
	same(t, dir, map[string]string{})
}

// TestDuplicate copies what cannot be linked. File systems without hard links are
// hard to come by, so it is asked for directly.
func TestDuplicate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "static")
	writeFile(t, path, []byte(answering), 0o751)
	yesterday := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	if err := os.Chtimes(path, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := errors.Join(os.Chown(path, 12, 34), os.Chmod(path, os.ModeSetuid|0o751)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := openFolder(dir, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	fd, err := f.look(t.Context(), "static")
	if err != nil {
		t.Fatal(err)
	}
	p := &pass{folder: f}
	name, err := p.duplicate(t.Context(), &judged{found: fd, name: "static"})
	if err != nil {
		t.Fatal(err)
	}
	now := snapshot(t, dir)
	if now[name] != now["static"] {
		t.Errorf("the copy is %q, want %q", now[name], now["static"])
	}
	info, err := os.Lstat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	was, is := fd.info.Sys().(*syscall.Stat_t), info.Sys().(*syscall.Stat_t)
	if !info.ModTime().Equal(yesterday) || is.Uid != was.Uid || is.Gid != was.Gid {
		t.Errorf("the copy is of %s and belongs to %d:%d, want %s and %d:%d", info.ModTime(), is.Uid, is.Gid, yesterday, was.Uid, was.Gid)
	}

	// A copy of something that changed meanwhile is none.
	fd.sha256 = digest(nil)
	if _, err := p.duplicate(t.Context(), &judged{found: fd, name: "static"}); err == nil {
		t.Error("a file that changed: no error")
	}
	if after := snapshot(t, dir); len(after) != len(now) {
		t.Errorf("a copy that came to nothing is left over: %v", after)
	}
}

// TestCancelled ends an installer in the middle: it removes nothing.
func TestCancelled(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	i := realBundle(t, "static", "host-local").installer(t, dir, IfNewer, "static", "host-local")
	i.step = func(step string) {
		if step == "replace" {
			cancel()
		}
	}
	if _, err := i.Install(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want %v", err, context.Canceled)
	}
	if got := readFile(t, filepath.Join(dir, "static")); digest(got) != digest(realPlugin(t, "static")) {
		t.Error("the plugin that was placed is not there")
	}
	i.step = nil
	installOne(t, i)
	uninstall(t, i)
	same(t, dir, map[string]string{})
}

// TestInterrupted ends an installer while it copies and hashes: it stops in the
// middle of a file, leaves nothing, and calls no plugin broken.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	i := realBundle(t, "static").installer(t, dir, IfNewer, "static")
	writes := 0
	i.step = func(step string) {
		if step == "write" {
			writes++
			cancel()
		}
	}
	plugins, err := i.Install(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "interrupted") || len(plugins) > 0 || writes != 1 {
		t.Errorf("install: %+v, %v, after %d writes", plugins, err, writes)
	}
	same(t, dir, map[string]string{})

	i.step = nil
	installOne(t, i)
	if plugins, err := realBundle(t, "static").installer(t, dir, IfNewer, "static").Report(ctx); !errors.Is(err, context.Canceled) || len(plugins) > 0 {
		t.Errorf("report: %+v, %v", plugins, err)
	}
	before := snapshot(t, dir)
	if _, err := i.Uninstall(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("uninstall: %v", err)
	}
	same(t, dir, before)
}

// TestRace has somebody put a plugin there at the last moment: it stays, whatever was
// about to happen.
func TestRace(t *testing.T) {
	static := realPlugin(t, "static")
	older := otherVersion(t, static, "v1.8.10")
	deaf := newBundle(t, map[string][]byte{"static": []byte("#!/bin/sh\nexit 1\n")})
	for _, there := range []string{"nothing", "older"} {
		for _, do := range []string{"install", "roll back", "uninstall"} {
			t.Run(do+"/"+there, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "static")
				if there == "older" {
					writeFile(t, path, older, 0o755)
				}
				i := realBundle(t, "static").installer(t, dir, IfNewer, "static")
				last := 1
				switch do {
				case "uninstall":
					installOne(t, i)
				case "roll back":
					i, last = deaf.installer(t, dir, Always, "static"), 2
				}
				n := 0
				i.step = func(step string) {
					if step != "replace" && step != "take" {
						return
					}
					if n++; n == last {
						writeFile(t, filepath.Join(dir, "newcomer"), []byte(answering), 0o711)
						if err := os.Rename(filepath.Join(dir, "newcomer"), path); err != nil {
							t.Fatal(err)
						}
					}
				}
				if do == "uninstall" {
					if removals, err := i.Uninstall(t.Context()); err != nil || removals[0].Err == nil || !strings.Contains(removals[0].Err.Error(), "just now") {
						t.Errorf("removals = %+v, %v", removals, err)
					}
				} else if p := installOne(t, i); p.Err == nil || !strings.Contains(p.Err.Error(), "just now") || p.Installed || p.State != Foreign {
					t.Errorf("%+v", p)
				}
				uninstall(t, i)
				same(t, dir, map[string]string{"static": "-rwx--x--x " + digest([]byte(answering))})
			})
		}
	}
}

// TestAskedOnce counts how often a plugin that cannot be judged is run: asking one
// that is silent takes half a minute.
func TestAskedOnce(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(t.TempDir(), "log")
	writeFile(t, filepath.Join(dir, "static"), []byte("#!/bin/sh\necho asked >>"+log+"\nkill -9 $$\n"), 0o755)
	i := realBundle(t, "static").installer(t, dir, IfNewer, "static")
	for pass := range 3 {
		if p := installOne(t, i); p.State != Broken || p.Result != Kept {
			t.Errorf("%+v", p)
		}
		if asked := strings.Count(string(readFile(t, log)), "asked"); asked != pass+1 {
			t.Errorf("asked %d times in %d passes", asked, pass+1)
		}
	}
}

// TestForget has a plugin that works no more although it looks as before: what it
// needs is elsewhere.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	needed := filepath.Join(t.TempDir(), "needed")
	writeFile(t, needed, nil, 0o644)
	writeFile(t, filepath.Join(dir, "static"), []byte("#!/bin/sh\n[ -e "+needed+" ] || exit 1\n"+strings.TrimPrefix(answering, "#!/bin/sh\n")), 0o755)
	i := realBundle(t, "static").installer(t, dir, Never, "static")
	if p := installOne(t, i); p.State != Foreign {
		t.Errorf("%+v", p)
	}
	if err := os.Remove(needed); err != nil {
		t.Fatal(err)
	}
	if p := installOne(t, i); p.State != Foreign {
		t.Errorf("looked at anew, although nothing changed: %+v", p)
	}
	i.Forget()
	if p := installOne(t, i); p.State != Broken {
		t.Errorf("%+v", p)
	}
}

// TestLocked has somebody hold the folder for good.
func TestLocked(t *testing.T) {
	dir := t.TempDir()
	held, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	i := realBundle(t, "static").installer(t, dir, IfNewer, "static")
	waited := 0
	i.Waiting, i.lockPatience = func() { waited++ }, 1200*time.Millisecond
	if _, err := i.Install(t.Context()); err == nil || !strings.Contains(err.Error(), "lslocks") || waited != 1 {
		t.Errorf("install: %v, which was announced %d times", err, waited)
	}
	same(t, dir, map[string]string{})
	// Reading needs no lock.
	if plugins, err := i.Report(t.Context()); err != nil || plugins[0].State != Absent {
		t.Errorf("report: %+v, %v", plugins, err)
	}
}

// TestFolderOfOurName has folders that are called like files of ours.
func TestFolderOfOurName(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"full", "empty"} {
		if err := os.Mkdir(filepath.Join(dir, tempPrefix+name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, tempPrefix+"full", "file"), nil, 0o644)
	before := snapshot(t, dir)
	i := realBundle(t, "static").installer(t, dir, IfNewer, "static")
	if p := installOne(t, i); p.State != Current || p.Err != nil {
		t.Errorf("%+v", p)
	}
	uninstall(t, i)
	same(t, dir, before)
}

// BenchmarkNothingToDo is an installation that finds all as it should be, by an
// installer that knows nothing yet.
func BenchmarkNothingToDo(b *testing.B) {
	names := []string{"macvlan", "host-local", "static", "dhcp", "tuning"}
	bundle := realBundle(b, names...)
	dir := b.TempDir()
	installOne(b, bundle.installer(b, dir, IfNewer, names...))
	for b.Loop() {
		for _, p := range []Plugin{installOne(b, bundle.installer(b, dir, IfNewer, names...))} {
			if p.Result != Kept || !p.Usable {
				b.Fatalf("%+v", p)
			}
		}
	}
}
