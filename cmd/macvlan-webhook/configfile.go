package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
)

// configInterval is how often the configuration file is compared. The kubelet
// takes up to a minute to bring a changed ConfigMap to the node; a look every
// two seconds adds nothing to that and needs no watch on swapped symlinks.
const configInterval = 2 * time.Second

// configFile is a configuration file that is read again when it changes.
type configFile struct {
	path    string
	logger  *slog.Logger
	current atomic.Pointer[config.Config]
	// text is what was read last.
	text []byte
	// problem is what is wrong with the file as it is now, nil when that is in
	// use.
	problem atomic.Pointer[error]
}

// readConfigFile reads a PolicyConfig. Without a path it is the default one.
func readConfigFile(path string, logger *slog.Logger) (*configFile, error) {
	f := &configFile{path: path, logger: logger}
	if path == "" {
		f.current.Store(config.Default())
		return f, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	config, err := policy.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("read configuration %q: %w", path, err)
	}
	f.text = text
	f.current.Store(config)
	return f, nil
}

// Current is the configuration in use.
func (f *configFile) Current() *config.Config { return f.current.Load() }

// Run reads the file again whenever it changes, until ctx ends. A file that
// cannot be used leaves the last valid configuration in use, and is logged.
func (f *configFile) Run(ctx context.Context) error {
	if f.path == "" {
		return nil
	}
	ticker := time.NewTicker(configInterval)
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
func (f *configFile) Problem() error {
	if p := f.problem.Load(); p != nil {
		return fmt.Errorf("%w; the last valid configuration is still in use", *p)
	}
	return nil
}

func (f *configFile) reload() {
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
	config, err := policy.ParseConfig(text)
	if err != nil {
		f.complain(err)
		return
	}
	f.problem.Store(nil)
	f.current.Store(config)
	f.logger.Info("configuration reloaded", "path", f.path)
}

// complain logs a problem with the file once, not each time it is looked at.
func (f *configFile) complain(err error) {
	if p := f.problem.Load(); p != nil && (*p).Error() == err.Error() {
		return
	}
	f.problem.Store(&err)
	f.logger.Error("the configuration cannot be used, the last valid one is still in use", "path", f.path, "error", err)
}
