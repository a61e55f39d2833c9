package cni

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// confined runs a function in a thread that has lost every capability but those
// given, and the way to new ones, for itself and for the programs that it
// starts: what a container has whose manifest drops ALL and adds those.
func confined(keep []uintptr, do func() error) error {
	done := make(chan error, 1)
	go func() {
		// The thread ends with the goroutine, as it is never unlocked.
		runtime.LockOSThread()
		done <- func() error {
			for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
				kept := false
				for _, k := range keep {
					kept = kept || k == capability
				}
				if kept {
					continue
				}
				// EINVAL: a capability that this kernel does not know.
				if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && err != unix.EINVAL {
					return fmt.Errorf("drop capability %d: %w", capability, err)
				}
			}
			if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
				return fmt.Errorf("allow no new privileges: %w", err)
			}
			return do()
		}()
	}()
	return <-done
}

// The manifests drop all capabilities of the installer: being root, and so the
// owner of the folder, is enough for it.
func TestInstallerNeedsNoCapabilities(t *testing.T) {
	needNode(t)
	// A copy that root can read without being allowed to read everything: the
	// image's files are root's too.
	image := t.TempDir()
	if err := os.CopyFS(filepath.Join(image, "cni"), os.DirFS(filepath.Join(server.Root(), "bin", "cni"))); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(installer())
	if err != nil {
		t.Fatalf("%v: run make build", err)
	}
	if err := os.WriteFile(filepath.Join(image, "macvlan-installer"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		var out []byte
		err := confined(nil, func() (err error) {
			out, err = exec.Command(filepath.Join(image, "macvlan-installer"), append(args, "--bin-dir="+folder)...).CombinedOutput()
			return err
		})
		if err != nil {
			t.Fatalf("macvlan-installer %v: %v: %s", args, err, out)
		}
	}
	run("install")
	if !exists(t, filepath.Join(folder, "macvlan")) {
		t.Error("no macvlan has been installed")
	}
	run("status")
	run("uninstall")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > 0 {
		t.Errorf("uninstall has left %v", entries)
	}
}

// What is tested above has to be without capabilities indeed.
func TestConfined(t *testing.T) {
	needNode(t)
	for _, keep := range [][]uintptr{nil, {unix.CAP_CHOWN}} {
		err := confined(keep, func() error {
			return exec.Command("chown", "1", t.TempDir()).Run()
		})
		if allowed := err == nil; allowed != (keep != nil) {
			t.Errorf("with capabilities %v: chown: %v", keep, err)
		}
	}
}
