package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/install"
)

func newStatus(s streams) *cobra.Command {
	o := &options{}
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is in the folder",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("-o %q: must be text or json", output)
			}
			i, err := o.installer(false)
			if err != nil {
				return err
			}
			if len(i.Plugins) == 0 {
				if i.Plugins, err = i.Wanted(cmd.Context()); err != nil {
					return failure{err}
				}
			}
			if len(i.Plugins) == 0 {
				i.Plugins = defaultPlugins
			}
			plugins, err := i.Report(cmd.Context())
			if err != nil {
				return failure{err}
			}
			if err := s.printStatus(plugins, output); err != nil {
				return failure{err}
			}
			return usable(plugins)
		},
	}
	o.binDirFlag(cmd)
	o.fromFlag(cmd)
	cmd.Flags().StringSliceVar(&o.plugins, "plugins", nil, "plugins to show (default: those installed last, otherwise the ones that install takes by default)")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "output format: text or json")
	return cmd
}

func (s streams) printStatus(plugins []install.Plugin, output string) error {
	if output == "json" {
		return json.NewEncoder(s.out).Encode(map[string][]install.Plugin{"plugins": plugins})
	}
	w := tabwriter.NewWriter(s.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "PLUGIN\tSTATE\tVERSION\tINSTALLED\tUSABLE\tMESSAGE")
	for _, p := range plugins {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.State, p.Version, yesNo(p.Installed), yesNo(p.Usable), p.Message)
	}
	return w.Flush()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
