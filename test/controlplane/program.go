package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// program is a process that belongs to the control plane beside those that
// envtest runs.
type program struct {
	name  string
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when the process has ended
	err   error         // how it ended; to be read when ended is closed
}

// startProgram runs one of Kubernetes' own clients under the user that RBAC
// knows it by, and waits until it leads: that it has taken its Lease means that
// it reached the API server and has begun to work.
func (c *ControlPlane) startProgram(ctx context.Context, name string, args ...string) (*program, error) {
	if err := requirePrograms(c.assets, name); err != nil {
		return nil, err
	}
	kubeconfig, err := c.KubeconfigFor("system:" + name)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(c.dir, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("make the log of %s: %w", name, err)
	}
	defer log.Close()

	// Nobody calls these programs, and a port would only be one more that two
	// control planes on a machine can both pick.
	args = append([]string{"--kubeconfig=" + kubeconfig, "--secure-port=0"}, args...)
	p := &program{name: name, log: log.Name(), ended: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(c.assets, name), args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()

	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		lease, err := c.client.CoordinationV1().Leases(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{})
		if err == nil && lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "" {
			return p, nil
		}
		select {
		case <-p.ended:
			return nil, p.stop()
		case <-ctx.Done():
			err := fmt.Errorf("start %s: %w; the end of its log: %s", name, ctx.Err(), tail(p.log))
			return nil, errors.Join(err, p.stop())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stop ends the process. It fails when the process had ended before.
func (p *program) stop() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s ended by itself: %w; the end of its log: %s", p.name, p.err, tail(p.log))
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	<-p.ended
	return fmt.Errorf("stop %s: it went on for %s after SIGTERM and was killed", p.name, stopTimeout)
}
