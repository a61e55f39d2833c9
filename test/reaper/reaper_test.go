package reaper

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// role tells a process of this package's tests that it is to be cut off, and how: it is
// the value of the variable, so that it marks the descendants too.
const role = "MACVLAN_WEBHOOK_TEST_CUT_OFF"

func TestMain(m *testing.M) {
	if how := os.Getenv(role); how != "" {
		if err := beCutOff(strings.HasPrefix(how, "panic")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// beCutOff starts two programs, one of which starts a third, and waits for its end.
func beCutOff(panics bool) error {
	if err := Start(); err != nil {
		return err
	}
	for _, command := range []*exec.Cmd{
		exec.Command("sleep", "infinity"),
		exec.Command("sh", "-c", "sleep infinity & wait"),
	} {
		// As envtest does: neither Ctrl-C nor the end of the terminal reaches them.
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := command.Start(); err != nil {
			return err
		}
	}
	fmt.Println("started")
	if panics {
		// What go test's time limit does.
		go panic("test timed out")
	}
	select {}
}

// marked are the processes that have the value of role in their environment.
func marked(t *testing.T, value string) (found []string) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		// It may be gone by now.
		environment, err := os.ReadFile(filepath.Join(process, "environ"))
		if err == nil && strings.Contains("\x00"+string(environment), "\x00"+role+"="+value+"\x00") {
			found = append(found, filepath.Base(process))
		}
	}
	return found
}

func TestNothingIsLeft(t *testing.T) {
	for _, tt := range []struct {
		name   string
		signal os.Signal
	}{
		{"killed", syscall.SIGKILL},
		{"interrupted", syscall.SIGINT},
		{"panic", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			value := fmt.Sprintf("%s-%d", tt.name, os.Getpid())
			command := exec.Command("/proc/self/exe")
			command.Env = append(os.Environ(), role+"="+value)
			out, err := command.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "started\n" {
				t.Fatalf("it says %q: %v", line, err)
			}
			if tt.signal != nil {
				// Itself, the two that it started, and the one that one of them starts.
				wait.Until(t, "four processes", func() bool { return len(marked(t, value)) == 4 })
				if err := command.Process.Signal(tt.signal); err != nil {
					t.Fatal(err)
				}
			}
			if err := command.Wait(); err == nil {
				t.Error("it ended well")
			}
			wait.Until(t, "nothing is left", func() bool { return len(marked(t, value)) == 0 })
		})
	}
}
