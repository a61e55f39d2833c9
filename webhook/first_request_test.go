package webhook_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
	"github.com/macvlan-webhook/macvlan-webhook/webhook"
)

// A client that has finished the handshake may take its time with the first request, as an API
// server does with a connection that it has opened and not needed. A header that has begun has
// to arrive.
func TestFirstRequest(t *testing.T) {
	t.Parallel()
	r := run(t, func(*webhook.Server) {})
	dial := func(version uint16) (*tls.Conn, *bufio.Reader) {
		conn, err := tls.Dial("tcp", r.address, &tls.Config{RootCAs: r.roots, MinVersion: version, MaxVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(wait.Patience)); err != nil {
			t.Fatal(err)
		}
		return conn, bufio.NewReader(conn)
	}
	patient, answers := dial(tls.VersionTLS13)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		half, end := dial(version)
		if _, err := io.WriteString(half, "POST /validate HTTP/1.1\r\nHost: a\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, end); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("half a header keeps a connection open")
		}
	}
	// By now more time has passed than a handshake and a header may take.
	body := about("Pod", "pods", "", "CREATE", podOf(overlayExtra), "")
	for range 2 {
		if _, err := fmt.Fprintf(patient, "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK || response.Close {
			t.Errorf("status %d, closed %t: %v", response.StatusCode, response.Close, err)
		}
	}
}
