package install

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/plugin"
)

// errDoesNotWork is in the errors of plugins that were placed and taken back.
var errDoesNotWork = errors.New("it does not work here and was taken back")

// undo is how to take back what was placed.
type undo struct {
	// backup is the name of the file that was there, empty when none was.
	backup string
	// placed is the file that was placed.
	placed fs.FileInfo
	// kept says that the backup was made.
	kept bool
	// former is where the file that was kept until now waits, empty when none does.
	former string
	// before is the entry that then holds, nil for none.
	before *entry
	// pending says that before is what a killed run left of the same installation.
	pending bool
}

// place puts the bundled file at the name, and makes sure that it runs there. The
// comment of the package says why in this order.
func (p *pass) place(ctx context.Context, j *judged, b bundled) error {
	t, err := p.copyBundled(ctx, j.name)
	if err != nil {
		return err
	}
	u, err := p.record(ctx, j, b)
	if err == nil {
		err = p.unchanged(j)
	}
	if err == nil && u.backup != "" {
		err = p.backUp(ctx, j, u)
	}
	if err == nil {
		u.placed, err = p.root.Lstat(t.name)
	}
	if err == nil {
		err = p.replace(t.name, j.name, j.info)
	}
	if err != nil {
		// Nothing happened to the plugin: neither has it in the state file.
		_ = p.remove(t.name)
		return errors.Join(err, p.forget(j.name, u))
	}
	p.undo[j.name] = u
	if err := p.sync(); err != nil {
		return err
	}
	err = p.prove(ctx, j.name, b)
	if errors.Is(err, errDoesNotWork) {
		err = errors.Join(err, p.rollBack(j.name))
	}
	return err
}

// copyBundled copies the bundled file into the folder, under a name of its own.
func (p *pass) copyBundled(ctx context.Context, name string) (*temp, error) {
	src, err := p.Bundle.Open(name)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	t, err := p.create()
	if err != nil {
		return nil, err
	}
	sum, err := copyAll(ctx, t, src)
	if err == nil {
		err = p.Bundle.Verify(name, sum)
	}
	if err == nil {
		err = t.finish(pluginMode)
	}
	if err != nil {
		t.drop()
		return nil, err
	}
	return t, nil
}

// record writes into the state file what is about to happen.
func (p *pass) record(ctx context.Context, j *judged, b bundled) (*undo, error) {
	u := &undo{before: p.state.find(j.name)}
	e := &entry{Name: j.name, Version: b.version}
	if u.before != nil {
		e.Placed, e.Replaced = u.before.Placed, u.before.Replaced
	}
	e.Placed = append(slices.DeleteFunc(slices.Clone(e.Placed), func(sum string) bool { return sum == b.sha256 }), b.sha256)
	switch {
	case j.kind == absent:
	case j.ours:
		// What is to come back in the end was kept before; this only until it is
		// clear that the new file works.
		u.backup = tempName()
	case j.damaged, j.state == Broken && e.Replaced != nil && !j.found.is(e.Replaced):
		// What took our place by accident is no reason to give up what was there
		// before us.
		var err error
		if u.backup, err = p.aside(ctx, j); err != nil {
			return u, err
		}
	default:
		// It was there before us, or took our place. Without us, it would be here.
		u.pending = u.before != nil && j.found.is(u.before.Replaced)
		if u.before == nil {
			if _, err := p.root.Lstat(keptPrefix + j.name); err == nil {
				return u, fmt.Errorf("%s is there, but the state file does not say why: it may be the only copy of a plugin; move it to where it belongs, or away", p.join(keptPrefix+j.name))
			}
		}
		u.backup = keptPrefix + j.name
		e.Replaced = j.original()
	}
	p.state.put(j.name, e)
	p.state.Wanted = p.Plugins
	return u, p.writeState(p.state)
}

// forget writes the state file after something was not placed, and removes what
// was kept for nothing. A file that was kept before stays, or comes back.
func (p *pass) forget(name string, u *undo) error {
	p.state.put(name, u.before)
	if u.kept && !u.pending {
		if err := p.remove(u.backup); err != nil {
			return err
		}
	}
	if err := p.bringFormer(name, u); err != nil {
		return err
	}
	return p.writeState(p.state)
}

// bringFormer puts the file that was kept before this pass where it was.
func (p *pass) bringFormer(name string, u *undo) error {
	if u.former == "" {
		return nil
	}
	if err := p.rename(u.former, keptPrefix+name); err != nil {
		return fmt.Errorf("restore %s: %w", p.join(keptPrefix+name), err)
	}
	u.former = ""
	return p.sync()
}

// aside is the name under which a file goes on that took our place and has to make
// way, while what was there before us is kept. It is a temporary one for what is
// certain not to work, and for what went on under its own name already.
func (p *pass) aside(ctx context.Context, j *judged) (string, error) {
	if j.kind == file && j.fault != nil && !errors.Is(j.fault, plugin.ErrUndecided) {
		return tempName(), nil
	}
	sum := j.sha256
	if j.kind == symlink {
		sum = fmt.Sprintf("%x", sha256.Sum256([]byte(j.target)))
	}
	name := asidePrefix + j.name + "." + sum[:12]
	there, err := p.look(ctx, name)
	switch {
	case err != nil:
		return "", err
	case there.kind == absent:
		return name, nil
	case there.kind == j.kind && there.sha256 == j.sha256 && there.target == j.target:
		return tempName(), nil
	}
	return "", fmt.Errorf("%s is not what was put there: move it to where it belongs, or away", p.join(name))
}

// unchanged makes sure that the file is still the one that was judged.
func (p *pass) unchanged(j *judged) error {
	info, err := p.root.Lstat(j.name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && j.kind == absent:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil || j.kind == absent || stampOf(info) != stampOf(j.info):
		return p.changed(j.name)
	}
	return nil
}

// backUp keeps the file at the name under another name as well, so that the rename
// that replaces it removes nothing.
func (p *pass) backUp(ctx context.Context, j *judged, u *undo) error {
	t := tempName()
	var err error
	if j.kind == symlink {
		err = p.symlink(j.target, t)
	} else {
		// A hard link is the file itself: its owner, its times, its labels.
		err = p.link(j.name, t)
		switch {
		case err == nil:
			if info, statErr := p.root.Lstat(t); statErr != nil || !os.SameFile(info, j.info) {
				err = p.changed(j.name)
			}
		case slices.ContainsFunc([]error{syscall.EPERM, syscall.EXDEV, syscall.EMLINK, syscall.EOPNOTSUPP, syscall.ENOSYS}, func(e error) bool { return errors.Is(err, e) }):
			// Not every file system has hard links, and the kernel refuses links to
			// some files of other users (fs.protected_hardlinks).
			t, err = p.duplicate(ctx, j)
		}
	}
	if _, missing := p.root.Lstat(u.backup); err == nil && missing == nil {
		// Were the program killed from here on, that file would be lost; but only one
		// that works, in its place, comes to this.
		former := tempName()
		if err = p.rename(u.backup, former); err == nil {
			u.former = former
		}
	}
	if err == nil {
		err = p.rename(t, u.backup)
		u.kept = err == nil
	}
	// Renaming a hard link onto another one of the same file does nothing.
	err = errors.Join(err, p.remove(t))
	if err != nil {
		return fmt.Errorf("keep what is at %s: %w", p.join(j.name), err)
	}
	return p.sync()
}

// duplicate copies a file with its mode, its owner and its time.
func (p *pass) duplicate(ctx context.Context, j *judged) (string, error) {
	src, err := p.openRegular(j.name)
	if err != nil {
		return "", err
	}
	defer src.Close()
	t, err := p.create()
	if err != nil {
		return "", err
	}
	sum, err := copyAll(ctx, t, src)
	if err == nil && sum != j.sha256 {
		err = errors.New("something else changed it just now: try again")
	}
	if err == nil {
		stat := j.info.Sys().(*syscall.Stat_t)
		// Changing the owner clears set-user-ID, so that the mode comes after it.
		// Without the right to do so, the owner is the one thing that is lost; but a
		// program must not run as root that ran as somebody else.
		err = t.file.Chown(int(stat.Uid), int(stat.Gid))
		switch {
		case errors.Is(err, fs.ErrPermission) && j.info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0:
			err = fmt.Errorf("it has set-user-ID or set-group-ID, and its owner cannot be kept: add the capability CHOWN: %w", err)
		case errors.Is(err, fs.ErrPermission):
			err = nil
		}
	}
	if err == nil {
		err = t.finish(j.info.Mode())
	}
	if err == nil {
		err = p.root.Chtimes(t.name, j.info.ModTime(), j.info.ModTime())
	}
	if err != nil {
		t.drop()
		return "", err
	}
	return t.name, nil
}

// prove runs what was placed. The verb VERSION needs no network and no rights.
func (p *pass) prove(ctx context.Context, name string, b bundled) error {
	fd, err := p.examine(ctx, p.memory, name)
	if err != nil {
		return err
	}
	answer, err := fd.answer, fd.fault
	if err == nil && answer.Name == "" {
		answer, err = plugin.Introduce(ctx, p.join(name), answer)
	}
	if err != nil && ctx.Err() != nil {
		// It was the whole program that was told to end. The bytes are right.
		return ctx.Err()
	}
	if err == nil && answer.Version != "" && b.version != "" && answer.Version != b.version {
		err = fmt.Errorf("it says that it is %s, not %s", answer.Version, b.version)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errDoesNotWork, err)
	}
	return nil
}

// rollBack takes back what was placed in this pass.
func (p *pass) rollBack(name string) error {
	u := p.undo[name]
	delete(p.undo, name)
	var err error
	if u.backup != "" {
		err = p.replace(u.backup, name, u.placed)
	} else {
		err = p.take(name, u.placed)
	}
	if err == nil {
		err = p.sync()
	}
	if u.pending {
		// What was there is back, and nothing else was kept.
		u.before = nil
		if err == nil && u.former != "" {
			err = p.remove(u.former)
		}
	} else if err == nil {
		err = p.bringFormer(name, u)
	}
	if err != nil {
		return fmt.Errorf("restore what was at %s: %w", p.join(name), err)
	}
	p.state.put(name, u.before)
	return p.writeState(p.state)
}

// takeBack rolls back a plugin that runs, but does not work.
func (p *pass) takeBack(r *Plugin, fault error) {
	if p.undo[r.Name] == nil {
		return
	}
	err := fmt.Errorf("install %s: %w: %w", r.Name, errDoesNotWork, errors.Join(fault, p.rollBack(r.Name)))
	*r = p.report(context.Background(), p.folder, p.state, r.Name, p.Policy)
	r.Err, r.Message, r.Result = err, err.Error(), RolledBack
}

// commit ends what place began, once it is clear that the plugin works.
func (p *pass) commit(name string, u *undo) error {
	for _, temporary := range []string{u.backup, u.former} {
		if strings.HasPrefix(temporary, tempPrefix) {
			if err := p.remove(temporary); err != nil {
				return err
			}
		}
	}
	if e := p.state.find(name); len(e.Placed) > 1 {
		e.Placed = e.Placed[len(e.Placed)-1:]
		return p.writeState(p.state)
	}
	return nil
}

func readOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
