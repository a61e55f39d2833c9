// Command macvlan-installer puts CNI plugins on a node, and keeps them there.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version and checksums are set when the program is built. checksums says what the
// bundled plugins have to be: name=sha256, separated by commas.
var version, checksums = "dev", ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, errUnusable) {
		fmt.Fprintln(os.Stderr, "macvlan-installer:", err)
	}
	os.Exit(exitStatus(err))
}
