package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const built = "../../../../bin/cni"

func TestRealPlugins(t *testing.T) {
	dir, err := filepath.Abs(built)
	if err != nil {
		t.Fatal(err)
	}
	for name, group := range map[string]string{"macvlan": "main", "host-local": "ipam", "static": "ipam", "dhcp": "ipam"} {
		path := filepath.Join(dir, name)
		f, err := os.Open(path)
		if err != nil {
			t.Fatalf("%v: run make build", err)
		}
		defer f.Close()
		b := ReadBuild(f)
		if g, n := b.Upstream(); g != group || n != name || b.Version != "v1.10.0" {
			t.Errorf("build of %s = %+v", name, b)
		}
		a, err := Ask(t.Context(), path)
		if err == nil {
			a, err = Introduce(t.Context(), path, a)
		}
		if err != nil || a.Name != name || a.Version != b.Version || !a.Supports("1.0.0") || a.Supports("9.0.0") {
			t.Errorf("%s says %+v, %v", name, a, err)
		}
	}
	if err := Status(t.Context(), dir+"/macvlan", `{"cniVersion":"1.1.0","name":"n","type":"macvlan","ipam":{"type":"static"}}`); err != nil {
		t.Error(err)
	}
	err = Status(t.Context(), dir+"/macvlan", `{"cniVersion":"1.1.0","name":"n","type":"macvlan","ipam":{"type":"missing"}}`)
	if err == nil || !strings.Contains(err.Error(), `failed to find plugin \"missing\"`) {
		t.Errorf("status with an IPAM plugin that is not there: %v", err)
	}
}

func TestAskFaults(t *testing.T) {
	tests := []struct {
		name, text string
		undecided  bool
		want       string
	}{
		{"refusal", "#!/bin/sh\necho no such verb >&2; exit 1\n", false, "no such verb"},
		{"an escape sequence", "#!/bin/sh\nprintf '\\033[2Jcleared' >&2; exit 1\n", false, `"\x1b[2Jcleared"`},
		{"no JSON", "#!/bin/sh\necho hello\n", false, `"hello"`},
		{"another JSON", "#!/bin/sh\necho '{\"a\":1}'\n", false, "without supportedVersions"},
		{"endless output", "#!/bin/sh\nexec head -c 10000000 /dev/zero\n", false, "answer"},
		{"no program", "hello", false, "another architecture"},
		{"interpreter missing", "#!/nowhere/sh\n", true, "interpreter"},
		{"killed", "#!/bin/sh\nkill -9 $$\n", true, "killed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Ask(t.Context(), script(t, tt.text))
			if err == nil || errors.Is(err, ErrUndecided) != tt.undecided || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one that says %q, undecided: %t", err, tt.want, tt.undecided)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// TestAskHanging asks a script that never answers and leaves a child behind that
// holds its output open.
func TestAskHanging(t *testing.T) {
	path := script(t, "#!/bin/sh\nsleep 1000 &\nsleep 1000\n")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Ask(ctx, path); !errors.Is(err, ErrUndecided) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want %v", err, ErrUndecided)
	}
}

// TestAskChild asks scripts that answer and leave a child behind that holds their
// output open: one that is killed with its group, and one that left it.
func TestAskChild(t *testing.T) {
	const answer = `echo '{"supportedVersions":["1.0.0"]}'`
	for name, child := range map[string]string{"in the group": "sleep", "in a group of its own": "setsid sleep"} {
		t.Run(name, func(t *testing.T) {
			pid := filepath.Join(t.TempDir(), "pid")
			path := script(t, "#!/bin/sh\n"+child+" 1000 &\necho $! >"+pid+".new\nmv "+pid+".new "+pid+"\n"+answer+"\n")
			a, err := Ask(t.Context(), path)
			if err != nil || !a.Supports("1.0.0") {
				t.Errorf("answer = %+v, %v", a, err)
			}
			raw, err := os.ReadFile(pid)
			if err != nil {
				t.Fatal(err)
			}
			number, err := strconv.Atoi(strings.TrimSpace(string(raw)))
			if err != nil {
				t.Fatal(err)
			}
			if name != "in the group" {
				// Nothing but this ends it.
				if err := unix.Kill(number, unix.SIGKILL); err != nil {
					t.Error(err)
				}
				return
			}
			wait.Until(t, "the child's end", func() bool {
				stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", number))
				// A zombie waits for whoever is to reap it.
				return err != nil || strings.Contains(string(stat), ") Z ")
			})
		})
	}
}

// TestAskBusy asks a plugin that somebody is still writing.
func TestAskBusy(t *testing.T) {
	path := script(t, "#!/bin/sh\n")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Ask(t.Context(), path); !errors.Is(err, ErrUndecided) || !strings.Contains(err.Error(), "writing") {
		t.Errorf("error = %v, want %v", err, ErrUndecided)
	}
}

func TestCompare(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"v1.9.1", "v1.9.1", 0},
		{"v1.9.0", "v1.9.1", -1},
		{"v1.10.0", "v1.9.1", 1},
		{"v1.9.1-k3s1", "v1.9.1", 0},
		{"v1.9.1-build20260101", "v1.9.1", 0},
		{"v1.9.1-rc.1", "v1.9.1", -1},
		{"v1.9.2-0.20260102030405-0123456789ab", "v1.9.1", 1},
		{"v1.9.1-0.20260102030405-0123456789ab", "v1.9.1", -1},
		{"v1.9.1+dirty", "v1.9.1", 0},
	}
	for _, tt := range tests {
		if got := Compare(tt.a, tt.b); got != tt.want {
			t.Errorf("Compare(%s, %s) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
