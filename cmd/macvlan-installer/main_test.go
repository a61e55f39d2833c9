package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The program takes the table of checksums from its build. Tests give it one by
// this variable.
const checksumsVariable = "TEST_CHECKSUMS"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"macvlan-installer": func() {
		checksums = os.Getenv(checksumsVariable)
		main()
	}})
}

// plugins is where make puts the bundled plugins.
func plugins(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.Abs("../../bin/cni")
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// table is the table of checksums of the plugins that were built.
func table(tb testing.TB) string {
	tb.Helper()
	var entries []string
	for _, name := range defaultPlugins {
		content, err := os.ReadFile(filepath.Join(plugins(tb), name))
		if err != nil {
			tb.Fatalf("%v: run make build", err)
		}
		sum := sha256.Sum256(content)
		entries = append(entries, name+"="+hex.EncodeToString(sum[:]))
	}
	return strings.Join(entries, ",")
}

func TestScripts(t *testing.T) {
	checksums := table(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("CNI", plugins(t))
			env.Setenv(checksumsVariable, checksums)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs the program, which has to fail: exits STATUS STDERR ARGUMENT...
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("macvlan-installer", args[2:]...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("%v, want exit status %s", err, args[0])
	}
	stderr := ts.ReadFile("stderr")
	if !regexp.MustCompile(args[1]).MatchString(stderr) || (args[1] == "") != (stderr == "") {
		ts.Fatalf("standard error %q does not match %q", stderr, args[1])
	}
}
