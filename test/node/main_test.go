package node

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
)

// worker marks a process that is a node, see [serve].
const worker = "MACVLAN_WEBHOOK_TEST_NODE"

// unable says why pods cannot be run here; it is empty when they can.
var unable string

func TestMain(m *testing.M) {
	if os.Getenv(worker) != "" {
		// All that is done to the node is done by this thread, and all plugins are
		// started by it: a network namespace is a thread's.
		runtime.LockOSThread()
		if err := serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getuid() != 0 {
		unable = "network namespaces and links can be made by root alone"
	} else if n, err := startNode(); errors.Is(err, syscall.EPERM) {
		unable = "network namespaces cannot be made: CAP_SYS_ADMIN is missing"
	} else {
		// What else is wrong is for the tests to say.
		n.end()
	}
	os.Exit(m.Run())
}

// needNode skips the test where pods cannot be run.
func needNode(t *testing.T) {
	t.Helper()
	if unable != "" {
		t.Skip(unable)
	}
}
