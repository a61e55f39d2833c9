// Package reaper ends the programs that a test has started when the test is cut off:
// by go test's time limit, by Ctrl-C or by SIGKILL, none of which lets it end them.
// An API server and an etcd that stay behind keep their ports, memory and cores.
package reaper

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Variable is the environment variable by which a process and those that it starts
// are known. Programs that are started without the environment of this process, and
// should be ended with the others, have to be given it.
const Variable = "MACVLAN_WEBHOOK_TEST_PROCESS"

// Start sees to it that every process which this one starts from now on ends when this
// one has ended. It may be called by everybody who starts some: the first call counts.
// Elsewhere than on Linux it does nothing but say so.
var Start = sync.OnceValue(start)

// Process is a running process.
type Process struct {
	ID string
	// Program is the path of its executable, empty when that cannot be read.
	Program string
}

// Having returns the processes that have an environment variable with the value. Where
// there is no /proc it finds nobody.
func Having(variable, value string) ([]Process, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, folder := range folders {
		// It may be gone by now.
		environment, err := os.ReadFile(filepath.Join(folder, "environ"))
		if err != nil || !strings.Contains("\x00"+string(environment), "\x00"+variable+"="+value+"\x00") {
			continue
		}
		process := Process{ID: filepath.Base(folder)}
		if program, err := os.Readlink(filepath.Join(folder, "exe")); err == nil {
			process.Program = program
		}
		found = append(found, process)
	}
	return found, nil
}
