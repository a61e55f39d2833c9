// Command kubectl-macvlan checks pods and workloads that ask for macvlan
// networks before they reach a cluster: `kubectl macvlan check`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version is set when the program is built.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := untilDone(ctx, func() error { return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr) })
	switch {
	case err == nil:
	case errors.Is(err, errFound):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "kubectl-macvlan:", err)
		os.Exit(2)
	}
}

// untilDone waits for a task, but no longer than until ctx ends: a task that reads
// standard input does not look at it.
func untilDone(ctx context.Context, task func() error) error {
	done := make(chan error, 1)
	go func() { done <- task() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errors.New("interrupted")
	}
}
