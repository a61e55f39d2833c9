// Package server runs the built webhook server as a process, for the demo and
// for end-to-end tests.
package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/reaper"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// Server is a running webhook server.
type Server struct {
	// Address of the webhook and of the probes, as host:port.
	Address, Probes string

	cmd    *exec.Cmd
	exited chan struct{}
	err    error

	log wait.Log
}

// Root is the folder of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Binary is the path of a program that `make build` has built.
func Binary(name string) string { return filepath.Join(Root(), "bin", name) }

// Start runs the server on free ports of the loopback interface and waits until
// it listens, which is not until it is ready. The server ends when this process does.
func Start(ctx context.Context, args ...string) (*Server, error) {
	return StartWith(ctx, nil, args...)
}

// StartWith is Start with more variables in the server's environment, each NAME=VALUE.
func StartWith(ctx context.Context, environment []string, args ...string) (*Server, error) {
	if err := reaper.Start(); err != nil {
		return nil, err
	}
	args = append([]string{"--listen=127.0.0.1:0", "--probe-listen=127.0.0.1:0"}, args...)
	s := &Server{cmd: exec.Command(Binary("macvlan-webhook"), args...), exited: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), environment...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server (`make build` builds it): %w", err)
	}
	listening := make(chan struct{})
	go s.follow(stderr, listening)
	select {
	case <-listening:
		return s, nil
	case <-s.exited:
		return nil, fmt.Errorf("the server ended: %w\n%s", s.err, s.Log())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), s.Stop())
	}
}

// follow keeps the log and finds the addresses in it.
func (s *Server) follow(stderr io.Reader, listening chan struct{}) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Fprintln(&s.log, lines.Text())
		var line struct{ Msg, Address, Probes string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" && s.Address == "" {
			s.Address, s.Probes = line.Address, line.Probes
			close(listening)
		}
	}
	s.err = s.cmd.Wait()
	close(s.exited)
}

// Log is what the server has logged so far.
func (s *Server) Log() string { return s.log.String() }

// CopyLog writes the log to w as well, from its beginning.
func (s *Server) CopyLog(w io.Writer) error { return s.log.CopyTo(w) }

// PID is the process ID.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// WaitReady waits until /readyz says so.
func (s *Server) WaitReady(ctx context.Context) error {
	last := "no answer"
	for {
		status, text, err := s.Probe(ctx, "/readyz")
		if err == nil && status == http.StatusOK {
			return nil
		}
		if err == nil {
			last = text
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the server ended: %w\n%s", s.err, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("the server does not get ready: %s\n%s", last, s.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Memory is a size in bytes from the server's status in /proc, such as VmRSS, what is
// resident, or VmHWM, the most that ever was. It works on Linux only.
func (s *Server) Memory(field string) (int, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.PID()), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			var kib int
			if _, err := fmt.Sscan(value, &kib); err != nil {
				return 0, fmt.Errorf("read %s of process %d: %w", field, s.PID(), err)
			}
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("no %s in the status of process %d: it has ended", field, s.PID())
}

// Probe gets a path from the probe port.
func (s *Server) Probe(ctx context.Context, path string) (status int, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Probes+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// Terminate asks the server to stop, as the kubelet does.
func (s *Server) Terminate() error { return s.Signal(syscall.SIGTERM) }

// Signal sends the server a signal.
func (s *Server) Signal(signal os.Signal) error { return s.cmd.Process.Signal(signal) }

// Exited is closed when the server has ended; Err then says how.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// Err is how the server ended; it may be asked once Exited is closed.
func (s *Server) Err() error { return s.err }

// Stop ends the server at once.
func (s *Server) Stop() error {
	err := s.cmd.Process.Kill()
	<-s.exited
	if err != nil && strings.Contains(err.Error(), "process already finished") {
		return nil
	}
	return err
}
