package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

func TestConfigFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "policy.yaml")
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var logs wait.Log
	logger := slog.New(slog.NewTextHandler(&logs, nil))
	write("apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\nlimits: {addressPairs: none}\n")
	if _, err := readConfigFile(name, logger); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Fatalf("a wrong file at the start: %v", err)
	}
	write("apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\nlimits: {addressPairs: 3}\n")
	f, err := readConfigFile(name, logger)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	write("apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\nlimits: {addressPairs: 5}\n")
	wait.Until(t, "the change is in use", func() bool { return f.Current().Limits.AddressPairs == 5 })
	write("kind: [\n")
	wait.Until(t, "the wrong change is logged", func() bool { return strings.Contains(logs.String(), "the last valid one is still in use") })
	if f.Current().Limits.AddressPairs != 5 {
		t.Errorf("in use: %+v", f.Current())
	}
}
