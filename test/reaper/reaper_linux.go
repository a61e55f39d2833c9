package reaper

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// script waits for the end of its standard input and kills whoever has the variable
// with the value $1. A look at the environment misses nobody: envtest does not tell
// which processes it has started, and a number may belong to somebody else by then.
// It looks again until nobody is found, because a process may start another one
// meanwhile, and one that the kernel holds back ends later. After some ten seconds it
// leaves those to the kernel.
const script = `
read -r _
looks=0
while [ "$looks" -lt 100 ]; do
	found=
	for process in /proc/[0-9]*; do
		if grep -qsF "` + Variable + `=$1" "$process/environ"; then
			kill -KILL "${process#/proc/}" 2>/dev/null && found=yes
		fi
	done
	[ "$found" ] || exit 0
	looks=$((looks + 1))
	sleep 0.1
done
`

func start() error {
	value := fmt.Sprintf("%d-%s", os.Getpid(), rand.Text())
	if err := os.Setenv(Variable, value); err != nil {
		return fmt.Errorf("start the reaper: %w", err)
	}
	_, err := run(value)
	return err
}

// run starts the reaper of the processes that have the value.
func run(value string) (*os.Process, error) {
	reaper := exec.Command("/bin/sh", "-c", script, "reaper", value)
	// Without the variable, or it would find itself.
	reaper.Env = []string{"PATH=" + os.Getenv("PATH")}
	// In a process group of its own, so that Ctrl-C does not reach it.
	reaper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := reaper.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the reaper: %w", err)
	}
	if err := reaper.Start(); err != nil {
		return nil, fmt.Errorf("start the reaper: %w", err)
	}
	go func() {
		err := reaper.Wait()
		// It outlives this process, unless something went wrong.
		fmt.Fprintln(os.Stderr, "what this test starts stays behind when it is cut off: the reaper has ended:", err)
		// This end closes when this process is gone, however that comes, and not before:
		// with the garbage.
		runtime.KeepAlive(pipe)
	}()
	return reaper.Process, nil
}
