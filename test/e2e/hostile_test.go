package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// memoryLimit is what the server may use under attack, in bytes.
const memoryLimit = 100 << 20

// standalone runs a server without a cluster.
func standalone(t *testing.T, inventory string, flags ...string) (*server.Server, *http.Client) {
	t.Helper()
	folder := t.TempDir()
	client, certificate, err := server.Certificate(folder)
	if err != nil {
		t.Fatal(err)
	}
	networks := filepath.Join(folder, "networks.yaml")
	write(t, networks, []byte(inventory))
	s, err := server.Start(t.Context(), append(append(certificate, "--inventory="+networks, "--decision-timeout=30s"), flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	if err := s.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, client
}

// podReview is the AdmissionReview of a pod's creation.
func podReview(uid, annotations string) string {
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":%q,"kind":{"group":"","version":"v1","kind":"Pod"},`+
		`"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"default","operation":"CREATE",`+
		`"object":{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"web-","annotations":{%s}},"spec":{"containers":[]}}}}`, uid, annotations)
}

// post sends a body and returns the status and the body of the answer.
func post(client *http.Client, url, contentType string, body io.Reader) (int, string, error) {
	response, err := client.Post(url, contentType, body)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// postInTime sends a body until it arrives within the time that the server gives it: on
// a busy machine the many that are sent at once may take longer.
func postInTime(client *http.Client, url string, body []byte) (status int, text string, err error) {
	status = http.StatusRequestTimeout
	for end := time.Now().Add(wait.Patience); status == http.StatusRequestTimeout && time.Now().Before(end); {
		if status, text, err = post(client, url, "application/json", bytes.NewReader(body)); err != nil {
			return 0, "", err
		}
	}
	return status, text, nil
}

// expectGood sends a good request, which must be answered rightly.
func expectGood(t *testing.T, s *server.Server, client *http.Client) {
	t.Helper()
	for annotations, want := range map[string]bool{
		`"v1.multus-cni.io/default-network":"kube-system/macvlan-overlay-vlan0"`: false,
		`"k8s.v1.cni.cncf.io/networks":"kube-system/macvlan-overlay-vlan0"`:      true,
	} {
		status, text, err := post(client, "https://"+s.Address+"/validate?timeout=30s", "application/json", strings.NewReader(podReview("good", annotations)))
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Response struct {
				UID     string
				Allowed bool
			}
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK || answer.Response.UID != "good" || answer.Response.Allowed != want {
			t.Errorf("a good request is answered with %d %s", status, text)
		}
	}
}

// expectLittleMemory compares the largest resident size that the server has had
// with what it may use.
func expectLittleMemory(t *testing.T, s *server.Server) {
	t.Helper()
	expectMemoryBelow(t, s, memoryLimit)
}

// expectMemoryBelow is expectLittleMemory with another limit.
func expectMemoryBelow(t *testing.T, s *server.Server, limit int) {
	t.Helper()
	peak := memory(t, s, "VmHWM")
	t.Logf("peak memory %d MiB", peak>>20)
	if peak > limit {
		t.Errorf("the server took %d MiB, %d are allowed", peak>>20, limit>>20)
	}
}

func TestGarbage(t *testing.T) {
	heavy(t)
	s, client := standalone(t, "apiVersion: v1\nkind: List\nitems: []\n")
	url := "https://" + s.Address + "/validate"
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	good := podReview("u", "")
	for _, test := range []struct {
		name, path, contentType string
		body                    io.Reader
		status                  int
		says                    string
	}{
		{"random bytes", "", "application/json", bytes.NewReader(random), 400, "not an AdmissionReview"},
		{"empty body", "", "application/json", strings.NewReader(""), 400, "not an AdmissionReview"},
		{"truncated", "", "application/json", strings.NewReader(good[:len(good)/2]), 400, "not an AdmissionReview"},
		{"100 MB", "", "application/json", bytes.NewReader(make([]byte, 100<<20)), 413, "larger than"},
		{"100 MB without a length", "", "application/json", io.MultiReader(bytes.NewReader(make([]byte, 100<<20))), 413, "larger than"},
		{"content type", "", "text/plain", strings.NewReader(good), 415, "application/json"},
		{"path", "/nowhere", "application/json", strings.NewReader(good), 404, "not found"},
		{"uid of the wrong type", "", "application/json", strings.NewReader(strings.Replace(good, `"uid":"u"`, `"uid":7`, 1)), 400, "uid"},
		{"no uid", "", "application/json", strings.NewReader(strings.Replace(good, `"uid":"u",`, ``, 1)), 400, "uid"},
		{"no request", "", "application/json", strings.NewReader(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`), 400, "no request"},
		{"another kind", "", "application/json", strings.NewReader(`{"apiVersion":"v1","kind":"Pod"}`), 400, "AdmissionReview"},
		{"brackets", "", "application/json", strings.NewReader(strings.Repeat("[", 10_000)), 400, "not an AdmissionReview"},
		{"brackets in the object", "", "application/json", strings.NewReader(strings.Replace(good, `"spec":{`, `"spec":{"x":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+",", 1)), 400, "depth"},
		{"brackets in an annotation", "", "application/json", strings.NewReader(podReview("u", `"k8s.v1.cni.cncf.io/networks":"`+strings.Repeat("[", 10_000)+`"`)), 200, "network-annotation-invalid"},
		{"an annotation of 256 KiB", "", "application/json", strings.NewReader(podReview("u", `"k8s.v1.cni.cncf.io/networks":"`+strings.Repeat("a,", 128<<10)+`"`)), 200, "network-annotation-invalid"},
		{"no pod", "", "application/json", strings.NewReader(strings.Replace(good, `"kind":"Pod"}`, `"kind":"ConfigMap"}`, 1)), 200, "checks pods"},
		{"annotations of the wrong type", "", "application/json", strings.NewReader(strings.Replace(good, `"annotations":{}`, `"annotations":7`, 1)), 200, "wrong type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := url
			if test.path != "" {
				target = "https://" + s.Address + test.path
			}
			status, text, err := post(client, target, test.contentType, test.body)
			// A client that is still sending when it is refused may see the
			// connection close instead of the answer.
			if err != nil {
				if test.status != http.StatusRequestEntityTooLarge {
					t.Fatal(err)
				}
				return
			}
			if status != test.status || !strings.Contains(text, test.says) {
				t.Errorf("answered with %d %.300s", status, text)
			}
			if status == http.StatusOK && strings.Contains(text, `"allowed":true`) {
				t.Errorf("let through: %.300s", text)
			}
		})
	}
	t.Run("get", func(t *testing.T) {
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "POST" {
			t.Errorf("GET is answered with %s", response.Status)
		}
	})
	t.Run("plain text on the TLS port", func(t *testing.T) {
		conn, err := net.Dial("tcp", s.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(random[:4096]); err != nil {
			t.Fatal(err)
		}
		// Whatever it says, it ends the connection.
		_, _ = io.Copy(io.Discard, conn)
	})
	t.Run("large bodies at once", func(t *testing.T) {
		body := []byte(strings.Replace(good, `"spec":{`, `"spec":{"x":"`+strings.Repeat("x", 6<<20)+`",`, 1))
		var senders sync.WaitGroup
		for range 20 {
			senders.Go(func() {
				status, text, err := postInTime(client, url, body)
				if err != nil {
					t.Error(err)
				} else if status != http.StatusOK && status != http.StatusServiceUnavailable {
					t.Errorf("answered with %d %.300s", status, text)
				}
			})
		}
		senders.Wait()
	})
	t.Run("hundreds of thousands of annotations at once", func(t *testing.T) {
		var annotations strings.Builder
		annotations.WriteString(`"k8s.v1.cni.cncf.io/networks":"kube-system/macvlan-overlay-vlan0"`)
		for i := range 300_000 {
			fmt.Fprintf(&annotations, `,"a%d":"b"`, i)
		}
		body := []byte(podReview("u", annotations.String()))
		var senders sync.WaitGroup
		for range 12 {
			senders.Go(func() {
				status, text, err := postInTime(client, url, body)
				if err != nil {
					t.Error(err)
				} else if status != http.StatusOK && status != http.StatusServiceUnavailable {
					t.Errorf("answered with %d %.300s", status, text)
				}
			})
		}
		senders.Wait()
	})
	expectGood(t, s, client)
	expectLittleMemory(t, s)
}

// Clients that never finish what they send are cut off, however many they are, and
// leave a server that answers.
func TestSlowClients(t *testing.T) {
	heavy(t)
	s, client := standalone(t, "apiVersion: v1\nkind: List\nitems: []\n")
	var clients sync.WaitGroup
	for i := range 300 { // several times what has a place
		clients.Go(func() {
			conn, err := tls.Dial("tcp", s.Address, client.Transport.(*http.Transport).TLSClientConfig)
			if err != nil {
				return // above the limit of connections, and out of patience
			}
			defer conn.Close()
			head := "POST /validate HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\n"
			switch i % 3 {
			case 0:
				head += "Content-Length: 6000000\r\n\r\n" + strings.Repeat("x", 100_000)
			case 1:
				head += "Content-Length: 65000\r\n\r\n" + strings.Repeat("x", 63_000)
			}
			// The server answers with an error or ends the connection, perhaps
			// before all of this is sent; a server that does neither lets this
			// wait for ever.
			_, _ = io.WriteString(conn, head)
			_, _ = io.Copy(io.Discard, conn)
		})
	}
	clients.Wait()
	expectGood(t, s, client)
	expectLittleMemory(t, s)
}

// A network that is too large to be checked is not read, and the pods on it are told so.
func TestLargeNetworkConfig(t *testing.T) {
	apart(t)
	config := `{"cniVersion":"0.3.1","x":"` + strings.Repeat("x", 1<<20) + `","plugins":[{"type":"macvlan"},{"type":"router"}]}`
	inventory := fmt.Sprintf("apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: large, namespace: kube-system}\nspec: {config: '%s'}\n", config)
	s, client := standalone(t, inventory)
	review := podReview("u", `"k8s.v1.cni.cncf.io/networks":"kube-system/large"`)
	status, text, err := post(client, "https://"+s.Address+"/validate", "application/json", strings.NewReader(review))
	if err != nil {
		t.Fatal(err)
	}
	if status != http.StatusOK || !strings.Contains(text, `"allowed":true`) || !strings.Contains(text, "too large to be checked: 1048") {
		t.Errorf("a pod on it: %d %s", status, text)
	}
	expectLittleMemory(t, s)
}

// After SIGTERM the server says that it is not ready, goes on answering, and
// ends by itself.
func TestDrain(t *testing.T) {
	apart(t)
	// Long enough for what follows on a busy machine; others run meanwhile.
	s, client := standalone(t, "apiVersion: v1\nkind: List\nitems: []\n", "--drain=15s")
	// A connection that is idle when the signal comes, as an API server keeps some.
	idle, err := tls.Dial("tcp", s.Address, client.Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	reader := bufio.NewReader(idle)
	sendOn(t, idle, reader)
	if err := s.Terminate(); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "not ready", func() bool {
		status, text, err := s.Probe(t.Context(), "/readyz")
		return err == nil && status == http.StatusServiceUnavailable && strings.Contains(text, "the server is stopping")
	})
	if response := sendOn(t, idle, reader); !response.Close {
		t.Error("the client is not told to take another connection")
	}
	response, err := client.Post("https://"+s.Address+"/validate", "application/json", strings.NewReader(podReview("u", "")))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("while draining: %s, connection closed: %t", response.Status, response.Close)
	}
	<-s.Exited()
	if s.Err() != nil {
		t.Errorf("the server ended with %v\n%s", s.Err(), s.Log())
	}
}

// sendOn sends a good request on a connection and reads the answer.
func sendOn(t *testing.T, conn net.Conn, reader *bufio.Reader) *http.Response {
	t.Helper()
	body := podReview("u", "")
	if _, err := fmt.Fprintf(conn, "POST /validate HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", response.Status, err)
	}
	return response
}

func TestTLSVersionsAndProtocol(t *testing.T) {
	apart(t)
	s, client := standalone(t, "apiVersion: v1\nkind: List\nitems: []\n")
	roots := client.Transport.(*http.Transport).TLSClientConfig.RootCAs
	for _, test := range []struct {
		max, want uint16
	}{{tls.VersionTLS13, tls.VersionTLS13}, {tls.VersionTLS12, tls.VersionTLS12}} {
		conn, err := tls.Dial("tcp", s.Address, &tls.Config{RootCAs: roots, MaxVersion: test.max, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		if state := conn.ConnectionState(); state.Version != test.want || state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("negotiated %s and %q", tls.VersionName(state.Version), state.NegotiatedProtocol)
		}
		conn.Close()
	}
	if conn, err := tls.Dial("tcp", s.Address, &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}}); err == nil {
		t.Errorf("HTTP/2 is accepted: %q", conn.ConnectionState().NegotiatedProtocol)
		conn.Close()
	}
	if _, err := tls.Dial("tcp", s.Address, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
}
