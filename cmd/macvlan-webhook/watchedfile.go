package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/webhook"
)

// fileInterval is how often a file is compared. The kubelet takes up to a minute to
// bring a changed ConfigMap to the node; a look every two seconds adds nothing to
// that and needs no watch on swapped symlinks.
const fileInterval = 2 * time.Second

// watchedFile is a file that is read again when it changes.
type watchedFile[T any] struct {
	path string
	// noun is what the file holds, for messages.
	noun    string
	parse   func([]byte) (*T, error)
	logger  *slog.Logger
	current atomic.Pointer[T]
	// text is what was read last.
	text []byte
	// problem is what is wrong with the file as it is now, nil when that is in
	// use.
	problem atomic.Pointer[error]
}

// readConfigFile reads a PolicyConfig. Without a path it is the default one.
func readConfigFile(path string, logger *slog.Logger) (*watchedFile[config.Config], error) {
	if path == "" {
		f := &watchedFile[config.Config]{}
		f.current.Store(config.Default())
		return f, nil
	}
	return readFile(path, "configuration", policy.ParseConfig, logger)
}

// readClientCAs reads the authorities that sign client certificates.
func readClientCAs(path string, logger *slog.Logger) (*watchedFile[x509.CertPool], error) {
	return readFile(path, "client CA bundle", webhook.Authorities, logger)
}

func readFile[T any](path, noun string, parse func([]byte) (*T, error), logger *slog.Logger) (*watchedFile[T], error) {
	f := &watchedFile[T]{path: path, noun: noun, parse: parse, logger: logger}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", noun, err)
	}
	value, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read %s %q: %w", noun, path, err)
	}
	f.text = text
	f.current.Store(value)
	return f, nil
}

// Current is what is in use.
func (f *watchedFile[T]) Current() *T { return f.current.Load() }

// Run reads the file again whenever it changes, until ctx ends. A file that
// cannot be used leaves the last valid one in use, and is logged.
func (f *watchedFile[T]) Run(ctx context.Context) error {
	if f.path == "" {
		return nil
	}
	ticker := time.NewTicker(fileInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			f.reload()
		}
	}
}

// Problem is what is wrong with the file as it is now; nil when it is in use.
func (f *watchedFile[T]) Problem() error {
	if p := f.problem.Load(); p != nil {
		return fmt.Errorf("%w; the last valid %s is still in use", *p, f.noun)
	}
	return nil
}

func (f *watchedFile[T]) reload() {
	text, err := os.ReadFile(f.path)
	if err != nil {
		f.text = nil
		f.complain(err)
		return
	}
	if f.text != nil && bytes.Equal(text, f.text) {
		return
	}
	// Not nil, also when the file is empty: nil stands for a file that could not be
	// read.
	f.text = append([]byte{}, text...)
	value, err := f.parse(text)
	if err != nil {
		f.complain(err)
		return
	}
	f.problem.Store(nil)
	f.current.Store(value)
	f.logger.Info(f.noun+" reloaded", "path", f.path)
}

// complain logs a problem with the file once, not each time it is looked at.
func (f *watchedFile[T]) complain(err error) {
	if p := f.problem.Load(); p != nil && (*p).Error() == err.Error() {
		return
	}
	f.problem.Store(&err)
	f.logger.Error("the "+f.noun+" cannot be used, the last valid one is still in use", "path", f.path, "error", err)
}
