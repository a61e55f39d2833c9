package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Removal is what uninstalling did to one plugin.
type Removal struct {
	Name string
	// Text says what was done, in a few words.
	Text string
	Err  error
}

// Uninstall brings the folder back to what it was before anything was installed:
// it removes what is still ours, and puts back what that replaced. What somebody
// else put there since stays. An error means that something of ours is left; then
// uninstalling once more goes on from there.
func (i *Installer) Uninstall(ctx context.Context) ([]Removal, error) {
	f, s, err := i.open(ctx, true)
	if err != nil {
		return nil, err
	}
	removals, err := f.uninstall(ctx, s)
	return removals, errors.Join(hint(err), f.close())
}

func (f *folder) uninstall(ctx context.Context, s *state) ([]Removal, error) {
	if err := f.cleanUp(); err != nil && !readOnly(err) {
		return nil, err
	}
	var removals []Removal
	failed := false
	// The plugin that delegates goes before those that it delegates to, the reverse
	// of the order in which they came.
	for _, e := range slices.Backward(s.Plugins) {
		if err := ctx.Err(); err != nil {
			return removals, err
		}
		text, err := f.restore(ctx, e)
		if err != nil {
			err = hint(fmt.Errorf("uninstall %s: %w", e.Name, err))
			failed = true
		}
		aside, asideErr := f.names(asidePrefix + e.Name + ".")
		if err == nil {
			err = asideErr
		}
		for _, name := range aside {
			text += fmt.Sprintf("; what something else put there in the meantime is in %s: move it to where it belongs, or away", f.join(name))
		}
		removals = append(removals, Removal{e.Name, text, err})
	}
	if len(s.Plugins) > 0 {
		if err := f.sync(); err != nil {
			return removals, err
		}
		if failed {
			return removals, nil
		}
		s.Plugins = nil
		if err := f.writeState(s); err != nil {
			return removals, err
		}
	}
	kept, err := f.names(keptPrefix)
	if err == nil && len(kept) > 0 {
		err = fmt.Errorf("%s: there, but the state file does not say why: it may be the only copy of %s; move it to where it belongs, or away", f.join(kept[0]), strings.TrimPrefix(kept[0], keptPrefix))
	}
	return removals, err
}

// restore brings one name back to what it was.
func (f *folder) restore(ctx context.Context, e *entry) (string, error) {
	keptName := keptPrefix + e.Name
	now, err := f.look(ctx, e.Name)
	if err != nil {
		return "", err
	}
	kept, err := f.look(ctx, keptName)
	if err != nil {
		return "", err
	}
	ours := now.kind == file && slices.Contains(e.Placed, now.sha256)
	switch {
	case now.is(e.Replaced):
		return "was there before, stays", f.remove(keptName)
	case !ours && now.kind != absent && e.Replaced == nil:
		return "was changed by something else since, stays", nil
	case !ours && now.kind != absent:
		// Whoever put something that works there, did away with what was there
		// before. An accident did not mean to, and neither may what cannot be judged.
		if now, err = f.examine(ctx, memory{}, e.Name); err != nil {
			return "", err
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
		j := judge(e.Name, now, bundled{version: e.Version, isPlugin: func(string) bool { return false }}, e)
		if j.state == Absent {
			return "", fmt.Errorf("something else removed %s just now: uninstall again", f.join(e.Name))
		}
		if j.damaged || j.state == Broken {
			return "", fmt.Errorf("%s was changed after it was installed, and is left as it is (%w): move it away and uninstall again, which restores what was there before from %s", f.join(e.Name), j.problem, f.join(keptName))
		}
		return "was changed by something else since, stays", f.remove(keptName)
	case now.kind == absent && kept.kind == absent && e.Replaced != nil:
		return "", fmt.Errorf("neither the plugin nor what it replaced is there, %s was removed: restore it under either name and uninstall again, or give it up by removing %s", f.join(keptName), f.join(stateName))
	case now.kind == absent && kept.kind == absent:
		return "was gone already", nil
	case e.Replaced == nil:
		return "removed", f.take(e.Name, now.info)
	case !kept.is(e.Replaced):
		return "", fmt.Errorf("what it replaced is not in %s any more: restore it, or remove %s", f.join(keptName), f.join(e.Name))
	}
	if err := f.replace(keptName, e.Name, now.info); err != nil {
		return "", fmt.Errorf("restore what was there before: %w", err)
	}
	return "removed, and what was there before restored", nil
}
