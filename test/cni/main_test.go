// Package cni tests that the plugins which macvlan-installer places on a node
// make the networks that they are there for: in network namespaces, on veth and
// bridge links, called through libcni as a container runtime or Multus calls
// them.
package cni

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// isolated marks the process that runs the tests in namespaces of its own.
const isolated = "MACVLAN_WEBHOOK_TEST_ISOLATED"

// unable says why the tests cannot run here; it is empty when they can.
var unable string

// The tests run in a process with network, mount and process namespaces of its
// own, which is the node: whatever they make and start is gone with it, also when
// it is killed.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(isolated) != "":
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, "prepare the node:", err)
			os.Exit(1)
		}
	case os.Getuid() != 0:
		unable = "network namespaces and links can be made by root alone"
	default:
		if err := isolate(); !errors.Is(err, syscall.EPERM) {
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				os.Exit(max(exit.ExitCode(), 1))
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "run the tests in namespaces of their own:", err)
				os.Exit(1)
			}
			os.Exit(0)
		}
		unable = "network namespaces cannot be made: CAP_SYS_ADMIN is missing"
	}
	os.Exit(m.Run())
}

// isolate runs this program once more, in new namespaces.
func isolate() error {
	// The kernel ends the child when the thread ends that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	command := exec.Command("/proc/self/exe", os.Args[1:]...)
	command.Env = append(os.Environ(), isolated+"=1")
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
	}
	return command.Run()
}

// prepare gives the node what a machine has after it has started, and folders of
// its own where plugins keep their state, so that configurations can leave the
// paths at their defaults.
func prepare() error {
	for _, folder := range []string{"/run", "/var/lib"} {
		if err := syscall.Mount("node", folder, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("mount an empty %s: %w", folder, err)
		}
	}
	// That of the new processes, in place of everybody's.
	if err := syscall.Mount("node", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback interface: %w", err)
	}
	return netlink.LinkSetUp(lo)
}

// needNode skips the test where there is no node to run it on.
func needNode(t *testing.T) {
	t.Helper()
	if unable != "" {
		t.Skip(unable)
	}
}

// installer is the built program.
func installer() string { return server.Binary("macvlan-installer") }

// plugins is the folder that the installer has filled: what a node without
// plugins has after it.
var plugins = sync.OnceValues(func() (string, error) {
	// In the node's own /run, and gone with it.
	folder := filepath.Join("/run", "opt", "cni", "bin")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	out, err := exec.Command(installer(), "install", "--bin-dir="+folder).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("macvlan-installer install (`make build` builds it): %w: %s", err, out)
	}
	return folder, nil
})
