package install

import (
	"errors"
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/plugin"
)

// State is what a plugin's file is to the installer. The values are part of the
// output of `status`.
type State string

// The states.
const (
	Absent  State = "absent"
	Current State = "current" // the version that is bundled
	Older   State = "older"
	Newer   State = "newer"
	Foreign State = "foreign" // works, but its version means nothing to us
	Broken  State = "broken"  // does not run, or is another plugin
)

// Policy says what may be replaced.
type Policy string

// The policies. None replaces a folder, a pipe and the like, or a file that is too large for
// a plugin. What the installer placed itself and what damaged it meanwhile is replaced under
// each but Never.
const (
	IfNewer  Policy = "if-newer"  // what is older or does not work
	IfAbsent Policy = "if-absent" // nothing
	Always   Policy = "always"    // everything that is not the bundled file
	Never    Policy = "never"     // nothing, and nothing is installed: only report
)

// Policies are all policies, the default first.
var Policies = []Policy{IfNewer, IfAbsent, Always, Never}

// neededSpec is the version of the CNI specification that a plugin of unknown
// version has to speak to be kept: current network attachments are written in it.
const neededSpec = "1.0.0"

// action is what is to be done about a plugin.
type action int

const (
	keep action = iota
	// place puts the bundled file there.
	place
	// mend sets the mode.
	mend
)

// judged is what was found and what it means.
type judged struct {
	found
	name    string
	state   State
	version string
	// ours says that we placed the file.
	ours bool
	// damaged says that somebody damaged the file that we placed.
	damaged bool
	// problem says why the plugin cannot be used.
	problem error
}

// judge compares what was found with what is bundled and with what was done.
func judge(name string, fd found, b bundled, e *entry) judged {
	j := judged{found: fd, name: name, version: fd.version(name), problem: fd.fault}
	// What the state file calls replaced may still be there, after a kill.
	j.ours = e != nil && fd.kind == file && slices.Contains(e.Placed, fd.sha256) && !fd.is(e.Replaced)
	j.state = j.compare(b)
	if j.state == Broken && j.problem == nil {
		j.problem = fmt.Errorf("it is the plugin %s", j.is())
	}
	if e != nil && !j.ours && !fd.is(e.Replaced) && fd.kind == file && fd.sha256 != b.sha256 {
		// What takes our place and works is somebody's choice. What says that it is
		// ours, or does not work, is an accident.
		j.damaged = j.state == Broken && !errors.Is(j.problem, plugin.ErrUndecided) || j.version != "" && j.version == e.Version
	}
	if j.damaged && j.problem == nil {
		j.state, j.problem = Broken, errors.New("it was changed after it was installed")
	}
	return j
}

// is names the plugin that the file is, if that is known.
func (j *judged) is() string {
	if _, name := j.build.Upstream(); name != "" {
		return name
	}
	return j.answer.Name
}

func (j *judged) compare(b bundled) State {
	_, upstream := j.build.Upstream()
	switch {
	case j.kind == absent:
		return Absent
	case j.fault != nil:
		return Broken
	case j.kind == file && b.sha256 != "" && j.sha256 == b.sha256:
		return Current
	case upstream != "" && upstream != j.name:
		return Broken
	case upstream == "" && b.isPlugin(j.answer.Name) && j.answer.Name != j.name:
		// One name of a program that is several plugins, under a wrong name; what it
		// says counts only where it is a name that we know.
		return Broken
	case upstream == "" || j.kind == symlink:
		return Foreign
	case j.version == "" && j.answer.Supports(neededSpec):
		return Foreign
	case j.version == "":
		return Older
	case b.version == "":
		if j.ours {
			return Current
		}
		return Foreign
	}
	switch order := plugin.Compare(j.version, b.version); {
	case order < 0:
		return Older
	case order > 0:
		return Newer
	}
	return Current
}

// decide is the table of what is there, who placed it, and the policy.
func (j *judged) decide(p Policy, b bundled) action {
	same := j.kind == file && j.sha256 == b.sha256
	switch {
	case p == Never || j.kind == other:
		return keep
	case j.kind == absent:
		return place
	case same && j.info.Mode() == pluginMode:
		return keep
	case same && j.ours:
		return mend
	case j.damaged, p == Always:
		return place
	case j.ours && j.state != Newer:
		return place
	case p == IfAbsent:
		return keep
	case same || j.state == Older:
		return place
	case j.state == Broken && !errors.Is(j.problem, plugin.ErrUndecided):
		return place
	}
	return keep
}
