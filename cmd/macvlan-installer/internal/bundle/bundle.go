// Package bundle holds what the installer brings: a folder of plugins beside the
// program, and the digests that were compiled into it.
package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/plugin"
)

// ErrTampered is in the error for a plugin that is not what was bundled.
var ErrTampered = errors.New("it is not the plugin that was bundled: tampered with, damaged, or for another architecture; pull the installer's image again")

// Bundle is a folder of plugins and what they have to be. It is not safe for
// concurrent use.
type Bundle struct {
	dir       string
	checksums map[string]string
	builds    map[string]plugin.Build
}

// New returns the bundle in dir. checksums is the table that the build compiles
// in: name=sha256 (64 lower-case hexadecimal digits), separated by commas. It is
// empty in programs that were built without it; see [Bundle.Empty].
func New(dir, checksums string) (*Bundle, error) {
	b := &Bundle{dir: dir, checksums: map[string]string{}, builds: map[string]plugin.Build{}}
	for entry := range strings.SplitSeq(checksums, ",") {
		if entry == "" {
			continue
		}
		name, sum, _ := strings.Cut(entry, "=")
		if !plugin.ValidName(name) {
			return nil, fmt.Errorf("read the table of checksums: entry %q: no file can be called %q", entry, name)
		}
		if raw, err := hex.DecodeString(sum); err != nil || len(raw) != 32 || sum != strings.ToLower(sum) {
			return nil, fmt.Errorf("read the table of checksums: entry %q: must be name=sha256 in lower case", entry)
		}
		b.checksums[name] = sum
	}
	return b, nil
}

// Empty says that the program was built without checksums, and cannot tell what
// it installs.
func (b *Bundle) Empty() bool { return len(b.checksums) == 0 }

// Names are the plugins in the table, sorted.
func (b *Bundle) Names() []string { return slices.Sorted(maps.Keys(b.checksums)) }

// SHA256 is the digest that the plugin has to have, empty when it is not bundled.
func (b *Bundle) SHA256(name string) string { return b.checksums[name] }

// Path is where the plugin's file is.
func (b *Bundle) Path(name string) string { return filepath.Join(b.dir, name) }

// Build is the build information of a bundled plugin, which is read once. It is
// empty when there is no such file.
func (b *Bundle) Build(name string) plugin.Build {
	if build, ok := b.builds[name]; ok {
		return build
	}
	f, err := b.Open(name)
	if err != nil {
		return plugin.Build{}
	}
	defer f.Close()
	b.builds[name] = plugin.ReadBuild(f)
	return b.builds[name]
}

// Open opens a bundled plugin for reading. Whether it is what was bundled, only
// reading it to its end tells: see [Bundle.Verify].
func (b *Bundle) Open(name string) (*os.File, error) {
	// A pipe at the name is not to hold up anybody, nor is a device to be touched.
	info, err := os.Stat(b.Path(name))
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open bundled plugin: %s is not a regular file: name the folder of the bundle with --from", b.Path(name))
	}
	if err == nil && info.Size() > plugin.SizeLimit {
		return nil, fmt.Errorf("open bundled plugin: %s has %d bytes: %w", b.Path(name), info.Size(), ErrTampered)
	}
	var f *os.File
	if err == nil {
		f, err = os.OpenFile(b.Path(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open bundled plugin: %w: name the folder of the bundle with --from", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open bundled plugin: %w", err)
	}
	return f, nil
}

// Verify compares the digest that was read with the one in the table.
func (b *Bundle) Verify(name, sum string) error {
	if want := b.checksums[name]; sum != want {
		return fmt.Errorf("bundled plugin %s has the SHA-256 %.12s…, not %.12s…: %w", b.Path(name), sum, want, ErrTampered)
	}
	return nil
}

// Reader reads from r, and fails when ctx has ended: files are large, and disks can
// be slow.
func Reader(ctx context.Context, r io.Reader) io.Reader { return reader{ctx, r} }

type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Check reads a bundled plugin to its end and verifies it.
func (b *Bundle) Check(ctx context.Context, name string) error {
	f, err := b.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, Reader(ctx, f)); err != nil {
		return fmt.Errorf("read bundled plugin: %w", err)
	}
	return b.Verify(name, hex.EncodeToString(hash.Sum(nil)))
}
