package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/bundle"
	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/install"
	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/plugin"
)

// errUnusable says that a wanted plugin cannot be used, or that something of ours
// could not be removed. The output has said which, and why.
var errUnusable = errors.New("not every plugin is usable")

// failure is an error that is not one of usage.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// exitStatus is 0 when every wanted plugin is usable, 1 when one is not, and 2
// when the command was not understood.
func exitStatus(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(failure)):
		return 1
	}
	return 2
}

// streams are the program's outputs.
type streams struct{ out, err io.Writer }

// defaultPlugins are what macvlan networks name: macvlan, the IPAM plugins it delegates
// to, and tuning, which stands behind it in chains.
var defaultPlugins = []string{"macvlan", "host-local", "static", "dhcp", "tuning"}

// options are the flags that several commands share.
type options struct {
	binDir  string
	from    string
	plugins []string
	policy  string
}

func (o *options) binDirFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.binDir, "bin-dir", "/opt/cni/bin", "folder of CNI plugins on the node")
}

func (o *options) fromFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.from, "from", "", `folder of the bundled plugins (default: the folder "cni" beside the program)`)
}

func (o *options) installFlags(cmd *cobra.Command) {
	o.binDirFlag(cmd)
	o.fromFlag(cmd)
	cmd.Flags().StringSliceVar(&o.plugins, "plugins", defaultPlugins, "plugins to install")
	cmd.Flags().StringVar(&o.policy, "policy", string(install.Policies[0]), "which plugins to replace: if-newer (those that are older or do not work), if-absent (none), always (all), never (none, and install nothing)")
}

func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) error {
	s := streams{out, errOut}
	root := &cobra.Command{
		Use:           "macvlan-installer",
		Short:         "Install CNI plugins on a node, and keep them there",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newInstall(s), newRun(s), newStatus(s), newUninstall(s), newDHCP(s), &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(out, "macvlan-installer %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	return root.ExecuteContext(ctx)
}

// bundle opens the bundle, which needs its checksums unless it is only looked at.
func (o *options) bundle(needed bool) (*bundle.Bundle, error) {
	if o.from == "" {
		program, err := os.Executable()
		if err != nil {
			return nil, failure{fmt.Errorf("find the folder of bundled plugins: %w: name it with --from", err)}
		}
		o.from = filepath.Join(filepath.Dir(program), "cni")
	}
	b, err := bundle.New(o.from, checksums)
	if err != nil {
		return nil, failure{err}
	}
	if needed && b.Empty() {
		return nil, failure{errors.New("this program was built without the checksums of the plugins, and cannot verify what it would install: use a released one, or build it with make build")}
	}
	return b, nil
}

// whole makes sure that all that is wanted is bundled, so that it can be repaired
// some day even if it is on the node already.
func whole(i *install.Installer) error {
	if i.Policy == install.Never {
		return nil
	}
	var errs []error
	for _, name := range i.Plugins {
		f, err := i.Bundle.Open(name)
		if err == nil {
			err = f.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// installer checks the flags and puts the installer together.
func (o *options) installer(needed bool) (*install.Installer, error) {
	if o.policy != "" && !slices.Contains(install.Policies, install.Policy(o.policy)) {
		return nil, fmt.Errorf("--policy %q: must be one of %q", o.policy, install.Policies)
	}
	if o.binDir == "" {
		return nil, errors.New("--bin-dir: must name a folder")
	}
	b, err := o.bundle(needed)
	if err != nil {
		return nil, err
	}
	var plugins []string
	for _, name := range o.plugins {
		if needed && b.SHA256(name) == "" {
			return nil, fmt.Errorf("--plugins: %q is not bundled; choose from %s", name, strings.Join(b.Names(), ", "))
		}
		if !plugin.ValidName(name) {
			return nil, fmt.Errorf("--plugins: %q is not the name of a plugin", name)
		}
		if !slices.Contains(plugins, name) {
			plugins = append(plugins, name)
		}
	}
	if needed && len(plugins) == 0 {
		return nil, errors.New("--plugins: must name at least one plugin")
	}
	dir, err := filepath.Abs(o.binDir)
	if err != nil {
		return nil, failure{fmt.Errorf("find --bin-dir: %w", err)}
	}
	return &install.Installer{Dir: dir, Bundle: b, Plugins: plugins, Policy: install.Policy(o.policy)}, nil
}

func newInstall(s streams) *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the plugins, once",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			i, err := o.installer(true)
			if err != nil {
				return err
			}
			if err := whole(i); err != nil {
				return failure{err}
			}
			i.Waiting = s.waiting
			plugins, err := i.Install(cmd.Context())
			for _, p := range plugins {
				fmt.Fprintln(s.out, line(p))
			}
			if err != nil {
				return failure{err}
			}
			return usable(plugins)
		},
	}
	o.installFlags(cmd)
	return cmd
}

// waiting says why nothing seems to happen.
func (s streams) waiting() {
	fmt.Fprintln(s.err, "macvlan-installer: another installer is working in the folder: waiting for it to finish")
}

// line says what was done to a plugin, and what is the matter with it.
func line(p install.Plugin) string {
	text := fmt.Sprintf("%s: %s, %s", p.Name, p.Result, p.State)
	if p.Version != "" {
		text += " " + p.Version
	}
	if p.Message != "" {
		text += ": " + p.Message
	}
	return text
}

// usable is an error when a plugin is not usable. One that could not be replaced,
// but works, is.
func usable(plugins []install.Plugin) error {
	for _, p := range plugins {
		if !p.Usable {
			return failure{errUnusable}
		}
	}
	return nil
}
