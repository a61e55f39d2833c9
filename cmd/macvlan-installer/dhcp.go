package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/bundle"
)

// daemonFlags are the flags of the dhcp plugin's daemon that have a value, which go to
// it as they are. The socket's is ours as well.
var daemonFlags = []struct{ name, usage string }{
	{"hostprefix", "`folder` in which the node's file system is mounted, for the socket and the network namespaces"},
	{"pidfile", "`file` for the daemon's process ID"},
	{"timeout", "`duration` of one request at most"},
	{"resendmax", "longest `duration` between retries of a request"},
	{"resendtimeout", "`duration` after which retries stop"},
}

func newDHCP(streams) *cobra.Command {
	o := &options{}
	var socket string
	cmd := &cobra.Command{
		Use:   "dhcp",
		Short: "Run the daemon that keeps the leases of the dhcp plugin",
		Long: "dhcp runs the daemon of the bundled dhcp plugin, which networks with the IPAM\n" +
			"type dhcp need on each node. The daemon replaces this process.",
		Args: cobra.NoArgs,
	}
	o.fromFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&socket, "socketpath", "/run/cni/dhcp.sock", "socket on which the daemon listens for the plugin")
	values := make([]string, len(daemonFlags))
	for n, flag := range daemonFlags {
		f.StringVar(&values[n], flag.name, "", flag.usage+" (default: the plugin's)")
	}
	broadcast := f.Bool("broadcast", false, "ask servers to answer by broadcast")
	cmd.RunE = func(*cobra.Command, []string) error {
		b, err := o.bundle(true)
		if err != nil {
			return err
		}
		args := []string{"dhcp", "daemon", "-socketpath=" + socket}
		if f.Changed("broadcast") {
			args = append(args, fmt.Sprintf("-broadcast=%t", *broadcast))
		}
		prefix := ""
		for n, flag := range daemonFlags {
			if values[n] != "" {
				args = append(args, "-"+flag.name+"="+values[n])
			}
			if flag.name == "hostprefix" {
				prefix = values[n]
			}
		}
		return failure{becomeDaemon(cmd.Context(), b, prefix+socket, args)}
	}
	return cmd
}

// becomeDaemon makes room for the socket and runs the daemon in place of this
// program. It returns only with an error.
func becomeDaemon(ctx context.Context, b *bundle.Bundle, socket string, args []string) error {
	if err := b.Check(ctx, "dhcp"); err != nil {
		return err
	}
	if err := makeRoom(socket); err != nil {
		return fmt.Errorf("make room for the socket of the dhcp daemon: %w", err)
	}
	return fmt.Errorf("run %s: %w", b.Path("dhcp"), unix.Exec(b.Path("dhcp"), args, os.Environ()))
}

// makeRoom removes the socket of a daemon that was killed, over which the next one
// would fail, and creates the folder.
func makeRoom(socket string) error {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return err
	}
	info, err := os.Lstat(socket)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is not a socket: remove it, or name another path with --socketpath", socket)
	}
	conn, err := net.DialTimeout("unix", socket, time.Second)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("another daemon answers at %s: one per node is enough", socket)
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(socket)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("find out whether a daemon answers at the socket: %w", err)
}
