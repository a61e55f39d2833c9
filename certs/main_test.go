package certs

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedv1 "k8s.io/client-go/kubernetes/typed/admissionregistration/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/macvlan-webhook/macvlan-webhook/test/reaper"
)

// controlPlane is a real API server, started once for the package.
var controlPlane *envtest.Environment

func TestMain(m *testing.M) {
	os.Exit(func() int {
		// Each of a fuzzer's worker processes comes through here, and what is
		// fuzzed needs no API server.
		flag.Parse()
		if flag.Lookup("test.fuzz").Value.String() != "" {
			return m.Run()
		}
		if os.Getenv("KUBEBUILDER_ASSETS") == "" {
			fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test`, or set KUBEBUILDER_ASSETS to the folder "+
				"with etcd and kube-apiserver; `make controlplane` builds them")
			return 1
		}
		if err := reaper.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		controlPlane = &envtest.Environment{}
		if _, err := controlPlane.Start(); err != nil {
			fmt.Fprintln(os.Stderr, "start the control plane:", err)
			return 1
		}
		status := m.Run()
		if err := controlPlane.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the control plane:", err)
			return 1
		}
		return status
	}())
}

// epoch is the time at which the tests' clocks start. It lies in the present,
// because the API server and Go's TLS client check certificates against the
// real time.
var epoch = time.Now().Truncate(time.Second)

// clock is a clock that moves when it is told to.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return epoch.Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// cluster is what one test uses of the API server: a namespace of its own, and
// webhook configurations whose names begin with the namespace's name.
type cluster struct {
	t         *testing.T
	namespace string
	secrets   typedcorev1.SecretInterface
	webhooks  typedv1.AdmissionregistrationV1Interface
	clock     *clock
	lives     lifetimes        // zero for the usual ones
	log       *strings.Builder // what the replicas log
	logger    *slog.Logger
	// interrupt is called with every request of a replica before it is sent. An
	// error takes the place of the answer.
	interrupt atomic.Pointer[func(*http.Request) error]
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	core, registration := clients(t, controlPlane.Config)
	namespace, err := core.Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "certs-"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	return &cluster{
		t:         t,
		namespace: namespace.Name,
		secrets:   core.Secrets(namespace.Name),
		webhooks:  registration,
		clock:     &clock{},
		log:       &log,
		logger:    slog.New(slog.NewTextHandler(&log, nil)),
	}
}

func clients(t *testing.T, config *rest.Config) (*typedcorev1.CoreV1Client, *typedv1.AdmissionregistrationV1Client) {
	t.Helper()
	config = rest.CopyConfig(config)
	config.QPS = -1
	core, err := typedcorev1.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	registration, err := typedv1.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return core, registration
}

// replica is a SelfSigned for the cluster's Secret "ca" and one configuration
// of each kind.
func (c *cluster) replica() *SelfSigned {
	c.t.Helper()
	return c.replicaAs(controlPlane.Config)
}

func (c *cluster) replicaAs(config *rest.Config) *SelfSigned {
	c.t.Helper()
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			if interrupt := c.interrupt.Load(); interrupt != nil {
				if err := (*interrupt)(request); err != nil {
					return nil, err
				}
			}
			return next.RoundTrip(request)
		})
	})
	core, registration := clients(c.t, config)
	s, err := NewSelfSigned(SelfOptions{
		Secrets:                  core,
		Webhooks:                 registration,
		Namespace:                c.namespace,
		SecretName:               "ca",
		DNSNames:                 testNames,
		IPs:                      testIPs,
		ValidatingConfigurations: []string{c.namespace},
		MutatingConfigurations:   []string{c.namespace},
		CALifetime:               c.lives.ca,
		ServingLifetime:          c.lives.serving,
		Clock:                    c.clock.now,
		Logger:                   c.logger,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

var errUnplugged = errors.New("unplugged")

// unplug makes the API server unreachable for the replicas, plug undoes it.
func (c *cluster) unplug() {
	c.before(func(*http.Request) error { return errUnplugged })
}

func (c *cluster) plug() { c.interrupt.Store(nil) }

func (c *cluster) before(f func(*http.Request) error) { c.interrupt.Store(&f) }

// beforeFirst calls f once, before the first request with the method.
func (c *cluster) beforeFirst(method string, f func()) {
	done := false
	c.before(func(request *http.Request) error {
		if request.Method == method && !done {
			done = true
			f()
		}
		return nil
	})
}

func (c *cluster) reconcile(s *SelfSigned) {
	c.t.Helper()
	if err := s.Reconcile(context.Background()); err != nil {
		c.t.Fatalf("Reconcile: %v", err)
	}
}

// settle has each replica see what is published, and again when it has stood there for long
// enough.
func (c *cluster) settle(replicas ...*SelfSigned) {
	c.t.Helper()
	for range 2 {
		for _, s := range replicas {
			c.reconcile(s)
		}
		c.clock.advance(replicas[0].lives.settling())
	}
	for _, s := range replicas {
		c.reconcile(s)
	}
}

func (c *cluster) secret() *corev1.Secret {
	c.t.Helper()
	secret, err := c.secrets.Get(c.t.Context(), "ca", metav1.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	return secret
}

func (c *cluster) createSecret(kind corev1.SecretType, content map[string][]byte) {
	c.t.Helper()
	_, err := c.secrets.Create(c.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "ca"}, Type: kind, Data: content,
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
}

// putCA plays the administrator who replaces the CA.
func (c *cluster) putCA(ca *CA, bundle []byte) {
	c.t.Helper()
	secret := c.secret()
	secret.Data = secretContent(ca)
	secret.Data[keyBundle] = bundle
	if _, err := c.secrets.Update(c.t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

func secretContent(ca *CA) map[string][]byte {
	return map[string][]byte{keyCert: ca.CertPEM(), keyPrivate: ca.KeyPEM(), keyBundle: ca.BundlePEM()}
}
