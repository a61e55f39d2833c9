// Package reaper ends the programs that a test has started when the test is cut off:
// by go test's time limit, by Ctrl-C or by SIGKILL, none of which lets it end them.
// An API server and an etcd that stay behind keep their ports, memory and cores.
package reaper

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// Variable is the environment variable by which a process and those that it starts
// are known. Programs that are started without the environment of this process, and
// should be ended with the others, have to be given it.
const Variable = "MACVLAN_WEBHOOK_TEST_PROCESS"

// script waits for the end of its standard input and kills whoever has the variable
// with the value $1. A look at the environment misses nobody: envtest does not tell
// which processes it has started, and a number may belong to somebody else by then.
// It looks again until nobody is found, because a process may start another one
// meanwhile. Where there is no /proc it finds nobody.
const script = `
read -r _
found=yes
while [ "$found" ]; do
	found=
	for process in /proc/[0-9]*; do
		if grep -qsF "` + Variable + `=$1" "$process/environ"; then
			kill -KILL "${process#/proc/}" 2>/dev/null && found=yes
		fi
	done
done
`

// Start sees to it that every process which this one starts from now on ends when this
// one has ended. It may be called by everybody who starts some: the first call counts.
var Start = sync.OnceValue(start)

func start() error {
	value := fmt.Sprintf("%d-%s", os.Getpid(), rand.Text())
	if err := os.Setenv(Variable, value); err != nil {
		return fmt.Errorf("start the reaper: %w", err)
	}
	reaper := exec.Command("/bin/sh", "-c", script, "reaper", value)
	// Without the variable, or it would find itself.
	reaper.Env = []string{"PATH=" + os.Getenv("PATH")}
	// In a process group of its own, so that Ctrl-C does not reach it.
	reaper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := reaper.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the reaper: %w", err)
	}
	if err := reaper.Start(); err != nil {
		return fmt.Errorf("start the reaper: %w", err)
	}
	go func() {
		_ = reaper.Wait()
		// This end closes when this process is gone, however that comes, and not before:
		// with the garbage.
		runtime.KeepAlive(pipe)
	}()
	return nil
}
