package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/macvlan-webhook/macvlan-webhook/test/reaper"
)

// RestartAPIServer ends the API server and starts it again, with the data, certificates
// and address that it had. Meanwhile nothing listens there. The API server's end waits for
// requests under way.
func (c *ControlPlane) RestartAPIServer(ctx context.Context) error {
	server := c.env.ControlPlane.GetAPIServer()
	if err := server.Stop(); err != nil {
		return fmt.Errorf("stop the API server: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("start the API server again: %w", err)
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

// signalEtcd finds etcd by its folder, because envtest keeps the process to itself.
func (c *ControlPlane) signalEtcd(signal syscall.Signal) error {
	processes, err := reaper.Having(reaper.Variable, os.Getenv(reaper.Variable))
	if err != nil {
		return fmt.Errorf("find etcd: %w", err)
	}
	for _, p := range processes {
		// It may be gone by now.
		arguments, err := os.ReadFile(filepath.Join("/proc", p.ID, "cmdline"))
		if err != nil || filepath.Base(p.Program) != "etcd" || !strings.Contains(string(arguments), "\x00--data-dir="+c.env.ControlPlane.Etcd.DataDir+"\x00") {
			continue
		}
		pid, err := strconv.Atoi(p.ID)
		if err != nil {
			return fmt.Errorf("find etcd: %w", err)
		}
		if err := syscall.Kill(pid, signal); err != nil {
			return fmt.Errorf("send %s to etcd: %w", signal, err)
		}
		return nil
	}
	return errors.New("find etcd: no process has its folder: it has ended, or this is not Linux")
}
