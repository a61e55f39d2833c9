package certs

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// TestCalled has the API server call a webhook that serves the certificate,
// which is what the package is for.
func TestCalled(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	s := c.replica()
	w := newCallee(c, s)

	// At first the certificate is signed, but no configuration trusts it.
	c.before(func(request *http.Request) error {
		if request.Method == http.MethodPatch {
			return errUnplugged
		}
		return nil
	})
	c.failing(s, "write caBundle of ")
	w.point()
	w.await("x509: certificate signed by unknown authority")
	if len(w.called()) != 0 {
		t.Fatalf("%v were called before they were trusted", w.called())
	}
	c.plug()
	c.reconcile(s)
	w.await("")

	// An administrator replaces the CA by hand. From the first step to the last, no call
	// may fail.
	old, next := s.CA(), mustCA(t, epoch)
	both := slices.Concat(old.BundlePEM(), next.BundlePEM())
	for _, step := range []struct {
		name   string
		signer *CA
		bundle []byte
	}{
		{"both trusted", old, both},
		{"signed by the new one", next, both},
		{"the old one gone", next, next.BundlePEM()},
	} {
		c.putCA(step.signer, step.bundle)
		c.settle(s)
		if !s.CA().Certificate().Equal(step.signer.Certificate()) {
			t.Fatalf("%s: another CA signed", step.name)
		}
		// Changes arrive at the API server in order: once it calls the new
		// paths, it has the bundle that was written before them.
		w.point()
		for range 1000 {
			if err := w.create(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if w.reached() {
				break
			}
		}
		if !w.reached() {
			t.Fatalf("%s: the API server does not call the webhooks: %v", step.name, w.called())
		}
	}
}

// callee is a webhook server behind the second webhook of both configurations,
// which allows what it is asked.
type callee struct {
	*cluster
	url     string
	maps    typedcorev1.ConfigMapInterface
	version int // part of the path at which it is called
	lock    sync.Mutex
	paths   map[string]int
}

func newCallee(c *cluster, s *SelfSigned) *callee {
	c.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	core, _ := clients(c.t, controlPlane.Config)
	w := &callee{cluster: c, url: "https://" + listener.Addr().String(), maps: core.ConfigMaps(c.namespace), paths: map[string]int{}}
	server := &http.Server{
		Handler:   w,
		TLSConfig: &tls.Config{GetCertificate: s.GetCertificate, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}},
		ErrorLog:  log.New(io.Discard, "", 0), // handshakes are refused on purpose
	}
	// Each call dials again, so that each looks at the certificate.
	server.SetKeepAlivesEnabled(false)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.ServeTLS(listener, "", ""); err != http.ErrServerClosed {
			c.t.Errorf("serve: %v", err)
		}
	})
	c.t.Cleanup(func() {
		if err := server.Close(); err != nil {
			c.t.Error(err)
		}
		serving.Wait()
	})
	return w
}

func (w *callee) ServeHTTP(out http.ResponseWriter, request *http.Request) {
	w.lock.Lock()
	w.paths[request.URL.Path]++
	w.lock.Unlock()
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(request.Body).Decode(&review); err != nil || review.Request == nil {
		w.t.Errorf("%s: no review: %v", request.URL.Path, err)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	if err := json.NewEncoder(out).Encode(review); err != nil {
		w.t.Errorf("%s: %v", request.URL.Path, err)
	}
}

// point has the configurations call the server at a new path each.
func (w *callee) point() {
	w.t.Helper()
	w.version++
	for _, resource := range kinds {
		w.patch(resource, fmt.Sprintf(`[{"op":"replace","path":"/webhooks/1/clientConfig/url","value":"%s/%s/%d"}]`, w.url, resource, w.version))
	}
}

// create makes an object that the webhooks are asked about.
func (w *callee) create() error {
	_, err := w.maps.Create(w.t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "map-"}}, metav1.CreateOptions{})
	return err
}

// await creates objects until that fails as wanted, or with "" succeeds. The
// API server learns of a changed configuration a moment late.
func (w *callee) await(want string) {
	w.t.Helper()
	var err error
	for range 1000 {
		if err = w.create(); want == "" && err == nil || want != "" && err != nil && strings.Contains(err.Error(), want) {
			return
		}
	}
	w.t.Fatalf("error %v, want %q", err, want)
}

func (w *callee) called() map[string]int {
	w.lock.Lock()
	defer w.lock.Unlock()
	return maps.Clone(w.paths)
}

// reached says whether both kinds were called at the newest paths.
func (w *callee) reached() bool {
	called := w.called()
	for _, resource := range kinds {
		if called[fmt.Sprintf("/%s/%d", resource, w.version)] == 0 {
			return false
		}
	}
	return true
}
