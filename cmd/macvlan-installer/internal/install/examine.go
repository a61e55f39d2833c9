package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"syscall"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/plugin"
)

// kind is what a directory entry is, by lstat.
type kind int

const (
	absent kind = iota
	file
	symlink
	// other is a folder, a device and the like, or a file that is too large for a plugin:
	// never touched.
	other
)

// found is what is at a plugin's name.
type found struct {
	kind   kind
	info   fs.FileInfo
	target string
	sha256 string
	build  plugin.Build
	answer plugin.Answer
	// fault says why it cannot be run; see [plugin.ErrUndecided].
	fault error
}

// stamp changes whenever a file does: its content can not be written, nor its
// mode set, nor another file take its place, without a new inode or change time.
type stamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime syscall.Timespec
	mode         fs.FileMode
}

func stampOf(info fs.FileInfo) stamp {
	if info == nil {
		return stamp{}
	}
	s := info.Sys().(*syscall.Stat_t)
	return stamp{uint64(s.Dev), s.Ino, s.Size, s.Mtim, s.Ctim, info.Mode()}
}

// memory holds what was found before, by name, so that a check of a folder in
// which nothing happened costs a few system calls.
type memory map[string]remembered

// remembered is what was found at a name, with the stamps of the file and of what
// it points to.
type remembered struct {
	itself, target stamp
	found          found
}

// reconsider forgets what was not decided: it is asked again, but only once a pass.
func (m memory) reconsider() {
	maps.DeleteFunc(m, func(_ string, r remembered) bool { return errors.Is(r.found.fault, plugin.ErrUndecided) })
}

// examine finds out what is at a plugin's name. A file that cannot be judged is no
// error; only one that cannot be read is.
func (f *folder) examine(ctx context.Context, m memory, name string) (found, error) {
	info, err := f.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		delete(m, name)
		return found{}, nil
	}
	if err != nil {
		return found{}, hint(fmt.Errorf("stat %s: %w", f.join(name), err))
	}
	now := remembered{itself: stampOf(info)}
	if info.Mode()&fs.ModeSymlink != 0 {
		if there, err := os.Stat(f.join(name)); err == nil {
			now.target = stampOf(there)
		}
	}
	if before, ok := m[name]; ok && before.itself == now.itself && before.target == now.target {
		return before.found, nil
	}
	delete(m, name)
	if now.found, err = f.read(ctx, name, info); err != nil {
		return found{}, hint(fmt.Errorf("read %s: %w", f.join(name), err))
	}
	fd := &now.found
	switch fd.kind {
	case other:
		is := "not a file but a " + describe(info.Mode())
		if info.Mode().IsRegular() {
			is = tooLarge(info)
		}
		fd.fault = fmt.Errorf("%s is %s: remove it, or remove %s from --plugins", f.join(name), is, name)
		return *fd, nil
	case symlink:
		if f.readTarget(name, fd); fd.fault != nil {
			m[name] = now
			return *fd, nil
		}
	}
	fd.answer, fd.fault = plugin.Ask(ctx, f.join(name))
	if _, known := fd.build.Upstream(); fd.fault == nil && (known != name || fd.build.Version == "") {
		fd.answer, fd.fault = plugin.Introduce(ctx, f.join(name), fd.answer)
	}
	m[name] = now
	return now.found, nil
}

func describe(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "folder"
	case fs.ModeSymlink:
		return "symbolic link"
	case fs.ModeNamedPipe:
		return "pipe"
	case fs.ModeSocket:
		return "socket"
	}
	return "special file"
}

// tooLarge says why a file is no plugin.
func tooLarge(info fs.FileInfo) string {
	return fmt.Sprintf("too large for a plugin (%d bytes, more than %d MiB)", info.Size(), plugin.SizeLimit>>20)
}

// look finds out what a file is, without running it.
func (f *folder) look(ctx context.Context, name string) (found, error) {
	info, err := f.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return found{}, nil
	}
	if err != nil {
		return found{}, err
	}
	return f.read(ctx, name, info)
}

func (f *folder) read(ctx context.Context, name string, info fs.FileInfo) (fd found, err error) {
	fd.info = info
	switch mode := info.Mode(); {
	case mode.IsRegular() && info.Size() <= plugin.SizeLimit:
		fd.kind = file
		err = f.readFile(ctx, name, &fd)
	case mode.Type() == fs.ModeSymlink:
		fd.kind = symlink
		fd.target, err = f.root.Readlink(name)
	default:
		fd.kind = other
	}
	return fd, err
}

// readFile reads a regular file's digest and build information.
func (f *folder) readFile(ctx context.Context, name string, fd *found) error {
	file, err := f.openRegular(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if fd.sha256, err = copyAll(ctx, io.Discard, file); err != nil {
		return err
	}
	fd.build = plugin.ReadBuild(file)
	return nil
}

// readTarget reads the build information of what a link points to, which may be
// anywhere, or nowhere. The fault is that it is too large.
func (f *folder) readTarget(name string, fd *found) {
	info, err := os.Stat(f.join(name))
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if info.Size() > plugin.SizeLimit {
		fd.fault = fmt.Errorf("%s leads to a file that is %s", f.join(name), tooLarge(info))
		return
	}
	target, err := os.OpenFile(f.join(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer target.Close()
	fd.build = plugin.ReadBuild(target)
}

// version is the version that the file is known to have, empty when it is not.
func (fd *found) version(name string) string {
	if _, is := fd.build.Upstream(); is == name && fd.build.Version != "" {
		return fd.build.Version
	}
	if fd.answer.Name == name {
		return fd.answer.Version
	}
	return ""
}

// original describes the file the way the state file does.
func (fd *found) original() *original {
	switch fd.kind {
	case file:
		return &original{SHA256: fd.sha256, Mode: fd.info.Mode()}
	case symlink:
		return &original{Target: fd.target}
	}
	return nil
}

// is says whether the file is the one described.
func (fd *found) is(o *original) bool {
	now := fd.original()
	return now != nil && o != nil && *now == *o
}
