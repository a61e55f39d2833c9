package install

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// mount mounts something for the time of a test.
func mount(t *testing.T, source, target, kind string, flags uintptr, options string) {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, options); err != nil {
		t.Fatalf("mount on %s: %v", target, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", target, err)
		}
	})
}

// needRoot skips tests that mount file systems.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount file systems and act as another user")
	}
}

// memoryDir is a folder in memory where that is possible: writing to a disk for
// good takes long where many do so.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if os.Getuid() == 0 {
		mount(t, "tmpfs", dir, "tmpfs", 0, "size=256m")
	}
	return dir
}

// wantFailure installs static, which has to fail with a message that says each of
// the parts.
func wantFailure(t *testing.T, i *Installer, result Result, parts ...string) Plugin {
	t.Helper()
	p := installOne(t, i)
	if p.Err == nil || p.Result != result {
		t.Fatalf("result = %s, error = %v, want %s and an error", p.Result, p.Err, result)
	}
	for _, part := range parts {
		if !strings.Contains(p.Message, part) {
			t.Errorf("message %q does not say %q", p.Message, part)
		}
	}
	return p
}

func TestFullDisk(t *testing.T) {
	needRoot(t)
	static := realPlugin(t, "static")
	b := realBundle(t, "static")
	older := otherVersion(t, static, "v1.8.10")
	// The first has no room for the plugin; from the others on it fits beside the
	// older one, and it is the small files that do not, one after the other.
	for _, free := range []int{1 << 20, len(static) + 4096, len(static) + 8192, len(static) + 12288} {
		dir := t.TempDir()
		mount(t, "tmpfs", dir, "tmpfs", 0, "size=16m")
		path := filepath.Join(dir, "static")
		writeFile(t, path, older, 0o755)
		fill(t, filepath.Join(dir, "full"), free)
		before := snapshot(t, dir)

		p := installOne(t, b.installer(t, dir, IfNewer, "static"))
		if p.Err == nil {
			t.Logf("%d bytes are enough", free)
		} else {
			if !strings.Contains(p.Message, "free some space") {
				t.Errorf("%d bytes free: message %q does not say what to do", free, p.Message)
			}
			if p.State != Older || !p.Usable {
				t.Errorf("%d bytes free: state = %s, usable = %t: the older plugin has to stay", free, p.State, p.Usable)
			}
			if now := snapshot(t, dir); now["static"] != before["static"] {
				t.Errorf("%d bytes free: the older plugin was touched", free)
			}
		}
		if free == 1<<20 {
			if p.Err == nil {
				t.Error("1 MiB was enough for the plugin")
			}
			same(t, dir, before)
		}
		// With room again, all is well.
		if err := os.Truncate(filepath.Join(dir, "full"), 0); err != nil {
			t.Fatal(err)
		}
		if p := installOne(t, b.installer(t, dir, IfNewer, "static")); p.State != Current || p.Err != nil {
			t.Errorf("with room: state = %s, error = %v", p.State, p.Err)
		}
		uninstall(t, b.installer(t, dir, IfNewer))
		writeFile(t, filepath.Join(dir, "full"), nil, 0o644)
		before["full"] = snapshot(t, dir)["full"]
		same(t, dir, before)
	}
}

// fill leaves only so many bytes of a file system free.
func fill(t *testing.T, path string, free int) {
	t.Helper()
	var stat unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &stat); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, make([]byte, int(stat.Bavail)*int(stat.Bsize)-free), 0o644)
}

func TestReadOnly(t *testing.T) {
	needRoot(t)
	b := realBundle(t, "static")
	readOnly := func(t *testing.T, dir string) {
		mount(t, dir, dir, "", unix.MS_BIND, "")
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("and empty", func(t *testing.T) {
		dir := t.TempDir()
		readOnly(t, dir)
		p := wantFailure(t, b.installer(t, dir, IfNewer, "static"), Failed, "read-only", "--bin-dir", "--policy never")
		if p.State != Absent || p.Usable {
			t.Errorf("state = %s, usable = %t", p.State, p.Usable)
		}
	})
	t.Run("with all that is wanted", func(t *testing.T) {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "static"), realPlugin(t, "static"), 0o755)
		readOnly(t, dir)
		if p := installOne(t, b.installer(t, dir, IfNewer, "static")); !p.Usable || p.Err != nil {
			t.Errorf("usable = %t, error = %v", p.Usable, p.Err)
		}
	})
}

func TestNoexec(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	mount(t, "tmpfs", dir, "tmpfs", unix.MS_NOEXEC, "size=16m")
	_, err := realBundle(t, "static").installer(t, dir, IfNewer, "static").Install(t.Context())
	if err == nil || !strings.Contains(err.Error(), "noexec") || !strings.Contains(err.Error(), "--bin-dir") {
		t.Errorf("error = %v, want one that says noexec and what to do", err)
	}
	same(t, dir, map[string]string{})
}

// TestOwner copies files of others without the right to give files away.
func TestOwner(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"plain": 0o755, "setuid": os.ModeSetuid | 0o755} {
		path := filepath.Join(dir, name)
		writeFile(t, path, []byte(answering), 0o755)
		if err := errors.Join(os.Chown(path, 12, 34), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := openFolder(dir, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	// The thread loses its rights over files, and ends with the test.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if _, err := unix.SetfsuidRetUid(65534); err != nil {
			t.Error(err)
			return
		}
		for name, want := range map[string]string{"plain": "", "setuid": "capability CHOWN"} {
			fd, err := f.look(t.Context(), name)
			if err != nil {
				t.Error(err)
				return
			}
			_, err = (&pass{folder: f}).duplicate(t.Context(), &judged{found: fd, name: name})
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("copy of the file %s: %v, want %q", name, err, want)
			}
		}
	}()
	<-done
	if now := snapshot(t, dir); len(now) != 3 {
		t.Errorf("in the folder are %v, want the two files and one copy", now)
	}
}

func TestNotPermitted(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	i := realBundle(t, "static").installer(t, dir, IfNewer, "static")
	// The bundle stays readable: it is opened before.
	if err := os.Chmod(filepath.Dir(i.Bundle.Path("static")), 0o755); err != nil {
		t.Fatal(err)
	}
	// Only this thread asks the file system as another user. It is never unlocked,
	// so that it ends with the test.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if _, err := unix.SetfsuidRetUid(65534); err != nil {
			t.Error(err)
			return
		}
		plugins, err := i.Install(t.Context())
		if err != nil || plugins[0].Err == nil || !strings.Contains(plugins[0].Message, "run as root") || !strings.Contains(plugins[0].Message, "DAC_OVERRIDE") {
			t.Errorf("error = %v, plugins = %+v, want a message that says what to do", err, plugins)
		}
	}()
	<-done
	same(t, dir, map[string]string{})
}
