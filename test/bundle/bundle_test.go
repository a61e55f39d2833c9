// Package bundle tests what goes onto nodes and into the image: the CNI plugins
// that `make build` has put into bin/cni, and the licenses of what is linked.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// machines are the architectures of nodes, as Go and as their programs call them.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// plugins are the bundled ones, with the folder of containernetworking/plugins
// that each comes from.
var plugins = map[string]string{
	"macvlan":    "main",
	"tuning":     "meta",
	"host-local": "ipam",
	"static":     "ipam",
	"dhcp":       "ipam",
}

// built returns the folder of the plugins that `make plugins` builds in a copy
// of the module, which is all that they are made from: the Makefile, go.mod and
// go.sum.
func built(t *testing.T, folder, architecture string) string {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Makefile", "go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(server.Root(), name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("make", "plugins", "GOARCH="+architecture)
	command.Dir = folder
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("make plugins: %v: %s", err, out)
	}
	return filepath.Join(folder, "bin", "cni")
}

func read(t *testing.T, folder, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// The installer knows its plugins by their checksums: whoever builds the same
// sources, wherever, must get the same bytes.
func TestSameBytesFromEveryFolder(t *testing.T) {
	for architecture, machine := range machines {
		t.Run(architecture, func(t *testing.T) {
			one := built(t, filepath.Join(t.TempDir(), "one"), architecture)
			other := built(t, filepath.Join(t.TempDir(), "a", "longer", "path"), architecture)
			for name, kind := range plugins {
				content := read(t, one, name)
				if !bytes.Equal(content, read(t, other, name)) {
					t.Errorf("%s: two folders give different bytes", name)
				}
				if bytes.Contains(content, []byte(filepath.Dir(one))) {
					t.Errorf("%s contains the path of the folder that it was built in", name)
				}
				checkProgram(t, name, kind, content, machine)
			}
		})
	}
}

// checkProgram tests that the plugin runs on every node of the architecture, and
// says where it comes from.
func checkProgram(t *testing.T, name, kind string, content []byte, machine elf.Machine) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if file.Machine != machine {
		t.Errorf("%s: machine = %s, want %s", name, file.Machine, machine)
	}
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP || program.Type == elf.PT_DYNAMIC {
			t.Errorf("%s is linked dynamically", name)
		}
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	const module = "github.com/containernetworking/plugins"
	if want := module + "/plugins/" + kind + "/" + name; info.Path != want {
		t.Errorf("%s: built from %s, want %s", name, info.Path, want)
	}
	if info.Main.Path != module || !strings.HasPrefix(info.Main.Version, "v1.") || info.Main.Sum == "" {
		t.Errorf("%s: module = %s %s %q, want a version of %s with a checksum", name, info.Main.Path, info.Main.Version, info.Main.Sum, module)
	}
}

// What `make build` leaves in bin/ is that same bundle, reports the version of
// its module, and the installer knows the checksums.
func TestBuiltBundle(t *testing.T) {
	folder := filepath.Join(server.Root(), "bin", "cni")
	installer := read(t, filepath.Join(server.Root(), "bin"), "macvlan-installer")
	other := built(t, t.TempDir(), runtime.GOARCH)
	for name := range plugins {
		content := read(t, folder, name)
		if !bytes.Equal(content, read(t, other, name)) {
			t.Errorf("bin/cni/%s is not what its sources give: run make build", name)
		}
		if want := fmt.Sprintf("%s=%x", name, sha256.Sum256(content)); !bytes.Contains(installer, []byte(want)) {
			t.Errorf("bin/macvlan-installer does not know %s", want)
		}
		info, err := buildinfo.Read(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		// Without a command, plugins say on standard error who they are.
		var about strings.Builder
		command := exec.Command(filepath.Join(folder, name))
		command.Stderr = &about
		if err := command.Run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want := "CNI " + name + " plugin " + info.Main.Version + "\n"; !strings.HasPrefix(about.String(), want) {
			t.Errorf("%s says %q, want %q", name, about.String(), want)
		}
	}
}

// Everything that is linked into the programs and the plugins is there under a
// license that asks to be handed on with them.
func TestLicenses(t *testing.T) {
	var binaries []string
	for _, pattern := range []string{"macvlan-*", "kubectl-*", "cni/*"} {
		found, err := filepath.Glob(filepath.Join(server.Root(), "bin", pattern))
		if err != nil {
			t.Fatal(err)
		}
		binaries = append(binaries, found...)
	}
	if len(binaries) < len(plugins)+2 {
		t.Fatalf("bin/ has %q: run make build", binaries)
	}
	folders := map[string]bool{".": true, "go": true}
	for _, binary := range binaries {
		info, err := buildinfo.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		for _, module := range append(info.Deps, &info.Main) {
			if module.Replace != nil {
				module = module.Replace
			}
			if module.Path != "github.com/macvlan-webhook/macvlan-webhook" {
				folders[module.Path+"@"+module.Version] = true
			}
		}
	}
	for folder := range folders {
		entries, err := os.ReadDir(filepath.Join(server.Root(), "bin", "licenses", folder))
		if err != nil {
			t.Error(err)
			continue
		}
		if !slices.ContainsFunc(entries, func(entry fs.DirEntry) bool {
			info, err := entry.Info()
			name := strings.ToLower(entry.Name())
			return err == nil && info.Mode().IsRegular() && info.Size() > 0 &&
				(strings.HasPrefix(name, "licen") || strings.HasPrefix(name, "copying"))
		}) {
			t.Errorf("bin/licenses has no license of %s", folder)
		}
	}
}
