package install

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/bundle"
	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/plugin"
)

const (
	stateName   = ".macvlan-installer.json"
	keptPrefix  = ".macvlan-installer.kept."
	asidePrefix = ".macvlan-installer.aside."
	tempPrefix  = ".macvlan-installer.tmp."
)

// folder is a node's folder of plugins. It is held by a descriptor, so that one
// pass works on one folder, even if another takes its path meanwhile. Its methods
// are the only ones that change anything there.
type folder struct {
	path string
	root *os.Root
	self *os.File
	// step is called before each change with the change's name. Tests end the
	// process there.
	step func(string)
}

// openFolder opens the folder and finds out whether plugins in it can run at all.
func openFolder(path string, step func(string)) (*folder, error) {
	// Opening a pipe would wait for its other end.
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR}
	}
	var root *os.Root
	if err == nil {
		root, err = os.OpenRoot(path)
	}
	if err != nil {
		return nil, hint(fmt.Errorf("open the folder of plugins: %w", err))
	}
	self, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(hint(fmt.Errorf("open the folder of plugins: %w", err)), root.Close())
	}
	f := &folder{path: path, root: root, self: self, step: step}
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(self.Fd()), &stat); err != nil {
		return nil, errors.Join(fmt.Errorf("stat the file system of %s: %w", path, err), f.close())
	}
	if stat.Flags&unix.ST_NOEXEC != 0 {
		return nil, errors.Join(fmt.Errorf("the folder of plugins %s is on a file system mounted with noexec, where no plugin can run: mount it without noexec, or name the folder that the container runtime uses with --bin-dir", path), f.close())
	}
	return f, nil
}

func (f *folder) close() error { return errors.Join(f.self.Close(), f.root.Close()) }

// lockPatience is how long to wait for another installer: longer than one takes on a
// slow disk with a plugin or two that do not answer.
const lockPatience = 2 * time.Minute

// lock waits until no other installer works in the folder, and calls waiting when
// that takes long. The lock ends with the descriptor, at the latest with the process,
// so that none is ever left over.
func (f *folder) lock(ctx context.Context, patience time.Duration, waiting func()) error {
	start := time.Now()
	for {
		err := unix.Flock(int(f.self.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock the folder of plugins %s: %w", f.path, err)
		}
		if waiting != nil && time.Since(start) > time.Second {
			waiting()
			waiting = nil
		}
		if time.Since(start) > patience {
			return fmt.Errorf("lock the folder of plugins %s: another process has held it for %s: find it (lslocks, fuser %s), and end it if it hangs", f.path, patience, f.path)
		}
		// Asking again is not elegant, but a blocking flock cannot be interrupted.
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock the folder of plugins %s: another installer is working there: %w", f.path, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// current says whether the folder is still the one at its path.
func (f *folder) current() (bool, error) {
	there, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("stat the folder of plugins: %w", err)
	}
	here, err := f.self.Stat()
	if err != nil {
		return false, fmt.Errorf("stat the folder of plugins: %w", err)
	}
	return os.SameFile(here, there), nil
}

// names lists the files of our own with the given prefix.
func (f *folder) names(prefix string) ([]string, error) {
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("read the folder of plugins %s: %w", f.path, err)
	}
	var names []string
	for _, e := range entries {
		// A folder is none of ours, whatever its name.
		if strings.HasPrefix(e.Name(), prefix) && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// cleanUp removes what killed runs left. Under the lock nobody else's is there.
func (f *folder) cleanUp() error {
	temps, err := f.names(tempPrefix)
	for _, name := range temps {
		err = errors.Join(err, f.remove(name))
	}
	return err
}

// openRegular opens a regular file for reading, and nothing else: not what a link
// points to, and no pipe, at which opening would wait, not even one that takes the
// file's place just now.
func (f *folder) openRegular(name string) (*os.File, error) {
	info, err := f.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	var file *os.File
	if info.Mode().IsRegular() {
		if file, err = f.root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0); err != nil {
			return nil, err
		}
		if info, err = file.Stat(); err == nil && info.Mode().IsRegular() {
			return file, nil
		}
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s is not a regular file but a %s: remove it", f.join(name), describe(info.Mode()))
}

// temp is a file that nobody knows of yet.
type temp struct {
	name string
	file *os.File
	f    *folder
}

func tempName() string { return tempPrefix + strings.ToLower(rand.Text()[:12]) }

func (f *folder) create() (*temp, error) {
	f.step("create")
	name := tempName()
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create a file: %w", err)
	}
	return &temp{name, file, f}, nil
}

func (t *temp) Write(p []byte) (int, error) {
	t.f.step("write")
	return t.file.Write(p)
}

// finish gives the file its mode and brings it to the disk. The mode comes before
// the rename: nobody is to find a plugin that cannot be run.
func (t *temp) finish(mode fs.FileMode) error {
	t.f.step("chmod")
	if err := t.file.Chmod(mode); err != nil {
		return fmt.Errorf("set the mode: %w", err)
	}
	t.f.step("fsync")
	if err := t.file.Sync(); err != nil {
		return fmt.Errorf("write to the disk: %w", err)
	}
	// A network file system reports some errors of writing only here.
	if err := t.file.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// drop removes a file that came to nothing.
func (t *temp) drop() {
	t.file.Close()
	// What cannot be removed now is removed by the next run.
	_ = t.f.remove(t.name)
}

// copySize is how much of a file is in memory at a time, in bytes.
const copySize = 256 << 10

// copyAll copies from src to dst until ctx ends, and returns the SHA-256 of what was
// copied. A file that grows meanwhile beyond what a plugin may have is an error.
func copyAll(ctx context.Context, dst io.Writer, src io.Reader) (string, error) {
	hash := sha256.New()
	// The bare writer keeps io.Copy from taking a way around the buffer.
	n, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(dst, hash)}, io.LimitReader(bundle.Reader(ctx, src), plugin.SizeLimit+1), make([]byte, copySize))
	if err == nil && n > plugin.SizeLimit {
		err = fmt.Errorf("it has more than %d MiB, too much for a plugin", plugin.SizeLimit>>20)
	}
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// write puts a whole file in the place of name.
func (f *folder) write(name string, content []byte, mode fs.FileMode) error {
	t, err := f.create()
	if err == nil {
		if _, err = t.Write(content); err == nil {
			if err = t.finish(mode); err == nil {
				err = f.rename(t.name, name)
			}
		}
		if err != nil {
			t.drop()
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.join(name), err)
	}
	return f.sync()
}

func (f *folder) rename(from, to string) error {
	f.step("rename")
	return f.root.Rename(from, to)
}

// replace puts one file in the place of another, provided that this is the one that
// was looked at; was is nil where nothing is to be. The kernel exchanges the two, so
// that what somebody else put there at the last moment is in hand, and can go back.
func (f *folder) replace(from, name string, was fs.FileInfo) error {
	f.step("replace")
	fd := int(f.self.Fd())
	if was == nil {
		err := unix.Renameat2(fd, from, fd, name, unix.RENAME_NOREPLACE)
		switch {
		case errors.Is(err, fs.ErrExist):
			return f.changed(name)
		case notKnown(err):
			return f.root.Rename(from, name)
		case err != nil:
			return fmt.Errorf("rename to %s: %w", f.join(name), err)
		}
		return nil
	}
	err := unix.Renameat2(fd, from, fd, name, unix.RENAME_EXCHANGE)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.changed(name)
	case notKnown(err):
		return f.root.Rename(from, name)
	case err != nil:
		return fmt.Errorf("rename to %s: %w", f.join(name), err)
	}
	if !f.still(from, was) {
		err := unix.Renameat2(fd, from, fd, name, unix.RENAME_EXCHANGE)
		if errors.Is(err, fs.ErrNotExist) {
			// Now it was removed. What came before that is still better off there.
			err = unix.Renameat2(fd, from, fd, name, unix.RENAME_NOREPLACE)
		}
		return errors.Join(f.changed(name), err)
	}
	// It is done. What cannot be removed now is removed by the next run.
	_ = f.remove(from)
	return nil
}

// take removes a file, provided that it is the one that was looked at.
func (f *folder) take(name string, was fs.FileInfo) error {
	f.step("take")
	t := tempName()
	if err := f.root.Rename(name, t); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("remove %s: %w", f.join(name), err)
	}
	if !f.still(t, was) {
		return errors.Join(f.changed(name), f.replace(t, name, nil))
	}
	return f.remove(t)
}

// still says whether a file is the one that was looked at under another name. Its
// change time does not count: renaming sets it.
func (f *folder) still(name string, was fs.FileInfo) bool {
	info, err := f.root.Lstat(name)
	if err != nil {
		return false
	}
	now, before := stampOf(info), stampOf(was)
	now.ctime, before.ctime = syscall.Timespec{}, syscall.Timespec{}
	return now == before
}

// changed is the error for what others do at the same time.
func (f *folder) changed(name string) error {
	return fmt.Errorf("something else changed %s just now: try again", f.join(name))
}

// notKnown says that the kernel or the file system knows no such way to rename.
func notKnown(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS)
}

func (f *folder) link(from, to string) error {
	f.step("link")
	return f.root.Link(from, to)
}

func (f *folder) symlink(target, name string) error {
	f.step("symlink")
	return f.root.Symlink(target, name)
}

func (f *folder) chmod(name string, mode fs.FileMode) error {
	f.step("chmod")
	return f.root.Chmod(name, mode)
}

// remove removes a file, or finds that it is gone already.
func (f *folder) remove(name string) error {
	f.step("remove")
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", f.join(name), err)
	}
	return nil
}

// sync brings the names in the folder to the disk. Without it a power cut may undo
// a rename, or leave a name without its bytes.
func (f *folder) sync() error {
	f.step("fsync folder")
	if err := f.self.Sync(); err != nil {
		return fmt.Errorf("write the folder %s to the disk: %w", f.path, err)
	}
	return nil
}

func (f *folder) join(name string) string { return f.path + "/" + name }
