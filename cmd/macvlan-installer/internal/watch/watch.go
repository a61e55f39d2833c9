// Package watch notices that a folder changed, and has it checked and repaired.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// ErrUnmounted says that the folder was removed on the node while a container has
// it mounted: what takes its place there cannot be seen from within.
var ErrUnmounted = errors.New("the folder was removed under the mount: restart the container to see the new folder")

// Loop checks a folder when something in it changed, and every now and then.
//
// Events of the kernel make it quick; it does not rely on them. They are lost when
// too many come at once, a folder that takes the place of another sends none, and
// a node may have run out of watches. So the loop compares what the folder looks
// like (inodes, sizes and times, no content) with what it looked like every Poll.
type Loop struct {
	Dir string
	// Names are the files in Dir that matter.
	Names []string
	// Interval is the time after which everything is checked, whatever was noticed.
	Interval time.Duration
	// Poll is the time between two looks at the folder.
	Poll time.Duration
	// Debounce is how long to wait after an event: changes rarely come alone.
	Debounce time.Duration
	// Undone bounds the repairs; see [Undone].
	Undone Undone
	// Forget is called before the first check after an Interval: what is remembered of
	// the files does not count for it. It may be nil.
	Forget func()
	// Check looks at the files, and repairs them if it may. It returns whether it
	// had to, and an error when some are still not as they should be.
	Check func(ctx context.Context, repair bool) (repaired bool, err error)
	// Contended is called when somebody else begins to undo the repairs, and when
	// that is over.
	Contended func(bool)
	Logger    *slog.Logger

	// changed gets a value when there was an event, or may have been one.
	changed chan struct{}
	watcher *fsnotify.Watcher
	watched os.FileInfo
	// deaf is why there are no events, as it was logged last.
	deaf string
}

// Undone says when repairs are taken to be undone by somebody, and what then.
// A file that two programs put back in turn is worse than one that is wrong:
// pods get either, by chance.
type Undone struct {
	// More repairs than Most in the time Within.
	Most   int
	Within time.Duration
	// Pause is the time without repairs then. It doubles each time it did not help,
	// up to the Interval.
	Pause time.Duration
}

// Run runs until ctx ends, which is no error.
func (l *Loop) Run(ctx context.Context) error {
	if l.Contended == nil {
		l.Contended = func(bool) {}
	}
	l.changed = make(chan struct{}, 1)
	defer l.unwatch()
	var (
		seen    string    // what the folder looks like while nothing happens to it
		full    time.Time // when everything is checked again
		retry   time.Time // when a check that failed is repeated; zero when none did
		backoff time.Duration
		repairs = repairs{Undone: l.Undone, longest: max(l.Interval, l.Undone.Pause)}
		first   = true
		timer   = time.NewTimer(0)
	)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-l.changed:
			// During a pause, looking from time to time is enough.
			if repairs.paused(time.Now()) {
				continue
			}
			if !l.sleep(ctx, l.Debounce) {
				return nil
			}
		}
		timer.Reset(l.Poll)
		if err := l.mounted(); err != nil {
			return err
		}
		// The watch comes before the look, so that nothing happens between them
		// unnoticed.
		l.rewatch()
		now, before := time.Now(), l.look()
		due := first || before != seen || !now.Before(full) || !retry.IsZero() && !now.Before(retry)
		paused := repairs.paused(now)
		switch {
		case paused && before == seen, !due && !repairs.over(now):
			continue
		}
		if l.Forget != nil && !now.Before(full) {
			l.Forget()
		}
		repaired, err := l.Check(ctx, !paused)
		if ctx.Err() != nil {
			return nil
		}
		if !first && !paused {
			l.count(&repairs, repaired, now)
		}
		first = false
		if !now.Before(full) {
			full = now.Add(l.Interval)
		}
		after := l.look()
		seen, retry = after, time.Time{}
		switch {
		case err != nil:
			// It would fail again for what it did to the folder itself: only a change
			// by others, or time, starts it anew.
			backoff = min(max(2*backoff, l.Poll), l.Interval)
			retry = time.Now().Add(backoff)
			continue
		case repaired || before != after:
			// Something happened meanwhile, if only the repair. It may have been undone
			// already, and look like before: it counts when it stays for a while.
			seen = ""
		}
		backoff = 0
	}
}

// count notes repairs, and says when somebody undoes them.
func (l *Loop) count(r *repairs, repaired bool, now time.Time) {
	was := r.contended
	r.add(repaired, now)
	switch {
	case r.paused(now):
		l.Logger.Warn("something keeps undoing the installation: find out what else writes to the folder (another installer, a package manager, configuration management), and leave the plugins to one of them; nothing is repaired for a while",
			"folder", l.Dir, "repairs", len(r.times), "within", r.Within.String(), "pause", r.pause.String())
		l.Contended(true)
	case was && !r.contended:
		l.Logger.Info("nothing undoes the installation any more", "folder", l.Dir)
		l.Contended(false)
	}
}

// repairs remembers the latest repairs.
type repairs struct {
	Undone
	longest   time.Duration
	times     []time.Time
	pause     time.Duration
	until     time.Time
	contended bool
}

// paused says whether nothing is to be repaired now.
func (r *repairs) paused(now time.Time) bool { return now.Before(r.until) }

// over says whether a pause has ended and nothing was checked since.
func (r *repairs) over(now time.Time) bool { return !r.until.IsZero() && !now.Before(r.until) }

func (r *repairs) add(repaired bool, now time.Time) {
	if r.paused(now) {
		return
	}
	after := r.over(now)
	r.until = time.Time{}
	for len(r.times) > 0 && now.Sub(r.times[0]) > r.Within {
		r.times = r.times[1:]
	}
	if repaired {
		r.times = append(r.times, now)
	}
	switch {
	case len(r.times) > r.Most, after && repaired:
		r.contended = true
		r.pause = min(max(2*r.pause, r.Pause), r.longest)
		r.until = now.Add(r.pause)
		// The pause is what counts from here.
		r.times = r.times[max(0, len(r.times)-r.Most):]
	case after, len(r.times) == 0:
		r.contended, r.pause, r.times = false, 0, nil
	}
}

// mounted tells the folder's removal under a mount: its path leads to a folder
// that no name leads to. Without a mount that is so while the folder is being
// removed, but not when one looks again.
func (l *Loop) mounted() error {
	for range 3 {
		info, err := os.Stat(l.Dir)
		if err != nil || info.Sys().(*syscall.Stat_t).Nlink > 0 {
			return nil
		}
	}
	return fmt.Errorf("watch %s: %w", l.Dir, ErrUnmounted)
}

// rewatch sees to it that the events are those of the folder that is there now.
func (l *Loop) rewatch() {
	info, err := os.Stat(l.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		l.unwatch()
		return
	}
	// The kernel drops a watch with its folder, and fsnotify forgets it then.
	if err == nil && l.watcher != nil && os.SameFile(info, l.watched) && len(l.watcher.WatchList()) > 0 {
		return
	}
	l.unwatch()
	if err == nil {
		l.watcher, err = fsnotify.NewWatcher()
	}
	if err == nil {
		go l.listen(l.watcher)
		if err = l.watcher.Add(l.Dir); err != nil {
			l.unwatch()
		}
	}
	l.watched = info
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != l.deaf && err != nil {
		l.Logger.Warn("the kernel reports no changes of the folder (fs.inotify.max_user_instances or max_user_watches may be used up): looking at it from time to time instead", "folder", l.Dir, "every", l.Poll.String(), "error", err)
	}
	l.deaf = text
}

func (l *Loop) unwatch() {
	if l.watcher != nil {
		// There is nothing to lose but events.
		_ = l.watcher.Close()
	}
	l.watcher, l.watched = nil, nil
}

// listen takes the events of a watcher until it is closed. It never waits for the
// loop: the loop asks the watcher questions, which the watcher answers only after
// its events were taken.
func (l *Loop) listen(w *fsnotify.Watcher) {
	for {
		select {
		case event, open := <-w.Events:
			if !open {
				return
			}
			if !l.matters(event) {
				continue
			}
		case err, open := <-w.Errors:
			if !open {
				return
			}
			// Mostly an overflow: what happened is not known, but that something did.
			l.Logger.Warn("events were lost, looking at the folder", "folder", l.Dir, "error", err)
		}
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}
}

// matters leaves out what others do with other files.
func (l *Loop) matters(event fsnotify.Event) bool {
	for _, name := range l.Names {
		if strings.HasSuffix(event.Name, "/"+name) {
			return true
		}
	}
	return event.Name == l.Dir
}

// sleep waits, and says whether to go on.
func (l *Loop) sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// look describes what the folder looks like from outside its files.
func (l *Loop) look() string {
	var b strings.Builder
	describe := func(path string, stat func(string) (os.FileInfo, error)) {
		info, err := stat(path)
		if err != nil {
			fmt.Fprintf(&b, "%v;", err)
			return
		}
		s := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&b, "%d %d %s %d %v %v;", s.Dev, s.Ino, info.Mode(), s.Size, s.Mtim, s.Ctim)
	}
	// The folder's own times tell that a name came and went.
	describe(l.Dir, os.Stat)
	for _, name := range l.Names {
		path := l.Dir + "/" + name
		describe(path, os.Lstat)
		if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			describe(path, os.Stat)
		}
	}
	return b.String()
}
