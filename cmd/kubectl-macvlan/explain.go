package main

import (
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/kubectl-macvlan/internal/ruledoc"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
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
			rules, err := policy.Rules()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			var ids []string
			for _, r := range rules {
				ids = append(ids, r.ID+"\t"+r.Title)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "text" && format != "markdown" {
				return fmt.Errorf("output format %s: must be text or markdown", quote.Value(format))
			}
			rules, err := policy.Rules()
			if err != nil {
				return err
			}
			if len(args) > 0 {
				rules = slices.DeleteFunc(rules, func(r policy.Rule) bool { return r.ID != args[0] })
			}
			switch {
			case len(rules) == 0:
				return fmt.Errorf("no rule is called %s; `kubectl macvlan explain` lists them", quote.Value(args[0]))
			case format == "markdown":
				return ruledoc.Markdown(s.out, rules)
			case len(args) == 0:
				return list(s, rules)
			default:
				return ruledoc.Text(s.out, rules[0])
			}
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "output format: text or markdown")
	return cmd
}

func list(s streams, rules []policy.Rule) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tACTION\tTITLE")
	for _, r := range rules {
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.ID, r.Default, r.Title)
	}
	return w.Flush()
}
