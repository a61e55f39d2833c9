package certs

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// writePair signs a serving certificate into a new folder inside dir, and
// switches dir/..data to it at once and removes the one before, as the kubelet
// does with a mounted Secret.
func writePair(t *testing.T, dir string, ca *CA, now time.Time) *x509.Certificate {
	t.Helper()
	cert, err := ca.Sign(now, ServingLifetime, testNames, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := encodeKey(cert.PrivateKey.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	version, err := os.MkdirTemp(dir, "..version")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"tls.crt": encodeCertificates([]*x509.Certificate{cert.Leaf}), "tls.key": key} {
		if err := os.WriteFile(filepath.Join(version, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	current := filepath.Join(dir, "..data")
	before, err := os.Readlink(current)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "..link")
	if err := os.Symlink(filepath.Base(version), link); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link, current); err != nil {
		t.Fatal(err)
	}
	if before != "" {
		if err := os.RemoveAll(filepath.Join(dir, before)); err != nil {
			t.Fatal(err)
		}
	}
	return cert.Leaf
}

func mount(t *testing.T) (dir, certFile, keyFile string) {
	t.Helper()
	dir = t.TempDir()
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for _, file := range []string{certFile, keyFile} {
		if err := os.Symlink(filepath.Join("..data", filepath.Base(file)), file); err != nil {
			t.Fatal(err)
		}
	}
	return dir, certFile, keyFile
}

func TestFromFiles(t *testing.T) {
	dir, certFile, keyFile := mount(t)
	ca := mustCA(t, epoch)
	first := writePair(t, dir, ca, epoch)
	loaded := make(chan string, 10)
	logger := slog.New(slog.NewTextHandler(lineWriter(func(line string) { loaded <- line }), nil))
	f, err := NewFromFiles(certFile, keyFile, logger)
	if err != nil {
		t.Fatal(err)
	}
	checkServed(t, f, first)
	if line := <-loaded; !strings.Contains(line, "serving certificate loaded") || !strings.Contains(line, certFile) {
		t.Errorf("logged %q", line)
	}
	if err := servable(f.Leaf(), first.NotAfter); err != nil {
		t.Errorf("Ready: %v", err)
	}
	if err := servable(f.Leaf(), first.NotAfter.Add(time.Second)); err == nil || !strings.Contains(err.Error(), "expired at") {
		t.Errorf("Ready is %v with an expired certificate", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() {
		if err := f.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	second := writePair(t, dir, ca, epoch)
	<-loaded
	checkServed(t, f, second)
	cancel()
	running.Wait()
}

func TestFromFilesErrors(t *testing.T) {
	ca := mustCA(t, epoch)
	for name, spoil := range map[string]func(certFile, keyFile string) error{
		"no certificate":         func(certFile, _ string) error { return os.Remove(certFile) },
		"no key":                 func(_, keyFile string) error { return os.Remove(keyFile) },
		"certificate not PEM":    func(certFile, _ string) error { return os.WriteFile(certFile, []byte("x"), 0o600) },
		"key of another":         func(_, keyFile string) error { return os.WriteFile(keyFile, ca.KeyPEM(), 0o600) },
		"a folder, not the file": func(certFile, _ string) error { return errors.Join(os.Remove(certFile), os.Mkdir(certFile, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, certFile, keyFile := mount(t)
			writePair(t, dir, ca, epoch)
			if err := spoil(certFile, keyFile); err != nil {
				t.Fatal(err)
			}
			_, err := NewFromFiles(certFile, keyFile, nil)
			if err == nil || !strings.HasPrefix(err.Error(), `read serving certificate "`+certFile+`" with key "`+keyFile+`": `) {
				t.Errorf("error %v, want one that names the files", err)
			}
		})
	}
}

// TestFromFilesKeeps demands that a spoiled pair does not replace a good one.
func TestFromFilesKeeps(t *testing.T) {
	dir, certFile, keyFile := mount(t)
	ca := mustCA(t, epoch)
	first := writePair(t, dir, ca, epoch)
	f, err := NewFromFiles(certFile, keyFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(certFile, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.watcher.ReadCertificate(); err == nil {
		t.Error("a spoiled certificate was read")
	}
	checkServed(t, f, first)
}

func checkServed(t *testing.T, f *FromFiles, want *x509.Certificate) {
	t.Helper()
	cert, err := f.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(cert.Certificate[0], want.Raw) || !f.Leaf().Equal(want) {
		t.Errorf("serial number %x is served, want %x", f.Leaf().SerialNumber, want.SerialNumber)
	}
}

type lineWriter func(string)

func (f lineWriter) Write(text []byte) (int, error) {
	f(string(text))
	return len(text), nil
}
