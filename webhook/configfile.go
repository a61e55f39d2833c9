package webhook

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// configInterval is how often the configuration file is compared. The kubelet
// takes up to a minute to bring a changed ConfigMap to the node; a look every
// two seconds adds nothing to that and needs no watch on swapped symlinks.
const configInterval = 2 * time.Second

// ConfigFile is a configuration file that is read again when it changes.
type ConfigFile struct {
	path    string
	logger  *slog.Logger
	current atomic.Pointer[policy.Config]
	// text is what was read last, problem what was wrong with that.
	text    []byte
	problem string
}

// ReadConfigFile reads a PolicyConfig. Without a path it is the default one.
func ReadConfigFile(path string, logger *slog.Logger) (*ConfigFile, error) {
	f := &ConfigFile{path: path, logger: logger}
	if path == "" {
		f.current.Store(policy.DefaultConfig())
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

// Current is the configuration in force.
func (f *ConfigFile) Current() *policy.Config { return f.current.Load() }

// Run reads the file again whenever it changes, until ctx ends. A file that
// cannot be used leaves the last good configuration in force, and is logged.
func (f *ConfigFile) Run(ctx context.Context) error {
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

func (f *ConfigFile) reload() {
	text, err := os.ReadFile(f.path)
	if err != nil {
		f.complain(err)
		return
	}
	if bytes.Equal(text, f.text) && f.problem == "" {
		return
	}
	f.text = text
	config, err := policy.ParseConfig(text)
	if err != nil {
		f.complain(err)
		return
	}
	f.problem = ""
	f.current.Store(config)
	f.logger.Info("configuration reloaded", "path", f.path)
}

// complain logs a problem with the file once, not each time it is looked at.
func (f *ConfigFile) complain(err error) {
	if err.Error() == f.problem {
		return
	}
	f.problem = err.Error()
	f.logger.Error("the configuration cannot be used, the last good one stays in force", "path", f.path, "error", err)
}
