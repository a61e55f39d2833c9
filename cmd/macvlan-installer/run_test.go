package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// process is a program that runs, and what it logged.
type process struct {
	*exec.Cmd
	ended chan struct{}
	err   error

	mu    sync.Mutex
	lines []string
}

// launch runs the program until the test ends.
func launch(t *testing.T, args ...string) *process {
	t.Helper()
	// testscript.Main has put the program into PATH.
	p := &process{Cmd: exec.Command("macvlan-installer", args...), ended: make(chan struct{})}
	p.Env = append(os.Environ(), checksumsVariable+"="+table(t))
	stderr, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, scanner.Text())
			p.mu.Unlock()
		}
		p.err = p.Wait()
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s logged:\n%s", args[0], p.log())
		}
	})
	return p
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// over says whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// address waits until the process says where it listens.
func (p *process) address(t *testing.T) string {
	t.Helper()
	var found struct{ Address string }
	wait.Until(t, "an address in the log", func() bool {
		for line := range strings.SplitSeq(p.log(), "\n") {
			if json.Unmarshal([]byte(line), &found) == nil && found.Address != "" {
				return true
			}
		}
		return p.over()
	})
	if p.over() {
		t.Fatalf("run ended: %v", p.err)
	}
	return found.Address
}

// get returns the status and the body of a path.
func get(t *testing.T, address, path string) (int, string) {
	t.Helper()
	response, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// listing is what is in a folder, with modes and digests.
func listing(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", `cd "$0" && ls -lA --time-style=+ && find . -type f -exec sha256sum {} +`, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "run", "--bin-dir", dir, "--from", plugins(t), "--listen", "127.0.0.1:0", "--interval", "1h")
	address := p.address(t)
	var status int
	var body string
	ready := func(want int, text string) func() bool {
		return func() bool {
			status, body = get(t, address, "/readyz")
			return status == want && strings.Contains(body, text)
		}
	}
	wait.Until(t, "ready", ready(http.StatusOK, "ok"))
	installed := listing(t, dir)
	whole := func() bool {
		out, err := exec.Command("cmp", filepath.Join(dir, "static"), filepath.Join(plugins(t), "static")).CombinedOutput()
		return err == nil && len(out) == 0
	}
	if !whole() {
		t.Fatal("ready, but the plugin is not there")
	}

	changes := []struct {
		name   string
		change func() error
	}{
		{"tampered with", func() error { return os.WriteFile(filepath.Join(dir, "static"), []byte("x"), 0o755) }},
		{"removed", func() error { return os.Remove(filepath.Join(dir, "static")) }},
		{"folder replaced", func() error {
			if err := os.Mkdir(dir+".new", 0o755); err != nil {
				return err
			}
			if err := os.Rename(dir, dir+".old"); err != nil {
				return err
			}
			return os.Rename(dir+".new", dir)
		}},
	}
	for _, c := range changes {
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		wait.Until(t, "repaired: "+c.name, whole)
	}
	wait.Until(t, "ready again", ready(http.StatusOK, "ok"))

	// A folder at the name is nobody's to remove.
	if err := os.Remove(filepath.Join(dir, "static")); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "a folder in place of the plugin", func() bool {
		// The repair may come first.
		_ = os.Remove(filepath.Join(dir, "static"))
		return os.Mkdir(filepath.Join(dir, "static"), 0o755) == nil
	})
	wait.Until(t, "readyz names the plugin", ready(http.StatusServiceUnavailable, "static: broken: "))
	if strings.Contains(body, "macvlan:") {
		t.Errorf("readyz names more: %q", body)
	}
	_, metrics := get(t, address, "/metrics")
	for _, want := range []string{
		`macvlan_installer_plugin_info{plugin="macvlan",state="current",version="v1.10.0"} 1`,
		`macvlan_installer_plugin_info{plugin="static",state="broken",version=""} 1`,
		`macvlan_installer_installs_total{plugin="static",result="installed"} 2`,
		`macvlan_installer_ready 0`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("metrics without %s:\n%s", want, metrics)
		}
	}
	if err := os.Remove(filepath.Join(dir, "static")); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "ready once more", ready(http.StatusOK, "ok"))

	// A repair may come in between.
	wait.Until(t, "the folder's removal", func() bool { return os.RemoveAll(dir) == nil })
	wait.Until(t, "readyz says that there is no folder", ready(http.StatusServiceUnavailable, "open the folder of plugins"))
	if status, _ := get(t, address, "/healthz"); status != http.StatusOK {
		t.Errorf("healthz = %d: starting anew would not bring the folder back", status)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "ready in the end", ready(http.StatusOK, "ok"))

	// Pods start while the installer is updated.
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the end", p.over)
	if p.err != nil {
		t.Errorf("after SIGTERM: %v", p.err)
	}
	if now := listing(t, dir); now != installed {
		t.Errorf("after SIGTERM the folder holds\n%s\nand before\n%s", now, installed)
	}
}

func TestDHCP(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "cni", "dhcp.sock")
	start := func() *process {
		return launch(t, "dhcp", "--from", plugins(t), "--socketpath", socket, "--broadcast", "--timeout", "5s")
	}
	answers := func(p *process) func() bool {
		return func() bool {
			conn, err := net.Dial("unix", socket)
			if err == nil {
				conn.Close()
			}
			return err == nil || p.over()
		}
	}
	first := start()
	wait.Until(t, "the daemon's socket", answers(first))
	if first.over() {
		t.Fatalf("the daemon ended: %v", first.err)
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", first.Process.Pid))
	if err != nil || filepath.Base(name) != "dhcp" {
		t.Errorf("the process runs %q, %v, want the plugin", name, err)
	}

	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", first.Process.Pid))
	if err != nil || !strings.Contains(string(args), "\x00-broadcast=true\x00-timeout=5s\x00") {
		t.Errorf("the daemon's arguments are %q, %v", args, err)
	}

	second := start()
	wait.Until(t, "a second daemon's refusal", second.over)
	if second.ProcessState.ExitCode() != 1 || !strings.Contains(second.log(), "another daemon answers") {
		t.Errorf("a second daemon: %v", second.err)
	}

	// A killed daemon leaves its socket.
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the first daemon's end", first.over)
	if _, err := os.Lstat(socket); err != nil {
		t.Fatal(err)
	}
	third := start()
	wait.Until(t, "the socket after a kill", answers(third))
	if third.over() {
		t.Fatalf("the daemon after a kill ended: %v", third.err)
	}
	if err := third.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the end", third.over)

	// What is no socket is not removed.
	if err := os.WriteFile(socket, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	fourth := start()
	wait.Until(t, "a refusal", fourth.over)
	if !strings.Contains(fourth.log(), "is not a socket") {
		t.Errorf("over a file: %v", fourth.err)
	}
}

// TestRunUninstall takes away what an installer left, as the pods of a DaemonSet do: it is
// ready when nothing is left, and stays.
func TestRunUninstall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// A plugin that does not run is replaced, and comes back.
	if err := os.WriteFile(filepath.Join(dir, "static"), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := listing(t, dir)
	install := func() {
		t.Helper()
		cmd := exec.Command("macvlan-installer", "install", "--bin-dir", dir, "--from", plugins(t))
		cmd.Env = append(os.Environ(), checksumsVariable+"="+table(t))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	install()
	// What was placed is gone, and something that nobody can use stands in its place: that
	// is for somebody to look at, and the rest is removed all the same.
	static := filepath.Join(dir, "static")
	if err := os.Remove(static); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(static, 0o755); err != nil {
		t.Fatal(err)
	}

	// The flags are those of a DaemonSet that ran the installer; what is taken away need not
	// be bundled any more.
	p := launch(t, "run", "--bin-dir", dir, "--from", t.TempDir(), "--plugins", "macvlan,dhcp", "--publish-links", "--node-name", "a",
		"--listen", "127.0.0.1:0", "--interval", "1s", "--uninstall")
	address := p.address(t)
	var body string
	ready := func(want int, text string) func() bool {
		return func() bool {
			var status int
			status, body = get(t, address, "/readyz")
			return status == want && strings.Contains(body, text)
		}
	}
	wait.Until(t, "readyz names what is left", ready(http.StatusServiceUnavailable, "uninstall static: "+static+" was changed after it was installed"))
	if _, err := os.Lstat(filepath.Join(dir, "macvlan")); err == nil {
		t.Error("macvlan was not removed beside it")
	}
	if _, metrics := get(t, address, "/metrics"); !strings.Contains(metrics, "macvlan_installer_ready 0\n") {
		t.Errorf("metrics:\n%s", metrics)
	}
	if err := os.Remove(static); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "ready", ready(http.StatusOK, "ok"))
	if now := listing(t, dir); now != before {
		t.Errorf("the folder holds\n%s\nand before\n%s", now, before)
	}
	if status, _ := get(t, address, "/healthz"); status != http.StatusOK {
		t.Errorf("healthz = %d", status)
	}
	// Said once, however often it looks.
	for line, want := range map[string]int{`"uninstalled: the folder is what it was before"`: 1, `"cannot uninstall everything, trying again"`: 1, `"name":"macvlan","result":"removed"`: 1, `"name":"macvlan","result":"was gone already"`: 1} {
		if got := strings.Count(p.log(), line); got != want {
			t.Errorf("%d lines of %s in the log, want %d", got, line, want)
		}
	}

	// What is installed meanwhile does not stay.
	install()
	wait.Until(t, "uninstalled again", func() bool { return listing(t, dir) == before })
	if p.over() {
		t.Fatalf("it has ended: %v", p.err)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the end", p.over)
	if p.err != nil {
		t.Errorf("after SIGTERM: %v", p.err)
	}
}
