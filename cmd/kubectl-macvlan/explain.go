package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/kubectl-macvlan/internal/ruledoc"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

func newExplain(s streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "explain [RULE]",
		Short: "Explain a rule, or list all of them",
		Example: "  kubectl macvlan explain\n" +
			"  kubectl macvlan explain overlay-as-default-network",
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, r := range policy.Rules() {
				ids = append(ids, r.ID+"\t"+r.Title)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "text" && format != "markdown" {
				return fmt.Errorf("output format %s: text or markdown is expected", quote.Value(format))
			}
			if len(args) == 0 {
				if format == "markdown" {
					return ruledoc.Markdown(s.out, policy.Rules())
				}
				return list(s)
			}
			rule, ok := policy.RuleByID(args[0])
			if !ok {
				return fmt.Errorf("no rule is called %s; `kubectl macvlan explain` lists them", quote.Value(args[0]))
			}
			if format == "markdown" {
				return ruledoc.Markdown(s.out, []policy.RuleDoc{rule})
			}
			return ruledoc.Text(s.out, rule)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or markdown")
	return cmd
}

func list(s streams) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tACTION\tTITLE")
	for _, r := range policy.Rules() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.ID, r.Default, r.Title)
	}
	return w.Flush()
}
