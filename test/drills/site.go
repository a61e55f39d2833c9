package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// replicas is how many servers there are.
const replicas = 3

//go:embed networks.yaml
var networks string

// networkMaker may make networks that no pod can be attached to.
const networkMaker = "network-maker"

const policyConfig = `
apiVersion: macvlan-webhook.io/v1alpha1
kind: PolicyConfig
exempt: {users: [` + networkMaker + `]}
`

// site is a control plane with the manifests applied, and during a drill replicas and a
// load.
type site struct {
	*controlplane.ControlPlane
	scale   scale
	folder  string
	config  string // of the replicas
	service *service
	// api is the way from the replicas to the API server, and cutOff says that it is cut.
	api    *forwarder
	cutOff atomic.Bool

	rest    *rest.Config
	client  *http.Client // to the API server, as administrator
	cluster kubernetes.Interface
	dynamic dynamic.Interface // as networkMaker

	// Of the drill that runs.
	flags   []string
	retired sync.WaitGroup
	load    *load
	counts  counts
	// uncounted calls were answered while no metrics could be read.
	uncounted int

	mu       sync.Mutex
	running  []*server.Server
	problems []string
	notes    []string
	peak     int
}

// newSite starts a site. What it returns has to be closed, also after an error.
func newSite(ctx context.Context, scale scale) (*site, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	s := &site{scale: scale}
	return s, s.start(ctx)
}

func (s *site) start(ctx context.Context) (err error) {
	if s.folder, err = os.MkdirTemp("", "drills-"); err != nil {
		return err
	}
	s.config = filepath.Join(s.folder, "policy.yaml")
	if err = os.WriteFile(s.config, []byte(policyConfig), 0o600); err != nil {
		return err
	}
	if s.ControlPlane, err = controlplane.Start(ctx, controlplane.Options{Dir: s.folder}); err != nil {
		return err
	}
	s.rest = s.Config()
	s.rest.Host = strings.TrimSuffix(s.rest.Host, "/")
	s.rest.QPS = -1
	s.rest.WarningHandler = rest.NoWarnings{}
	if s.client, err = rest.HTTPClientFor(s.rest); err != nil {
		return err
	}
	if s.cluster, err = kubernetes.NewForConfig(s.rest); err != nil {
		return err
	}
	exempt := rest.CopyConfig(s.rest)
	exempt.Impersonate = rest.ImpersonationConfig{UserName: networkMaker, Groups: []string{"system:masters"}}
	if s.dynamic, err = dynamic.NewForConfig(exempt); err != nil {
		return err
	}
	if s.service, err = newService(); err != nil {
		return err
	}
	apiServer, err := url.Parse(s.rest.Host)
	if err != nil {
		return err
	}
	if s.api, err = newForwarder(func() (string, bool) { return apiServer.Host, !s.cutOff.Load() }); err != nil {
		return err
	}
	if _, err = deploy.Kubectl(ctx, s.ControlPlane, "", "create", "namespace", namespace); err != nil {
		return err
	}
	return s.scale.apply(ctx, s.ControlPlane, s.service.address())
}

func (s *site) close() {
	s.clear()
	if s.service != nil {
		s.service.close()
	}
	if s.api != nil {
		s.api.close()
	}
	if s.ControlPlane != nil {
		_ = s.Stop()
	}
	_ = os.RemoveAll(s.folder)
}

// clear ends the replicas.
func (s *site) clear() {
	for _, r := range slices.Clone(s.running) {
		s.forget(r)
		_ = r.Stop()
	}
	s.retired.Wait()
	if s.service != nil {
		s.service.cut()
	}
}

// open prepares the site for a drill: networks, a CA of its own and new replicas with more
// flags.
func (s *site) open(ctx context.Context, flags []string) error {
	s.clear()
	s.flags, s.counts, s.uncounted, s.problems, s.notes, s.peak = flags, counts{}, 0, nil, nil, 0
	if _, err := deploy.Kubectl(ctx, s.ControlPlane, networks, "apply", "-f", "-"); err != nil {
		return err
	}
	err := s.cluster.CoreV1().Secrets(deploy.Namespace).Delete(ctx, caSecret, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	err = s.cluster.CoreV1().Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: ptr.To(int64(0))}, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var starting sync.WaitGroup
	errs := make([]error, replicas)
	for i := range errs {
		starting.Go(func() { _, errs[i] = s.grow(ctx) })
	}
	starting.Wait()
	return errors.Join(errs...)
}

// grow starts one more replica and waits until the Service sends it something.
func (s *site) grow(ctx context.Context) (*server.Server, error) {
	kubeconfig, err := s.kubeconfig(ctx)
	if err != nil {
		return nil, err
	}
	r, err := server.Start(ctx, append(deploy.ServerFlags(kubeconfig, "127.0.0.1:0", s.config), s.flags...)...)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.running = append(s.running, r)
	s.mu.Unlock()
	s.service.add(r)
	if err := wait.For("a new replica is ready", func() bool { return s.service.ready(r) }); err != nil {
		_, report, _ := r.Probe(ctx, "/readyz?verbose")
		return r, fmt.Errorf("%w\n%s\n%s", err, report, r.Log())
	}
	return r, nil
}

// kubeconfig is one of the server's ServiceAccount, through the way that can be cut.
func (s *site) kubeconfig(ctx context.Context) (string, error) {
	path, err := s.KubeconfigForServiceAccount(ctx, deploy.Namespace, deploy.ServiceAccount)
	if err != nil {
		return "", err
	}
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		return "", err
	}
	for _, cluster := range config.Clusters {
		cluster.Server = "https://" + s.api.address()
	}
	return path, clientcmd.WriteToFile(*config, path)
}

// all are the replicas that run.
func (s *site) all() []*server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.running)
}

// forget takes a replica from those that run, after a last look at it.
func (s *site) forget(r *server.Server) {
	s.inspect(r)
	s.service.remove(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = slices.DeleteFunc(s.running, func(other *server.Server) bool { return other == r })
}

// retire asks a replica to stop, as the kubelet does when its pod is deleted. It may take its
// time.
func (s *site) retire(r *server.Server) error {
	s.inspect(r)
	if err := r.Terminate(); err != nil {
		return err
	}
	s.retired.Go(func() {
		<-r.Exited()
		if r.Err() != nil {
			s.problem("a replica that was asked to stop ended with %v", r.Err())
		}
		s.forget(r)
	})
	return nil
}

// kill ends a replica at once and waits until the Service has noticed.
func (s *site) kill(r *server.Server) error {
	s.inspect(r)
	if err := r.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-r.Exited()
	err := wait.For("the killed replica is out of the Service", func() bool { return !s.service.ready(r) })
	s.forget(r)
	return err
}

// inspect notes the memory of a replica and whether it has panicked.
func (s *site) inspect(r *server.Server) {
	// It is gone after it was killed.
	if peak, err := r.Memory("VmHWM"); err == nil {
		s.mu.Lock()
		s.peak = max(s.peak, peak)
		s.mu.Unlock()
	}
	for line := range strings.Lines(r.Log()) {
		if strings.Contains(line, "panic") {
			s.problem("a replica panicked: %.300s", line)
		}
	}
}

// problem notes that a promise is broken.
func (s *site) problem(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.problems, text) {
		s.problems = append(s.problems, text)
	}
}

// note is for the table.
func (s *site) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}
