package bundle

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hello is the SHA-256 of "hello".
const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

func TestNew(t *testing.T) {
	b, err := New("cni", "static="+hello+",macvlan="+hello)
	if err != nil || strings.Join(b.Names(), " ") != "macvlan static" || b.SHA256("static") != hello || b.SHA256("dhcp") != "" || b.Empty() {
		t.Errorf("bundle = %+v, %v", b, err)
	}
	if b, err := New("cni", ""); err != nil || !b.Empty() {
		t.Errorf("without a table: %+v, %v", b, err)
	}
	for _, table := range []string{"static", "static=", "=" + hello, "static=" + hello[1:], "static=" + strings.ToUpper(hello), "../static=" + hello, ".hidden=" + hello, "static=zz" + hello[2:]} {
		if _, err := New("cni", table); err == nil {
			t.Errorf("table %q: no error", table)
		}
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	b, err := New(dir, "static="+hello)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context(), "static"); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "--from") {
		t.Errorf("missing: %v", err)
	}
	for content, want := range map[string]error{"hello": nil, "hell": ErrTampered} {
		if err := os.WriteFile(filepath.Join(dir, "static"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := b.Check(t.Context(), "static"); !errors.Is(err, want) {
			t.Errorf("content %q: %v, want %v", content, err, want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Check(ended, "static"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if build := b.Build("static"); build.Path != "" {
		t.Errorf("build = %+v", build)
	}
}
