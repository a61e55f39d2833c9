package controlplane

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/reaper"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// A run that is killed while the control plane runs leaves none of its programs behind.
func TestKilledRunLeavesNothing(t *testing.T) {
	value := fmt.Sprint("killed-", os.Getpid())
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command(program)
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
	processes, err := reaper.Having(cutOff, value)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		programs = append(programs, cmp.Or(p.Program, p.ID))
	}
	return programs
}
