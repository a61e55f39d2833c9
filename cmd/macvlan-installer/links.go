package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/links"
	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/probe"
)

// linkFlags say whether and where the node's links are published.
type linkFlags struct {
	wanted         bool
	node           string
	serviceAccount string
}

func (l *linkFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&l.wanted, "publish-links", false, "publish the node's network links that macvlan can use as an annotation of its Node")
	f.StringVar(&l.node, "node-name", "", "name of the Node for --publish-links (default: the environment variable NODE_NAME)")
	f.StringVar(&l.serviceAccount, "service-account", links.ServiceAccount, "folder with the token and ca.crt for --publish-links")
}

func (l *linkFlags) check() error {
	l.node = cmp.Or(l.node, os.Getenv("NODE_NAME"))
	if l.wanted && l.node == "" {
		return errors.New("--publish-links: name the Node with --node-name or NODE_NAME")
	}
	return nil
}

// publish starts publishing, if that is wanted. It is never what ends the program.
func (l *linkFlags) publish(ctx context.Context, tasks *errgroup.Group, interval time.Duration, p *probe.Probe, logger *slog.Logger) {
	if !l.wanted {
		return
	}
	publisher := &links.Publisher{
		Node:     l.node,
		Server:   &links.Server{Getenv: os.Getenv, Folder: l.serviceAccount, UserAgent: "macvlan-installer/" + version},
		Sysfs:    links.Sysfs,
		Interval: interval,
		Count:    p.Published,
		Logger:   logger,
	}
	tasks.Go(func() error {
		publisher.Run(ctx)
		return nil
	})
}
