package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// The first signal lets the drill end that runs, the second one ends all at once.
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "drills:", err)
		os.Exit(1)
	}
}

// run does the drills that the arguments ask for, all of them if none, and writes the page
// when all were done.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("drills", flag.ContinueOnError)
	names := flags.String("drill", "", "names of the drills to do, with commas (default: all)")
	page := flags.String("o", "", "file for the page with the results of all drills")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*names)
	if err != nil {
		return err
	}
	site, err := newSite(ctx, full())
	defer site.close()
	if err != nil {
		return err
	}
	fmt.Fprint(out, header)
	var results []*result
	broken := 0
	for _, d := range chosen {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := site.perform(ctx, d)
		r.tell(out)
		results = append(results, r)
		if len(r.problems) > 0 {
			broken++
		}
	}
	if *page != "" && *names == "" {
		if err := writePage(*page, site, results); err != nil {
			return err
		}
	}
	if broken > 0 {
		return fmt.Errorf("%d of %d drills broke a promise", broken, len(results))
	}
	return nil
}

// choose returns the drills with these names, all if there are none.
func choose(names string) ([]*drill, error) {
	all := drills()
	if names == "" {
		return all, nil
	}
	var known []string
	for _, d := range all {
		known = append(known, d.name)
	}
	var chosen []*drill
	for name := range strings.SplitSeq(names, ",") {
		n := slices.Index(known, name)
		if n < 0 {
			return nil, errors.New("no drill is called " + name + ": there are " + strings.Join(known, ", "))
		}
		chosen = append(chosen, all[n])
	}
	return chosen, nil
}
