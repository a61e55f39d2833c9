package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       []string
	}{
		{"nothing", "", []string{""}},
		{"fits", "twelve  wide", []string{"twelve  wide"}},
		{"at a space", "  twelve is wide", []string{"  twelve is", "  wide"}},
		{"characters are counted, not bytes", "zwölf Zeichn", []string{"zwölf Zeichn"}},
		{"a list in one piece", "a: b/cde,f/ghi,j", []string{"a:", "b/cde,f/ghi,j"}},
		{"a list stays whole where it fits", "a: b,c,d,e", []string{"a: b,c,d,e"}},
		{"no place to break", "a: longer-than-the-page b", []string{"a:", "longer-than-the-page", "b"}},
		{"what is to be copied", "    kubectl get pods -o wide", []string{"    kubectl get pods -o wide"}},
		{"spaces within", "a    b", []string{"a    b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wrap(tt.line, 12); !slices.Equal(got, tt.want) {
				t.Errorf("wrap(%q) = %q, want %q", tt.line, got, tt.want)
			}
		})
	}
}

func TestWidth(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for columns, want := range map[string]int{"": 80, "120": 120, "0": 80, "wide": 80} {
		t.Setenv("COLUMNS", columns)
		if got := widthOf(file); got != want {
			t.Errorf("with COLUMNS=%q the width is %d, want %d", columns, got, want)
		}
	}
}

// The demo shows every pod, keeps to the width with all but what is to be copied, and ends
// with a count and a command that can be run.
func TestDemo(t *testing.T) {
	const width = 60
	var out bytes.Buffer
	if err := run(t.Context(), nil, page{&out, width}); err != nil {
		t.Fatal(err)
	}
	pods, err := filepath.Glob(filepath.Join(examples(), "pods", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if shown := strings.Count(out.String(), "\npod "); shown != len(pods) {
		t.Errorf("%d pods are shown, there are %d", shown, len(pods))
	}
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSuffix(line, "\n")
		if utf8.RuneCountInString(line) > width && !strings.HasPrefix(line, verbatim) && strings.Contains(strings.TrimLeft(line, " "), " ") {
			t.Errorf("a line is longer than %d columns: %s", width, line)
		}
	}
	for _, copied := range []string{
		`    k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan100,kube-system/macvlan-overlay-vlan200`,
		`    ipam.spidernet.io/ippools: [{"interface":"net1","ipv4":["vlan100-v4"]},{"interface":"net2","ipv4":["vlan200-v4"]}]`,
		// Of a remedy.
		`    k8s.v1.cni.cncf.io/networks: "kube-system/macvlan-overlay-vlan0"`,
		`    kubectl get network-attachment-definitions --all-namespaces`,
	} {
		if !strings.Contains(out.String(), "\n"+copied+"\n") {
			t.Errorf("no line is %s", copied)
		}
	}
	for _, text := range []string{"\n  created\n", "\n  created, with warnings:\n", "\n  filled in:\n", "\n  REFUSED: "} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("nothing shows %q", text)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	plain, warned, refused := strings.Count(out.String(), "\n  created\n"), strings.Count(out.String(), "\n  created, with"), strings.Count(out.String(), "\n  REFUSED: ")
	count := fmt.Sprintf("%d pods: %d created, %d of them with warnings, %d refused.", len(pods), plain+warned, warned, refused)
	if got := lines[len(lines)-3]; got != count {
		t.Errorf("the count is %q, want %q", got, count)
	}
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, verbatim+"bin/kubectl-macvlan ") {
		t.Errorf("the last line is no command: %q", last)
	}
	command := strings.Fields(last)
	for _, path := range slices.DeleteFunc(command, func(word string) bool { return !strings.Contains(word, "/") }) {
		if _, err := os.Stat(filepath.Join(server.Root(), path)); err != nil {
			t.Errorf("the last command names what is not there: %v", err)
		}
	}
}
