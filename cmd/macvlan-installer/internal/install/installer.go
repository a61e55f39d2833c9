package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/bundle"
	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/plugin"
)

// pluginMode is the mode of an installed plugin.
const pluginMode fs.FileMode = 0o755

// Installer works on one folder. It is not safe for concurrent use; two of them on
// one folder are.
type Installer struct {
	// Dir is the node's folder of plugins.
	Dir    string
	Bundle *bundle.Bundle
	// Plugins are the names of the plugins that are wanted.
	Plugins []string
	Policy  Policy

	// Waiting is called once when another installer holds the folder for longer than
	// a moment; nil when nobody wants to know.
	Waiting func()

	memory memory
	// lockPatience takes the place of the constant when it is not zero.
	lockPatience time.Duration
	step         func(string)
}

// Forget has everything examined anew by the next pass, even what looks as before.
func (i *Installer) Forget() { clear(i.memory) }

// Plugin is what is known of one wanted plugin. The JSON form is the output of
// `status`.
type Plugin struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Version is as far as known, such as v1.10.0.
	Version string `json:"version"`
	// SHA256 is that of a regular file.
	SHA256 string `json:"sha256"`
	// Installed says that the installer placed the file.
	Installed bool `json:"installed"`
	// Usable says that the plugin runs. What is older, newer or foreign may be.
	Usable bool `json:"usable"`
	// Message says why it is not usable, or why it was left as it is.
	Message string `json:"message,omitempty"`

	// Result is what an installation did.
	Result Result `json:"-"`
	// Err is set when what was to be done could not be done.
	Err error `json:"-"`
}

// Result is what an installation did to one plugin. The values are those of a
// metric's label.
type Result string

// The results.
const (
	Kept       Result = "kept"        // nothing was to be done, or nothing may be done
	Installed  Result = "installed"   // the name was free
	Replaced   Result = "replaced"    // something else was there; uninstalling brings it back
	Updated    Result = "updated"     // another version of ours was there
	Repaired   Result = "repaired"    // what we placed was damaged
	RolledBack Result = "rolled-back" // what we placed did not work here
	Failed     Result = "failed"
)

// bundled is what the bundle says of one plugin.
type bundled struct {
	sha256, version, group string
	isPlugin               func(name string) bool
}

func (i *Installer) bundled(name string) bundled {
	build := i.Bundle.Build(name)
	group, _ := build.Upstream()
	return bundled{i.Bundle.SHA256(name), build.Version, group, func(name string) bool { return name != "" && i.Bundle.SHA256(name) != "" }}
}

// open opens the folder and reads the state file; under the lock if locked.
func (i *Installer) open(ctx context.Context, locked bool) (*folder, *state, error) {
	if i.memory == nil {
		i.memory = memory{}
	}
	i.memory.reconsider()
	step := i.step
	if step == nil {
		step = func(string) {}
	}
	for {
		f, err := openFolder(i.Dir, step)
		if err != nil {
			return nil, nil, err
		}
		current := true
		if locked {
			if err = f.lock(ctx, cmp.Or(i.lockPatience, lockPatience), i.Waiting); err == nil {
				// Whoever held the lock may have made way for another folder.
				current, err = f.current()
			}
		}
		if err == nil && current {
			var s *state
			if s, err = f.readState(); err == nil {
				return f, s, nil
			}
		}
		if err := errors.Join(err, f.close()); err != nil {
			return nil, nil, err
		}
	}
}

// Report says what is in the folder, and changes nothing.
func (i *Installer) Report(ctx context.Context) ([]Plugin, error) {
	f, s, err := i.open(ctx, false)
	if err != nil {
		return nil, err
	}
	var plugins []Plugin
	for _, name := range i.Plugins {
		plugins = append(plugins, i.report(ctx, f, s, name, Never))
		if err := ctx.Err(); err != nil {
			return nil, errors.Join(fmt.Errorf("check %s: interrupted: %w", name, err), f.close())
		}
	}
	i.status(ctx, f, plugins, nil)
	return plugins, f.close()
}

// Wanted are the plugins that were asked for when something was last placed; nil
// when nothing was.
func (i *Installer) Wanted(ctx context.Context) ([]string, error) {
	f, s, err := i.open(ctx, false)
	if err != nil {
		return nil, err
	}
	return s.Wanted, f.close()
}

// Install brings the folder to what the policy asks for. An error means that it
// could not begin; what happened to each plugin stands with the plugin.
func (i *Installer) Install(ctx context.Context) ([]Plugin, error) {
	if i.Policy == Never {
		return i.Report(ctx)
	}
	f, s, err := i.open(ctx, true)
	if err != nil {
		return nil, err
	}
	p := &pass{Installer: i, folder: f, state: s, undo: map[string]*undo{}}
	err = p.run(ctx)
	return p.plugins, errors.Join(err, f.close())
}

// pass is one installation.
type pass struct {
	*Installer
	*folder
	state   *state
	plugins []Plugin
	// undo is how to take back what was placed in this pass.
	undo map[string]*undo
}

func (p *pass) run(ctx context.Context) error {
	// A read-only folder that holds what it should needs no cleaning.
	if err := p.cleanUp(); err != nil && !readOnly(err) {
		return hint(err)
	}
	p.plugins = make([]Plugin, len(p.Plugins))
	for _, n := range p.order() {
		done := p.install(ctx, p.Plugins[n])
		if err := ctx.Err(); err != nil {
			// What was found out meanwhile says nothing about the plugin.
			p.plugins = slices.DeleteFunc(p.plugins, func(r Plugin) bool { return r.Name == "" })
			return fmt.Errorf("install %s: interrupted, the next installation continues from there: %w", p.Plugins[n], err)
		}
		p.plugins[n] = done
	}
	p.status(ctx, p.folder, p.plugins, p.takeBack)
	for _, name := range p.Plugins {
		if u := p.undo[name]; u != nil {
			if err := p.commit(name, u); err != nil {
				return hint(err)
			}
		}
	}
	return p.writeWanted()
}

// order returns the indices of the wanted plugins in the order in which they are
// installed: a plugin comes after those that it delegates to.
func (p *pass) order() []int {
	var order []int
	for n := range p.Plugins {
		order = append(order, n)
	}
	late := func(n int) int {
		if p.bundled(p.Plugins[n]).group == "main" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b int) int { return late(a) - late(b) })
	return order
}

// install does what is to be done about one plugin.
func (p *pass) install(ctx context.Context, name string) Plugin {
	fail := func(err error) Plugin {
		return Plugin{Name: name, State: Broken, Message: err.Error(), Err: err, Result: Failed}
	}
	fd, err := p.examine(ctx, p.memory, name)
	if err != nil {
		return fail(err)
	}
	e, b := p.state.find(name), p.bundled(name)
	j := judge(name, fd, b, e)
	var result Result
	switch j.decide(p.Policy, b) {
	case keep:
		return p.report(ctx, p.folder, p.state, name, p.Policy)
	case mend:
		result = Repaired
		if err = p.chmod(name, pluginMode); err == nil {
			err = p.sync()
		}
	case place:
		switch {
		case j.kind == absent && e == nil:
			result = Installed
		case j.ours:
			result = Updated
		case j.kind == absent || j.damaged:
			result = Repaired
		default:
			result = Replaced
		}
		err = p.place(ctx, &j, b)
	}
	done := p.report(ctx, p.folder, p.state, name, p.Policy)
	done.Result = result
	if err != nil {
		done.Err = hint(fmt.Errorf("install %s: %w", name, err))
		done.Message = done.Err.Error()
		done.Result = Failed
		if errors.Is(err, errDoesNotWork) {
			done.Result = RolledBack
		}
	}
	return done
}

// report says what is at a plugin's name and, where something else is there than
// what is bundled, why it stays.
func (i *Installer) report(ctx context.Context, f *folder, s *state, name string, policy Policy) Plugin {
	fd, err := f.examine(ctx, i.memory, name)
	if err != nil {
		return Plugin{Name: name, State: Broken, Message: err.Error(), Err: err, Result: Failed}
	}
	e, b := s.find(name), i.bundled(name)
	j := judge(name, fd, b, e)
	r := Plugin{Name: name, State: j.state, Version: j.version, SHA256: j.sha256, Installed: j.ours, Result: Kept}
	r.Usable = j.state != Absent && j.state != Broken
	switch {
	case j.state == Absent:
		r.Message = "there is no such plugin"
	case j.problem != nil:
		r.Message = j.problem.Error()
	case j.state == Foreign && j.kind == symlink:
		r.Message = fmt.Sprintf("a symbolic link to %s, which works", j.target)
	case j.state == Foreign:
		r.Message = "works, but is not a release of the reference plugins"
	case j.state == Current && !j.ours && j.sha256 != b.sha256:
		r.Message = "the same version from another build"
	}
	if !r.Usable && policy != Never && j.kind != absent && j.kind != other {
		r.Message += fmt.Sprintf(": left as it is: repair or remove it, replace it with --policy %s, or remove %s from --plugins", Always, name)
	}
	return r
}

// writeWanted notes what was asked for, if the state file is there at all.
func (p *pass) writeWanted() error {
	if len(p.state.Plugins) == 0 || slices.Equal(p.state.Wanted, p.Plugins) {
		return nil
	}
	p.state.Wanted = p.Plugins
	if err := p.writeState(p.state); err != nil && !readOnly(err) {
		return hint(err)
	}
	return nil
}

// status runs the verb STATUS of macvlan, which asks its IPAM plugin in turn: it is
// what a container runtime does when a pod starts, short of making an interface.
// Only what is bundled is asked, since older plugins do not know the verb.
func (i *Installer) status(ctx context.Context, f *folder, plugins []Plugin, takeBack func(*Plugin, error)) {
	current := func(name string) *Plugin {
		n := slices.IndexFunc(plugins, func(p Plugin) bool { return p.Name == name })
		if n < 0 || !plugins[n].Usable || plugins[n].SHA256 == "" || plugins[n].SHA256 != i.Bundle.SHA256(name) {
			return nil
		}
		return &plugins[n]
	}
	macvlan := current("macvlan")
	if macvlan == nil {
		return
	}
	ipam := ""
	for _, name := range []string{"host-local", "static", "dhcp"} {
		if current(name) != nil {
			ipam = fmt.Sprintf(`,"ipam":{"type":%q}`, name)
			break
		}
	}
	err := plugin.Status(ctx, f.join("macvlan"), `{"cniVersion":"1.1.0","name":"macvlan-installer","type":"macvlan"`+ipam+`}`)
	if err == nil || ctx.Err() != nil {
		return
	}
	macvlan.Usable, macvlan.Message = false, err.Error()
	if takeBack != nil {
		takeBack(macvlan, err)
	}
}
