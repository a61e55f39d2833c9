package install

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/bundle"
)

// TestMain lets the test binary be an installer of its own, which can be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("TEST_INSTALLER_DIR"); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child does what TEST_INSTALLER_DO says, and kills itself before the step of the
// number TEST_INSTALLER_KILL.
func child(dir string) int {
	b, err := bundle.New(os.Getenv("TEST_INSTALLER_FROM"), os.Getenv("TEST_INSTALLER_CHECKSUMS"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	last, _ := strconv.Atoi(os.Getenv("TEST_INSTALLER_KILL"))
	n := 0
	i := &Installer{Dir: dir, Bundle: b, Plugins: strings.Split(os.Getenv("TEST_INSTALLER_PLUGINS"), ","), Policy: IfNewer, step: func(string) {
		if n++; n == last {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}}
	if os.Getenv("TEST_INSTALLER_DO") == "uninstall" {
		_, err = i.Uninstall(context.Background())
	} else {
		var plugins []Plugin
		plugins, err = i.Install(context.Background())
		for _, p := range plugins {
			if p.Err != nil {
				err = p.Err
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startChild prepares the test binary as an installer.
func startChild(do, dir string, b testBundle, kill int, plugins ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	// Under the race detector, processes linger for a second unless told not to.
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "TEST_INSTALLER_DO="+do, "TEST_INSTALLER_DIR="+dir, "TEST_INSTALLER_FROM="+b.dir,
		"TEST_INSTALLER_CHECKSUMS="+b.checksums, "TEST_INSTALLER_KILL="+strconv.Itoa(kill), "TEST_INSTALLER_PLUGINS="+strings.Join(plugins, ","))
	return cmd
}

// built is where make puts the bundled plugins.
const built = "../../../../bin/cni"

// plugins reads the real plugins.
var realPlugin = func() func(testing.TB, string) []byte {
	var mu sync.Mutex
	read := map[string][]byte{}
	return func(tb testing.TB, name string) []byte {
		tb.Helper()
		mu.Lock()
		defer mu.Unlock()
		if read[name] == nil {
			content, err := os.ReadFile(filepath.Join(built, name))
			if err != nil {
				tb.Fatalf("%v: run make build", err)
			}
			read[name] = content
		}
		return read[name]
	}
}()

// testBundle is a folder of plugins with its table.
type testBundle struct {
	dir, checksums string
}

func newBundle(tb testing.TB, contents map[string][]byte) testBundle {
	tb.Helper()
	b := testBundle{dir: tb.TempDir()}
	for name, content := range contents {
		writeFile(tb, filepath.Join(b.dir, name), content, 0o755)
		b.checksums += "," + name + "=" + digest(content)
	}
	return b
}

// realBundle is the bundle of the named plugins as they were built.
func realBundle(tb testing.TB, names ...string) testBundle {
	tb.Helper()
	contents := map[string][]byte{}
	for _, name := range names {
		contents[name] = realPlugin(tb, name)
	}
	return newBundle(tb, contents)
}

func (b testBundle) open(tb testing.TB) *bundle.Bundle {
	tb.Helper()
	opened, err := bundle.New(b.dir, b.checksums)
	if err != nil {
		tb.Fatal(err)
	}
	return opened
}

func (b testBundle) installer(tb testing.TB, dir string, policy Policy, plugins ...string) *Installer {
	tb.Helper()
	return &Installer{Dir: dir, Bundle: b.open(tb), Plugins: plugins, Policy: policy}
}

// otherVersion makes a plugin say that it has another version, of the same length.
// It runs as before.
func otherVersion(tb testing.TB, plugin []byte, version string) []byte {
	tb.Helper()
	const real = "v1.10.0"
	if len(version) != len(real) || !bytes.Contains(plugin, []byte(real)) {
		tb.Fatalf("the plugins are not of version %s: run make build, or change this test with the version", real)
	}
	return bytes.ReplaceAll(plugin, []byte(real), []byte(version))
}

// compiled builds a program whose import path is that of the plugin static, from a
// checkout, so that it has no version.
func compiled(tb testing.TB, source, arch string) []byte {
	tb.Helper()
	dir := tb.TempDir()
	folder := filepath.Join(dir, "plugins/ipam/static")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		tb.Fatal(err)
	}
	writeFile(tb, filepath.Join(dir, "go.mod"), []byte("module github.com/containernetworking/plugins\n\ngo 1.26\n"), 0o644)
	writeFile(tb, filepath.Join(folder, "main.go"), []byte(source), 0o644)
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, "program"), "./plugins/ipam/static")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch, "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("go build: %v: %s", err, out)
	}
	return readFile(tb, filepath.Join(dir, "program"))
}

func writeFile(tb testing.TB, path string, content []byte, mode fs.FileMode) {
	tb.Helper()
	if err := os.WriteFile(path, content, mode); err != nil {
		tb.Fatal(err)
	}
	// The umask does not count here.
	if err := os.Chmod(path, mode); err != nil {
		tb.Fatal(err)
	}
}

func readFile(tb testing.TB, path string) []byte {
	tb.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return content
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// snapshot describes all that is in a folder: names, modes, digests and targets.
func snapshot(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	s := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		switch info.Mode().Type() {
		case 0:
			text += " " + digest(readFile(tb, path))
		case fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " -> " + target
		}
		name, _ := filepath.Rel(dir, path)
		s[name] = text
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// same fails the test when the folder is not what it was.
func same(tb testing.TB, dir string, before map[string]string) {
	tb.Helper()
	if diff := cmp.Diff(before, snapshot(tb, dir)); diff != "" {
		tb.Errorf("the folder is not what it was before (-before +now):\n%s", diff)
	}
}

// installOne installs and returns what happened to the one plugin.
func installOne(tb testing.TB, i *Installer) Plugin {
	tb.Helper()
	plugins, err := i.Install(context.Background())
	if err != nil {
		tb.Fatalf("install: %v", err)
	}
	return plugins[0]
}

// uninstall uninstalls, which has to succeed.
func uninstall(tb testing.TB, i *Installer) []Removal {
	tb.Helper()
	removals, err := i.Uninstall(context.Background())
	if err != nil {
		tb.Fatalf("uninstall: %v", err)
	}
	for _, r := range removals {
		if r.Err != nil {
			tb.Fatalf("uninstall: %v", r.Err)
		}
	}
	return removals
}
