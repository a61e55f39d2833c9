package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// keeper keeps one file in a folder, the way the installer keeps plugins.
type keeper struct {
	path string

	mu        sync.Mutex
	checks    int
	looks     int // checks that may not repair
	repairs   int
	contended []bool
	err       error
}

const content = "plugin"

func (k *keeper) check(_ context.Context, repair bool) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.checks++
	if !repair {
		k.looks++
		return false, nil
	}
	if k.err != nil {
		// It fails after it wrote something, like an installation that is rolled back.
		_ = os.WriteFile(k.path, []byte("wrong"), 0o755)
		return false, k.err
	}
	if found, err := os.ReadFile(k.path); err == nil && string(found) == content {
		return false, nil
	}
	if err := os.WriteFile(k.path, []byte(content), 0o755); err != nil {
		return false, err
	}
	k.repairs++
	return true, nil
}

func (k *keeper) get(value *int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return *value
}

func (k *keeper) good() bool {
	found, err := os.ReadFile(k.path)
	return err == nil && string(found) == content
}

// start runs a loop over the folder until the test ends.
func start(t *testing.T, dir string, change func(*Loop, *keeper)) (*keeper, <-chan error) {
	t.Helper()
	k := &keeper{path: filepath.Join(dir, "static")}
	l := &Loop{
		Dir: dir, Names: []string{"static"},
		Interval: time.Hour, Poll: 10 * time.Millisecond, Debounce: time.Millisecond,
		Undone: Undone{Most: 1000, Within: time.Hour, Pause: time.Hour},
		Check:  k.check,
		Contended: func(yes bool) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.contended = append(k.contended, yes)
		},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(l, k)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := l.Run(ctx)
		t.Logf("the loop ended: %v", err)
		ended <- err
	}()
	t.Cleanup(func() { cancel(); <-done })
	return k, ended
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// removeAll removes a folder. A repair may come between the removal of the file and
// its own.
func removeAll(t *testing.T, dir string) {
	t.Helper()
	wait.Until(t, "the folder's removal", func() bool { return os.RemoveAll(dir) == nil })
}

func TestRepairs(t *testing.T) {
	changes := map[string]func(t *testing.T, dir string, k *keeper){
		"removed": func(t *testing.T, dir string, _ *keeper) { must(t, os.Remove(dir+"/static")) },
		"changed": func(t *testing.T, dir string, _ *keeper) { must(t, os.WriteFile(dir+"/static", []byte("x"), 0o755)) },
		"replaced": func(t *testing.T, dir string, _ *keeper) {
			must(t, os.WriteFile(dir+"/new", []byte("x"), 0o755))
			must(t, os.Rename(dir+"/new", dir+"/static"))
		},
		"folder removed and created anew": func(t *testing.T, dir string, _ *keeper) {
			removeAll(t, dir)
			must(t, os.Mkdir(dir, 0o755))
		},
		"folder gone for a while": func(t *testing.T, dir string, k *keeper) {
			checks := k.get(&k.checks)
			removeAll(t, dir)
			wait.Until(t, "a check without a folder", func() bool { return k.get(&k.checks) > checks })
			must(t, os.Mkdir(dir, 0o755))
		},
		"folder replaced": func(t *testing.T, dir string, _ *keeper) {
			must(t, os.Mkdir(dir+".new", 0o755))
			must(t, os.Rename(dir, fmt.Sprintf("%s.%d", dir, time.Now().UnixNano())))
			must(t, os.Rename(dir+".new", dir))
		},
	}
	// Once the events come first, and once the looks.
	for name, change := range changes {
		for _, poll := range []time.Duration{300 * time.Millisecond, time.Millisecond} {
			t.Run(name+"/"+poll.String(), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "bin")
				must(t, os.Mkdir(dir, 0o755))
				k, _ := start(t, dir, func(l *Loop, _ *keeper) { l.Poll = poll })
				wait.Until(t, "the first installation", k.good)
				for n := range 3 {
					change(t, dir, k)
					wait.Until(t, fmt.Sprintf("repair %d", n+1), k.good)
				}
			})
		}
	}
}

// TestEvents looks at the folder so rarely that only an event can be what brings
// the repair. An event that comes before the watch is no loss: then the first
// check comes after it.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	k, _ := start(t, dir, func(l *Loop, _ *keeper) { l.Poll = time.Hour })
	wait.Until(t, "the first installation", k.good)
	// Each time the file is removed anew, so that one lost event is not the end.
	wait.Until(t, "a repair after an event", func() bool {
		if k.good() {
			_ = os.Remove(k.path)
		}
		return k.get(&k.repairs) > 1
	})
}

// TestFolderComesLate starts before there is a folder.
func TestFolderComesLate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	k, _ := start(t, dir, nil)
	wait.Until(t, "a check that fails", func() bool { return k.get(&k.checks) > 0 })
	must(t, os.Mkdir(dir, 0o755))
	wait.Until(t, "the installation", k.good)
}

func TestInterval(t *testing.T) {
	k, _ := start(t, t.TempDir(), func(l *Loop, _ *keeper) { l.Interval = 30 * time.Millisecond })
	wait.Until(t, "checks although nothing happens", func() bool { return k.get(&k.checks) > 5 })
}

// TestForget tells the first checks after an interval from those after a change.
func TestForget(t *testing.T) {
	var forgotten atomic.Int64
	k, _ := start(t, t.TempDir(), func(l *Loop, _ *keeper) { l.Forget = func() { forgotten.Add(1) } })
	wait.Until(t, "the first installation", k.good)
	for range 3 {
		repairs := k.get(&k.repairs)
		must(t, os.Remove(k.path))
		wait.Until(t, "a repair", func() bool { return k.get(&k.repairs) > repairs })
	}
	if n := forgotten.Load(); n != 1 {
		t.Errorf("forgotten %d times within the first interval, want once", n)
	}

	// Changes do not put it off.
	forgotten.Store(0)
	k, _ = start(t, t.TempDir(), func(l *Loop, _ *keeper) {
		l.Interval, l.Forget = 30*time.Millisecond, func() { forgotten.Add(1) }
	})
	wait.Until(t, "an interval amid changes", func() bool { _ = os.Remove(k.path); return forgotten.Load() > 2 })
}

// TestTarget changes what a link points to, of which the folder shows nothing.
func TestTarget(t *testing.T) {
	dir, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
	must(t, os.WriteFile(target, []byte(content), 0o755))
	must(t, os.Symlink(target, filepath.Join(dir, "static")))
	k, _ := start(t, dir, nil)
	wait.Until(t, "the first check", func() bool { return k.get(&k.checks) > 0 })
	must(t, os.WriteFile(target, []byte("x"), 0o755))
	wait.Until(t, "the repair", k.good)
}

// TestFailing fails each check after it changed the folder, which must not lead to
// the next one at once.
func TestFailing(t *testing.T) {
	k, _ := start(t, t.TempDir(), func(l *Loop, k *keeper) {
		l.Poll, l.Interval, k.err = time.Millisecond, 20*time.Millisecond, errors.New("no")
	})
	wait.Until(t, "some failures", func() bool { return k.get(&k.checks) > 3 })
	k.mu.Lock()
	k.err = nil
	k.mu.Unlock()
	wait.Until(t, "the repair when it is possible again", k.good)
}

// TestUndone has somebody undo every repair, and stop it in the end.
func TestUndone(t *testing.T) {
	k, _ := start(t, t.TempDir(), func(l *Loop, _ *keeper) {
		l.Poll = time.Millisecond
		l.Undone = Undone{Most: 5, Within: time.Hour, Pause: 20 * time.Millisecond}
		l.Interval = 100 * time.Millisecond
	})
	said := func(want bool) func() bool {
		return func() bool {
			if want {
				_ = os.Remove(k.path)
			}
			k.mu.Lock()
			defer k.mu.Unlock()
			return len(k.contended) > 0 && k.contended[len(k.contended)-1] == want
		}
	}
	wait.Until(t, "word of the one who undoes the repairs", said(true))
	if repairs := k.get(&k.repairs); repairs < 6 {
		t.Errorf("repairs = %d before there was word of it", repairs)
	}
	wait.Until(t, "checks without repairs during a pause", func() bool { _ = os.Remove(k.path); return k.get(&k.looks) > 0 })
	wait.Until(t, "the end of it", said(false))
	if !k.good() {
		t.Error("in the end the file is not as it should be")
	}
}

// TestUnmounted removes the folder under a bind mount, as it looks from within a
// container when a package manager removes the node's folder.
func TestUnmounted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may mount a folder")
	}
	node, container := filepath.Join(t.TempDir(), "bin"), t.TempDir()
	must(t, os.Mkdir(node, 0o755))
	must(t, unix.Mount(node, container, "", unix.MS_BIND, ""))
	t.Cleanup(func() { must(t, unix.Unmount(container, unix.MNT_DETACH)) })
	k, ended := start(t, container, nil)
	wait.Until(t, "the installation", k.good)
	removeAll(t, node)
	select {
	case err := <-ended:
		if !errors.Is(err, ErrUnmounted) {
			t.Errorf("error = %v, want %v", err, ErrUnmounted)
		}
	case <-time.After(wait.Patience):
		t.Fatal("the loop goes on with a folder that nobody can see")
	}
}

func TestRepairsCount(t *testing.T) {
	start := time.Now()
	r := repairs{Undone: Undone{Most: 2, Within: time.Minute, Pause: time.Minute}, longest: 3 * time.Minute}
	steps := []struct {
		after    time.Duration
		repaired bool
		paused   time.Duration
	}{
		{0, true, 0},
		{time.Second, false, 0},
		{time.Second, true, 0},
		{2 * time.Minute, true, 0}, // those before are long past
		{time.Second, true, 0},
		{time.Second, true, time.Minute},
		{time.Minute, true, 2 * time.Minute}, // at once again
		{2 * time.Minute, true, 3 * time.Minute},
		{3 * time.Minute, false, 0}, // over
		{time.Second, true, 0},
	}
	now := start
	for n, s := range steps {
		now = now.Add(s.after)
		r.add(s.repaired, now)
		var paused time.Duration
		if r.paused(now) {
			paused = r.until.Sub(now)
		}
		if paused != s.paused {
			t.Errorf("step %d: paused for %s, want %s", n, paused, s.paused)
		}
	}
	if r.contended {
		t.Error("contended in the end")
	}
}
