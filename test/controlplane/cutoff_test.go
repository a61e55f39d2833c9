package controlplane

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// cutOff marks a run of these tests that is killed, and what it has started. Its value
// tells one from the other.
const cutOff = "MACVLAN_WEBHOOK_TEST_CUT_OFF"

// waitToBeKilled is what a run does that is to be killed, when its control plane runs.
func waitToBeKilled() {
	fmt.Println("started")
	select {}
}

// A run that is killed while the control plane runs leaves none of its programs behind.
func TestKilledRunLeavesNothing(t *testing.T) {
	value := fmt.Sprint("killed-", os.Getpid())
	run := exec.Command("/proc/self/exe")
	run.Env = append(os.Environ(), cutOff+"="+value)
	run.Stderr = os.Stderr
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "started\n" {
		t.Fatalf("the run says %q: %v", line, err)
	}
	started := marked(t, value)
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		if !strings.Contains(strings.Join(started, " ")+" ", "/"+name+" ") {
			t.Errorf("%s does not run: %q", name, started)
		}
	}
	if err := run.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); err == nil {
		t.Error("the run ended well")
	}
	wait.Until(t, "nothing is left", func() bool { return len(marked(t, value)) == 0 })
}

// marked are the programs that have the value in their environment.
func marked(t *testing.T, value string) (programs []string) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		// It may be gone by now.
		environment, err := os.ReadFile(filepath.Join(process, "environ"))
		if err != nil || !strings.Contains("\x00"+string(environment), "\x00"+cutOff+"="+value+"\x00") {
			continue
		}
		program, err := os.Readlink(filepath.Join(process, "exe"))
		if err != nil {
			program = process
		}
		programs = append(programs, program)
	}
	return programs
}
