package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/semver"
	"golang.org/x/sys/unix"
)

// Patience is how long a plugin may take for an answer. It takes milliseconds;
// the bound is for one that hangs, on a node that is out of breath.
const Patience = 30 * time.Second

// ErrUndecided is in the errors that say nothing about the plugin: it may well
// work where the container runtime runs it, or a moment later.
var ErrUndecided = errors.New("not decided")

// Answer is what a plugin says of itself.
type Answer struct {
	// Supported are the versions of the CNI specification that it speaks.
	Supported []string
	// Name and Version are those of the line "CNI macvlan plugin v1.10.0", which
	// the reference plugins print when they are run by hand; they are empty for
	// plugins that print something else. Version is empty when it is "unknown".
	Name, Version string
}

// Supports says whether the plugin speaks a version of the specification.
func (a Answer) Supports(version string) bool {
	for _, s := range a.Supported {
		if semver.Compare("v"+s, "v"+version) >= 0 {
			return true
		}
	}
	return false
}

// about is the line that skel.PluginMain of containernetworking/cni prints when
// CNI_COMMAND is not set, with the text of pkg/utils/buildversion.
var about = regexp.MustCompile(`(?m)^CNI (\S+) plugin (?:version )?(\S+)$`)

// Ask runs the plugin at path, which is absolute, with the verb VERSION of the CNI
// specification. An
// error with [ErrUndecided] says that it could not be asked; any other that it
// does not work.
func Ask(ctx context.Context, path string) (Answer, error) {
	out, _, err := run(ctx, path, `{"cniVersion":"1.1.0"}`, "CNI_COMMAND=VERSION")
	if err != nil {
		return Answer{}, fmt.Errorf("run %s with CNI_COMMAND=VERSION: %w", path, err)
	}
	var version struct {
		Supported []string `json:"supportedVersions"`
	}
	if err := json.Unmarshal(out, &version); err != nil {
		return Answer{}, fmt.Errorf("run %s with CNI_COMMAND=VERSION: answer %q: %w", path, shorten(out), err)
	}
	if len(version.Supported) == 0 {
		return Answer{}, fmt.Errorf("run %s with CNI_COMMAND=VERSION: answer %q without supportedVersions", path, shorten(out))
	}
	return Answer{Supported: version.Supported}, nil
}

// Introduce runs a plugin by hand, without a verb, and adds to its answer what it
// prints of itself. Only what has answered [Ask] should be run like that. Errors
// are those of Ask.
func Introduce(ctx context.Context, path string, a Answer) (Answer, error) {
	_, errOut, err := run(ctx, path, "")
	if errors.Is(err, ErrUndecided) {
		return a, fmt.Errorf("run %s: %w", path, err)
	}
	if match := about.FindSubmatch(errOut); match != nil {
		a.Name = string(match[1])
		if v := string(match[2]); semver.IsValid(v) {
			a.Version = v
		}
	}
	return a, nil
}

// Status runs the plugin at path with the verb STATUS (CNI 1.1) and a network
// configuration. Plugins that it delegates to are looked for in its own folder.
func Status(ctx context.Context, path, config string) error {
	out, _, err := run(ctx, path, config, "CNI_COMMAND=STATUS", "CNI_PATH="+filepath.Dir(path))
	if err == nil {
		return nil
	}
	// By the specification, errors are JSON on standard output.
	var answer struct {
		Msg     string `json:"msg"`
		Details string `json:"details"`
	}
	if json.Unmarshal(out, &answer) == nil && answer.Msg != "" {
		return fmt.Errorf("run %s with CNI_COMMAND=STATUS: %w: %q", path, err, strings.TrimSuffix(answer.Msg+": "+answer.Details, ": "))
	}
	return fmt.Errorf("run %s with CNI_COMMAND=STATUS: %w", path, err)
}

// run runs the file with nothing in its environment but env and a PATH.
func run(ctx context.Context, path, stdin string, env ...string) (stdout, stderr []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	var out, errOut limited
	// A program that was written a moment ago is busy while any process holds it
	// open for writing, if only between its fork and its exec.
	for attempt := 0; ; attempt++ {
		out, errOut = limited{}, limited{}
		cmd := exec.CommandContext(ctx, path)
		cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, env...)
		cmd.Dir = "/"
		cmd.Stdin = strings.NewReader(stdin)
		cmd.Stdout, cmd.Stderr = &out, &errOut
		// A script's children go with it, and hold nothing up if they stay.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = time.Second
		if err = cmd.Start(); err == nil {
			leave(cmd.Process.Pid)
			err = cmd.Wait()
		}
		if errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil {
			// It ended well and has said what it had to say. A child that left its group
			// holds the output open.
			err = nil
		}
		if !errors.Is(err, syscall.ETXTBSY) || attempt == 20 {
			break
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return out.kept, errOut.kept, explain(ctx, path, err, errOut.kept)
}

// leave waits until a process ends and kills what it leaves in its group. The
// process is not reaped before, so that nobody else's can have its number.
func leave(pid int) {
	var err error = unix.EINTR
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
	// That there is nobody left is what is expected.
	_ = unix.Kill(-pid, unix.SIGKILL)
}

// explain says what an error of running a file means.
func explain(ctx context.Context, path string, err error, stderr []byte) error {
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: no answer: %w", ErrUndecided, ctx.Err())
	case exited && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		return fmt.Errorf("%w: killed, perhaps out of memory", ErrUndecided)
	case exited && len(bytes.TrimSpace(stderr)) > 0:
		return fmt.Errorf("%w: %q", err, shorten(stderr))
	case exited:
		return err
	case errors.Is(err, syscall.ENOEXEC):
		return errors.New("built for another architecture, or not a program")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("not executable")
	case errors.Is(err, syscall.ELOOP):
		return errors.New("the symbolic link goes in circles")
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(path); err != nil {
			return errors.New("the symbolic link leads nowhere")
		}
		// A container without a shell and a C library sees less than the node.
		return fmt.Errorf("%w: its interpreter was not found here", ErrUndecided)
	case errors.Is(err, syscall.ETXTBSY):
		return fmt.Errorf("%w: something is still writing it", ErrUndecided)
	}
	return fmt.Errorf("%w: %w", ErrUndecided, err)
}

// outputLimit is far above what a plugin answers, in bytes: what a foreign
// program prints must not fill the memory.
const outputLimit = 64 << 10

// limited keeps the beginning of what is written to it.
type limited struct{ kept []byte }

func (l *limited) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p[:min(outputLimit-len(l.kept), len(p))]...)
	return len(p), nil
}

// shorten makes output fit into a message.
func shorten(out []byte) string {
	const most = 200
	text := strings.Join(strings.Fields(string(out)), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
