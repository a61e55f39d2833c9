package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newUninstall(s streams) *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove the plugins and restore what they replaced",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			i, err := o.installer(false)
			if err != nil {
				return err
			}
			i.Waiting = s.waiting
			removals, err := i.Uninstall(cmd.Context())
			left := false
			for _, r := range removals {
				if r.Err != nil {
					left = true
					fmt.Fprintln(s.err, "macvlan-installer:", r.Err)
					continue
				}
				fmt.Fprintf(s.out, "%s: %s\n", r.Name, r.Text)
			}
			switch {
			case err != nil:
				return failure{err}
			case left:
				return failure{errUnusable}
			case len(removals) == 0:
				fmt.Fprintln(s.out, "nothing was installed here")
			}
			return nil
		},
	}
	o.binDirFlag(cmd)
	return cmd
}
