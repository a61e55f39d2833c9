package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/test/reaper"
)

// Result is what a run of kubectl left behind.
type Result struct {
	Stdout, Stderr string
	ExitCode       int
}

// Kubectl runs the kubectl of the assets as administrator, unless args name
// another --kubeconfig. An exit status other than 0 is no error: it is in the
// Result.
func (c *ControlPlane) Kubectl(ctx context.Context, stdin string, args ...string) (Result, error) {
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, filepath.Join(c.assets, "kubectl"), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	// kubectl keeps what it discovered under the home folder, by address and
	// port. Another control plane may have had the same port and other CRDs. PATH
	// is where it looks for plugins.
	cmd.Env = []string{"KUBECONFIG=" + c.kubeconfig, "HOME=" + c.dir, "PATH=" + os.Getenv("PATH"), reaper.Variable + "=" + os.Getenv(reaper.Variable)}
	if !runsPlugin(args) {
		// A kubectl lives for a tenth of a second, a fifth of which went into collecting what
		// nobody would have missed. A plugin runs as it does elsewhere.
		cmd.Env = append(cmd.Env, "GOGC=off")
	}
	err := cmd.Run()
	result := Result{Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		result.ExitCode = exit.ExitCode()
		return result, nil
	}
	if err != nil {
		return result, fmt.Errorf("run kubectl %s: %w", strings.Join(args, " "), err)
	}
	return result, nil
}

// runsPlugin says that kubectl would find a plugin for the arguments.
func runsPlugin(args []string) bool {
	if len(args) == 0 {
		return false
	}
	_, err := exec.LookPath("kubectl-" + args[0])
	return err == nil
}
