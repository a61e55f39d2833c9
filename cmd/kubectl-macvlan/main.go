// Command kubectl-macvlan checks pods and workloads that ask for macvlan
// networks before they reach a cluster: `kubectl macvlan check`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// version is set when the program is built.
var version = "dev"

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case err == nil:
	case errors.Is(err, errFound):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "kubectl-macvlan:", err)
		os.Exit(2)
	}
}
