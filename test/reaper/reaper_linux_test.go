package reaper

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
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
		if err := play(how); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play does what the value of role says.
func play(how string) error {
	if strings.HasPrefix(how, "bereft") {
		return loseReaper()
	}
	return beCutOff(strings.HasPrefix(how, "panic"))
}

// loseReaper ends the reaper, and then itself with its standard input.
func loseReaper() error {
	reaper, err := run("nobody-" + rand.Text())
	if err != nil {
		return err
	}
	if err := reaper.Kill(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// again is a run of these tests that plays a role.
func again(t *testing.T, value string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program)
	command.Env = append(os.Environ(), role+"="+value)
	return command
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
func marked(t *testing.T, value string) []Process {
	t.Helper()
	found, err := Having(role, value)
	if err != nil {
		t.Fatal(err)
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
			command := again(t, value)
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

// Somebody whose reaper has ended learns that nothing is looked after.
func TestLostReaper(t *testing.T) {
	command := again(t, fmt.Sprint("bereft-", os.Getpid()))
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if want := "the reaper has ended: signal: killed\n"; err != nil || !strings.HasSuffix(line, want) {
		t.Errorf("it says %q, %v; want %q", line, err, want)
	}
	stdin.Close()
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}
