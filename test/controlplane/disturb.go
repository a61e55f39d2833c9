package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/reaper"
)

// RestartAPIServer kills the API server and starts it again, with the data, certificates
// and address that it had. Meanwhile nothing listens there. It works on Linux only.
//
// Asked to stop, it would wait for the end of all watches, for a minute.
func (c *ControlPlane) RestartAPIServer(ctx context.Context) error {
	server := c.env.ControlPlane.GetAPIServer()
	find := func() (int, error) { return find("kube-apiserver", "--cert-dir="+server.CertDir) }
	pid, err := find()
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		return fmt.Errorf("kill the API server: %w", err)
	}
	for err == nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("kill the API server: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
		_, err = find()
	}
	log, err := os.OpenFile(filepath.Join(c.dir, "kube-apiserver.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open the API server's log: %w", err)
	}
	// The process has a descriptor of its own once it runs.
	defer log.Close()
	server.Out, server.Err = log, log
	if err := server.Start(); err != nil {
		return fmt.Errorf("start the API server again: %w; the end of its log: %s", err, tail(log.Name()))
	}
	return nil
}

// PauseEtcd stops etcd in the middle of whatever it does, until ResumeEtcd: what needs it
// waits. It works on Linux only.
func (c *ControlPlane) PauseEtcd() error { return c.signalEtcd(syscall.SIGSTOP) }

// ResumeEtcd lets etcd go on after PauseEtcd.
func (c *ControlPlane) ResumeEtcd() error { return c.signalEtcd(syscall.SIGCONT) }

func (c *ControlPlane) signalEtcd(signal syscall.Signal) error {
	pid, err := find("etcd", "--data-dir="+c.env.ControlPlane.Etcd.DataDir)
	if err == nil {
		err = syscall.Kill(pid, signal)
	}
	if err != nil {
		return fmt.Errorf("send etcd the signal %q: %w", signal, err)
	}
	return nil
}

// find returns the number of a process that this one has started, by its program and an
// argument: envtest keeps its processes to itself.
func find(program, argument string) (pid int, err error) {
	processes, err := reaper.Having(reaper.Variable, os.Getenv(reaper.Variable))
	if err != nil {
		return 0, err
	}
	for _, p := range processes {
		// It may be gone by now.
		arguments, err := os.ReadFile(filepath.Join("/proc", p.ID, "cmdline"))
		if err == nil && filepath.Base(p.Program) == program && strings.Contains(string(arguments), "\x00"+argument+"\x00") {
			return strconv.Atoi(p.ID)
		}
	}
	return 0, fmt.Errorf("no process of %s with the argument %q: it has ended, or this is not Linux", program, argument)
}
