package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/install"
	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/probe"
	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/watch"
)

// memoryGoal is where the garbage collector begins to work harder, in bytes: far
// enough below a limit of 32 MiB that the plugins, which are run within it, fit
// beside. GOMEMLIMIT in the environment takes its place.
const memoryGoal = 12 << 20

// patience is the time that one check may take before the process counts as stuck:
// a few plugins that do not answer, and another installer before us.
const patience = 5 * time.Minute

func newRun(s streams) *cobra.Command {
	o := &options{}
	var listen string
	var interval time.Duration
	var away bool
	l := &linkFlags{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Install the plugins, watch them, and repair them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if listen == "" {
				return errors.New("--listen: must be an address, such as :9789")
			}
			if interval < time.Second {
				return fmt.Errorf("--interval %s: must be one second or more", interval)
			}
			if err := l.check(); err != nil {
				return err
			}
			// What is taken away need not be bundled.
			i, err := o.installer(!away)
			if err != nil {
				return err
			}
			k := &keeper{installer: i, logger: slog.New(slog.NewJSONHandler(s.err, nil)), said: map[string]string{}}
			task := k.check
			if away {
				task, l.wanted = k.remove, false
			} else if err := whole(i); err != nil {
				return failure{err}
			}
			if err := k.keep(cmd.Context(), task, l, listen, interval); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	o.installFlags(cmd)
	l.register(cmd)
	cmd.Flags().StringVar(&listen, "listen", ":9789", "address for /healthz, /readyz and /metrics, over plain HTTP")
	cmd.Flags().DurationVar(&interval, "interval", 5*time.Minute, "how often everything is checked, even without a noticed change")
	cmd.Flags().BoolVar(&away, "uninstall", false, "remove the plugins and restore what they replaced, stay, and be ready when that is done: so a DaemonSet uninstalls on every node")
	return cmd
}

// keep does a task, which is to install the plugins and repair them or to remove them, and
// does it again when the folder changes, until ctx ends. It removes nothing then: pods go on
// starting while the installer is updated.
func (k *keeper) keep(ctx context.Context, task func(context.Context, bool) (bool, error), l *linkFlags, listen string, interval time.Duration) error {
	i, logger := k.installer, k.logger
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
	p := probe.New(2*interval + patience)
	k.probe = p
	i.Waiting = func() {
		logger.Info("another installer is working in the folder: waiting for it to finish", "folder", i.Dir)
	}
	loop := &watch.Loop{
		Dir:      i.Dir,
		Names:    i.Plugins,
		Interval: interval,
		// A look costs a system call for each plugin.
		Poll:      2 * time.Second,
		Debounce:  250 * time.Millisecond,
		Undone:    watch.Undone{Most: 5, Within: time.Minute, Pause: time.Minute},
		Forget:    i.Forget,
		Check:     task,
		Contended: p.Contended,
		Logger:    logger,
	}
	logger.Info("starting", "version", version, "folder", i.Dir, "plugins", i.Plugins, "policy", i.Policy)
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return p.Serve(ctx, listen, logger) })
	tasks.Go(func() error { return loop.Run(ctx) })
	l.publish(ctx, tasks, interval, p, logger)
	return tasks.Wait()
}

// keeper runs checks and says what changed since the one before.
type keeper struct {
	installer *install.Installer
	probe     *probe.Probe
	logger    *slog.Logger
	// said is what was logged last, by plugin; the folder's is under "".
	said map[string]string
}

func (k *keeper) check(ctx context.Context, repair bool) (repaired bool, err error) {
	run := k.installer.Report
	if repair {
		run = k.installer.Install
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	plugins, err := run(bounded)
	if ctx.Err() != nil {
		// The program ends; the plugins are none the worse for it.
		return false, ctx.Err()
	}
	k.probe.Report(plugins, err)
	k.sayOfFolder("cannot check the folder", err)
	var faults []string
	for _, p := range plugins {
		repaired = repaired || p.Result != install.Kept && p.Result != install.Failed && p.Result != install.RolledBack
		if !p.Usable || p.Err != nil {
			faults = append(faults, p.Name)
		}
		k.say(p)
	}
	if len(faults) > 0 {
		err = errors.Join(err, fmt.Errorf("check %s: not as it should be", strings.Join(faults, ", ")))
	}
	return repaired, err
}

// remove takes away what was installed here, by this pod or one before it. Once that is done
// there is nothing more to do, unless somebody installs the plugins again.
func (k *keeper) remove(ctx context.Context, _ bool) (repaired bool, err error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	removals, err := k.installer.Uninstall(bounded)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	for _, r := range removals {
		err = errors.Join(err, r.Err)
		if r.Err == nil && k.said[r.Name] != r.Text {
			k.logger.Info("plugin", "name", r.Name, "result", r.Text)
		}
		k.said[r.Name] = r.Text
	}
	k.probe.Report(nil, err)
	if _, before := k.said[""]; err == nil && (!before || k.said[""] != "" || len(removals) > 0) {
		k.logger.Info("uninstalled: the folder is what it was before", "folder", k.installer.Dir)
	}
	k.sayOfFolder("cannot uninstall everything, trying again", err)
	return false, err
}

// sayOfFolder logs why the folder is not as it should be, when that is something new.
func (k *keeper) sayOfFolder(what string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if k.said[""] != text && err != nil {
		k.logger.Error(what, "error", err)
	}
	k.said[""] = text
}

// say logs what was done to a plugin, and what is the matter with it when that is
// something new.
func (k *keeper) say(p install.Plugin) {
	text := fmt.Sprintf("%s %s %s", p.State, p.Version, p.Message)
	done := p.Result != install.Kept && p.Err == nil
	if k.said[p.Name] == text && !done {
		return
	}
	k.said[p.Name] = text
	level := slog.LevelInfo
	if !p.Usable || p.Err != nil {
		level = slog.LevelError
	}
	k.logger.Log(context.Background(), level, "plugin", "name", p.Name, "result", p.Result, "state", p.State, "version", p.Version, "message", p.Message)
}
