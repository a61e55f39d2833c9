package install

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The outcomes of a case, in the order of Policies: if-newer, if-absent, always,
// never. Each is the state that is shown afterwards, with "+" when the plugin is
// usable, and whose file is there: "ours", or "theirs" when nothing changed.
type outcomes [4]string

const answering = `#!/bin/sh
echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'
`

func TestTable(t *testing.T) {
	static := realPlugin(t, "static")
	older := otherVersion(t, static, "v1.8.10")
	newer := otherVersion(t, static, "v1.10.9")
	unknown := otherVersion(t, static, "devel__")
	const old = `package main
import "os"
func main() { os.Stdout.WriteString("{\"cniVersion\":\"0.4.0\",\"supportedVersions\":[\"0.3.1\",\"0.4.0\"]}") }
`
	oldUnknown := compiled(t, old, "amd64")
	arm := compiled(t, "package main\nfunc main() { println() }\n", "arm64")
	b := realBundle(t, "static", "host-local")
	elsewhere := t.TempDir()
	// A program that is several plugins, by the name it is called by.
	writeFile(t, filepath.Join(elsewhere, "multi"), []byte(answering+`[ "$CNI_COMMAND" ] || echo "CNI ${0##*/} plugin v1.5.0" >&2`), 0o755)
	writeFile(t, filepath.Join(elsewhere, "other"), realPlugin(t, "host-local"), 0o755)
	writeFile(t, filepath.Join(elsewhere, "noplugin"), []byte("#!/bin/sh\necho hello\n"), 0o755)
	outside := snapshot(t, elsewhere)

	put := func(content []byte, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, path string) { writeFile(t, path, content, mode) }
	}
	link := func(target string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept := outcomes{"foreign+ theirs", "foreign+ theirs", "current+ ours", "foreign+ theirs"}
	brokenReplaced := outcomes{"current+ ours", "broken theirs", "current+ ours", "broken theirs"}
	tests := []struct {
		name  string
		there func(t *testing.T, path string)
		want  outcomes
	}{
		{"absent", func(*testing.T, string) {}, outcomes{"current+ ours", "current+ ours", "current+ ours", "absent theirs"}},
		{"same", put(static, 0o755), outcomes{"current+ theirs", "current+ theirs", "current+ theirs", "current+ theirs"}},
		{"same, not executable", put(static, 0o644), brokenReplaced},
		{"same, for root only", put(static, 0o700), outcomes{"current+ ours", "current+ theirs", "current+ ours", "current+ theirs"}},
		{"same version, another build", put(append(static[:len(static):len(static)], 0), 0o755), outcomes{"current+ theirs", "current+ theirs", "current+ ours", "current+ theirs"}},
		{"older", put(older, 0o755), outcomes{"current+ ours", "older+ theirs", "current+ ours", "older+ theirs"}},
		{"older, with an odd mode", put(older, os.ModeSetuid|0o711), outcomes{"current+ ours", "older+ theirs", "current+ ours", "older+ theirs"}},
		{"newer", put(newer, 0o755), outcomes{"newer+ theirs", "newer+ theirs", "current+ ours", "newer+ theirs"}},
		{"unknown version", put(unknown, 0o755), kept},
		{"unknown version, old specification", put(oldUnknown, 0o755), outcomes{"current+ ours", "older+ theirs", "current+ ours", "older+ theirs"}},
		{"foreign that works", put([]byte(answering), 0o755), kept},
		{"foreign that does not run", put([]byte("#!/bin/sh\nexit 3\n"), 0o755), brokenReplaced},
		{"foreign that answers nonsense", put([]byte("#!/bin/sh\necho '{}'\n"), 0o755), brokenReplaced},
		{"foreign whose interpreter cannot be seen", put([]byte("#!/nowhere/python\n"), 0o755), outcomes{"broken theirs", "broken theirs", "current+ ours", "broken theirs"}},
		{"another plugin", put(realPlugin(t, "host-local"), 0o755), brokenReplaced},
		{"wrong architecture", put(arm, 0o755), brokenReplaced},
		{"empty", put(nil, 0o755), brokenReplaced},
		{"half", put(static[:len(static)/2], 0o755), brokenReplaced},
		{"link into a farm", link(elsewhere + "/multi"), kept},
		{"link to another plugin", link(elsewhere + "/other"), brokenReplaced},
		{"link to no plugin", link(elsewhere + "/noplugin"), brokenReplaced},
		{"dangling link", link("nowhere"), brokenReplaced},
		{"link to itself", link("static"), brokenReplaced},
		{"folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
			writeFile(t, path+"/file", nil, 0o600)
		}, outcomes{"broken theirs", "broken theirs", "broken theirs", "broken theirs"}},
	}
	for _, tt := range tests {
		for n, policy := range Policies {
			t.Run(fmt.Sprintf("%s/%s", tt.name, policy), func(t *testing.T) {
				dir := t.TempDir()
				writeFile(t, filepath.Join(dir, "bridge"), []byte("somebody else's"), 0o711)
				path := filepath.Join(dir, "static")
				tt.there(t, path)
				before := snapshot(t, dir)
				i := b.installer(t, dir, policy, "static")

				state, whose, _ := strings.Cut(tt.want[n], " ")
				p := installOne(t, i)
				if got := show(p); got != state {
					t.Errorf("after install: %s (%s), want %s", got, p.Message, state)
				}
				now := snapshot(t, dir)
				if whose == "ours" {
					if want := "-rwxr-xr-x " + digest(static); now["static"] != want {
						t.Errorf("after install: %q, want %q", now["static"], want)
					}
					if !p.Installed {
						t.Error("after install: installed = false")
					}
				} else {
					same(t, dir, before)
				}
				if !p.Usable && p.Message == "" {
					t.Error("nothing is said about why it cannot be used")
				}

				// A second time, there is nothing to do, for this installer and for
				// one that knows nothing.
				for _, again := range []*Installer{i, b.installer(t, dir, policy, "static")} {
					if q := installOne(t, again); show(q) != state || q.Result != Kept {
						t.Errorf("installing again: %s %s, want %s %s", q.Result, show(q), Kept, state)
					}
				}
				if again := snapshot(t, dir); len(again) != len(now) || again["static"] != now["static"] {
					t.Errorf("installing again changed the folder: %v, before %v", again, now)
				}
				reported, err := i.Report(t.Context())
				if err != nil || show(reported[0]) != state {
					t.Errorf("report: %s, %v, want %s", show(reported[0]), err, state)
				}

				uninstall(t, b.installer(t, dir, policy, "static"))
				same(t, dir, before)
				same(t, elsewhere, outside)
			})
		}
	}
}

// show is the state and whether the plugin is usable.
func show(p Plugin) string {
	if p.Usable {
		return string(p.State) + "+"
	}
	return string(p.State)
}
