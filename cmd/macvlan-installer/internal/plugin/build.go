package plugin

import (
	"debug/buildinfo"
	"io"
	"path"
	"strings"

	"golang.org/x/mod/semver"
)

// upstream is the import path below which the reference plugins are.
const upstream = "github.com/containernetworking/plugins/plugins/"

// SizeLimit is how large a plugin may be, in bytes: many times what any has. What is larger
// is none, and is neither read nor run, which could take hours.
const SizeLimit = 256 << 20

// Build is what the Go toolchain wrote into a program.
type Build struct {
	// Path is the import path of the main package, empty when the file is no Go
	// program.
	Path string
	// Version is the version of its module, such as v1.10.0. It is empty for
	// programs built from a checkout, as distributions do.
	Version string
}

// ReadBuild reads the build information of a program. What is no Go program has
// none, and that is no error: r may hold anything.
func ReadBuild(r io.ReaderAt) Build {
	info, err := buildinfo.Read(r)
	if err != nil {
		return Build{}
	}
	b := Build{Path: info.Path}
	if semver.IsValid(info.Main.Version) {
		b.Version = info.Main.Version
	}
	return b
}

// ValidName says whether a plugin can be called so: its file is in the folder of the
// plugins, and no hidden one.
func ValidName(name string) bool {
	return name != "" && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/\x00")
}

// Upstream returns the group (main, ipam or meta) and the name of the reference
// plugin that the program is. Both are empty when it is something else.
func (b Build) Upstream() (group, name string) {
	rest, ok := strings.CutPrefix(b.Path, upstream)
	if !ok {
		return "", ""
	}
	group, name = path.Split(rest)
	return strings.TrimSuffix(group, "/"), name
}

// Compare orders versions of plugins as semver.Compare does, with one exception.
// Vendors name their rebuilds after the release, v1.10.0-build20260101 or
// v1.10.0-k3s1, and semver takes what stands behind the hyphen for something that
// came before the release: replacing a vendor's patched plugin with the release
// would be a step back. So only what says that it came before does so.
func Compare(a, b string) int {
	return semver.Compare(release(a), release(b))
}

// release cuts a vendor's suffix off.
func release(version string) string {
	suffix := semver.Prerelease(version)
	for _, before := range []string{"-rc", "-alpha", "-beta", "-pre", "-dev", "-0."} {
		if strings.HasPrefix(suffix, before) {
			return version
		}
	}
	return strings.TrimSuffix(semver.Canonical(version), suffix)
}
