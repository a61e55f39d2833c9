package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/plugin"
)

// stateFormat is raised when an older installer would misread the state file.
const stateFormat = 1

// stateLimit is far above what five plugins take, in bytes: about 1 KiB.
const stateLimit = 1 << 20

// state is the content of the state file.
type state struct {
	Format int `json:"format"`
	// Wanted are the plugins that the last installation was asked for.
	Wanted  []string `json:"wanted,omitempty"`
	Plugins []*entry `json:"plugins"`
}

// entry is what was done to one name. It is written before it is done.
type entry struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Placed are the SHA-256 digests of the files that were placed under the name,
	// the newest last. There is more than one while a version of ours is replaced
	// by the next.
	Placed []string `json:"placed"`
	// Replaced is what was there before, and what uninstalling brings back; nil
	// when nothing was.
	Replaced *original `json:"replaced,omitempty"`
}

// original is a file of somebody else's.
type original struct {
	// Target is where a symbolic link points. The other fields are those of a
	// regular file.
	Target string      `json:"target,omitempty"`
	SHA256 string      `json:"sha256,omitempty"`
	Mode   fs.FileMode `json:"mode,omitempty"`
}

func (s *state) find(name string) *entry {
	for _, e := range s.Plugins {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// put replaces the entry of a name, or drops it when e is nil.
func (s *state) put(name string, e *entry) {
	s.Plugins = slices.DeleteFunc(s.Plugins, func(e *entry) bool { return e.Name == name })
	if e != nil {
		s.Plugins = append(s.Plugins, e)
	}
}

// check makes sure that everything in the state can be acted upon: its names become
// paths.
func (s *state) check() error {
	if s.Format < 1 {
		return errors.New("format is missing")
	}
	for _, name := range s.Wanted {
		if !plugin.ValidName(name) {
			return fmt.Errorf("wanted: %q is not the name of a plugin", name)
		}
	}
	for n, e := range s.Plugins {
		switch {
		case e == nil:
			return fmt.Errorf("plugins[%d] is null", n)
		case !plugin.ValidName(e.Name):
			return fmt.Errorf("plugins[%d]: %q is not the name of a plugin", n, e.Name)
		case s.find(e.Name) != e:
			return fmt.Errorf("plugins[%d]: %q is there twice", n, e.Name)
		case len(e.Placed) == 0:
			return fmt.Errorf("plugins[%d]: placed is missing for %q", n, e.Name)
		case e.Replaced != nil && (e.Replaced.Target == "") == (e.Replaced.SHA256 == ""):
			return fmt.Errorf("plugins[%d]: %q replaced neither a file nor a link", n, e.Name)
		}
	}
	return nil
}

// readState reads the state file. It is empty where nothing was placed.
func (f *folder) readState() (*state, error) {
	file, err := f.openRegular(stateName)
	if errors.Is(err, fs.ErrNotExist) {
		return &state{Format: stateFormat}, nil
	}
	if err != nil {
		return nil, hint(fmt.Errorf("read the state file: %w", err))
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, stateLimit+1))
	if err != nil {
		return nil, hint(fmt.Errorf("read the state file: %w", err))
	}
	s := &state{}
	if len(raw) > stateLimit {
		err = fmt.Errorf("it is larger than %d bytes", stateLimit)
	} else if err = json.Unmarshal(raw, s); err == nil && s.Format <= stateFormat {
		err = s.check()
	}
	if err != nil {
		return nil, fmt.Errorf("read the state file %s: %w: it was changed; restore it from a backup, or remove it together with the files %s*, after which the plugins no longer count as installed", f.join(stateName), err, f.join(keptPrefix))
	}
	if s.Format > stateFormat {
		return nil, fmt.Errorf("read the state file %s: format %d is newer than %d: a newer macvlan-installer wrote it; use that one", f.join(stateName), s.Format, stateFormat)
	}
	return s, nil
}

// writeState writes the state file, or removes it when it would say nothing.
func (f *folder) writeState(s *state) error {
	if len(s.Plugins) == 0 {
		if err := f.remove(stateName); err != nil {
			return err
		}
		return f.sync()
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	return f.write(stateName, append(raw, '\n'), 0o644)
}
