package controlplane

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/test/reaper"
)

// startTimeout and stopTimeout bound the start and the end of each program. It
// starts in 4 s on an idle machine; the race detector's builds on two shared
// cores make that many times longer.
const (
	startTimeout = 2 * time.Minute
	stopTimeout  = time.Minute
)

//go:embed crds/*.yaml
var crds embed.FS

// Options say what runs beside etcd and the API server, and how. The zero value
// is an API server with RBAC and the CRDs of this package.
type Options struct {
	// ControllerManager starts kube-controller-manager: Deployments get their
	// pods, namespaces their default ServiceAccount, deleted owners take their
	// objects along.
	ControllerManager bool
	// Scheduler starts kube-scheduler. Without nodes it marks pods as
	// unschedulable.
	Scheduler bool
	// Audit makes the API server log every request, without bodies. See
	// ControlPlane.AuditLog.
	Audit bool
	// APIServerArgs are flags of kube-apiserver, without the dashes, in addition
	// to the defaults or in place of the default of the same name.
	APIServerArgs map[string][]string
	// Dir is where kubeconfig files and logs go. It must exist, and what is in it
	// stays when the control plane stops. When Dir is empty a temporary folder is
	// used, and removed.
	Dir string
}

// ControlPlane is a running control plane. Its methods may be called from
// several goroutines, Stop apart.
type ControlPlane struct {
	assets     string
	dir        string // for files that callers may read
	temporary  string // removed by Stop; dir may be the same
	audit      bool
	env        *envtest.Environment
	client     kubernetes.Interface
	kubeconfig string
	controller *program
	scheduler  *program
	users      sync.Mutex // envtest's authority counts its certificates without a lock
}

// Start runs a control plane with the programs that Assets finds, and returns
// when it serves and its CRDs are established. ctx bounds the start only; the
// caller ends the control plane with Stop. It ends by itself when this process does.
//
// The admission plugin ServiceAccount is off, as in envtest: pods can be created
// in a namespace the moment it exists, and carry no token volume.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	assets, err := Assets()
	if err != nil {
		return nil, err
	}
	if err := reaper.Start(); err != nil {
		return nil, err
	}
	temporary, err := os.MkdirTemp("", "controlplane-")
	if err != nil {
		return nil, fmt.Errorf("make the control plane's folder: %w", err)
	}
	c := &ControlPlane{assets: assets, dir: cmp.Or(options.Dir, temporary), temporary: temporary, audit: options.Audit}
	if err := c.start(ctx, options); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context, options Options) error {
	definitions, err := embeddedCRDs()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(c.dir, "kube-apiserver.log"))
	if err != nil {
		return fmt.Errorf("make the API server's log: %w", err)
	}
	// The process has a descriptor of its own once it runs.
	defer log.Close()

	env := &envtest.Environment{
		BinaryAssetsDirectory:    c.assets,
		CRDs:                     definitions,
		ControlPlaneStartTimeout: startTimeout,
		ControlPlaneStopTimeout:  stopTimeout,
	}
	server := env.ControlPlane.GetAPIServer()
	server.Out, server.Err = log, log
	// envtest would make a folder, and leave it when the server does not start.
	server.CertDir = filepath.Join(c.temporary, "certificates")
	if err := os.Mkdir(server.CertDir, 0o700); err != nil {
		return fmt.Errorf("make the API server's folder: %w", err)
	}
	if options.Audit {
		policy := filepath.Join(c.dir, "audit-policy.yaml")
		if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
			return fmt.Errorf("write the audit policy: %w", err)
		}
		server.Configure().Set("audit-policy-file", policy).Set("audit-log-path", c.AuditLog())
	}
	for name, values := range options.APIServerArgs {
		server.Configure().Set(name, values...)
	}

	if err := ctx.Err(); err != nil {
		return fmt.Errorf("start the API server: %w", err)
	}
	c.env = env
	if _, err := env.Start(); err != nil {
		return fmt.Errorf("start the API server: %w; the end of its log: %s", err, tail(log.Name()))
	}
	if c.client, err = kubernetes.NewForConfig(env.Config); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if c.kubeconfig, err = c.writeKubeconfig("admin", env.KubeConfig); err != nil {
		return err
	}
	if options.ControllerManager {
		// Each controller acts under a ServiceAccount of its own, which RBAC has
		// roles for; the manager itself may do little.
		c.controller, err = c.startProgram(ctx, "kube-controller-manager", "--use-service-account-credentials",
			"--service-account-private-key-file="+filepath.Join(server.CertDir, "sa-signer.key"))
		if err != nil {
			return err
		}
	}
	if options.Scheduler {
		if c.scheduler, err = c.startProgram(ctx, "kube-scheduler"); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends all programs and removes what is temporary. It reports a program
// that had ended before, with the end of its log.
func (c *ControlPlane) Stop() error {
	var failures []error
	for _, p := range []*program{c.scheduler, c.controller} {
		if p != nil {
			failures = append(failures, p.stop())
		}
	}
	c.scheduler, c.controller = nil, nil
	if c.env != nil {
		if err := c.env.Stop(); err != nil {
			failures = append(failures, fmt.Errorf("stop the API server: %w", err))
		}
		c.env = nil
	}
	if err := os.RemoveAll(c.temporary); err != nil {
		failures = append(failures, fmt.Errorf("remove the control plane's folder: %w", err))
	}
	return errors.Join(failures...)
}

// Config returns a client configuration for an administrator, whom RBAC allows
// everything. It is the caller's to change.
func (c *ControlPlane) Config() *rest.Config { return rest.CopyConfig(c.env.Config) }

// InstallCRDs applies the CustomResourceDefinitions in files and folders and
// waits until they are established.
func (c *ControlPlane) InstallCRDs(paths ...string) error {
	_, err := envtest.InstallCRDs(c.env.Config, envtest.CRDInstallOptions{
		Paths: paths, ErrorIfPathMissing: true, MaxTime: startTimeout,
	})
	if err != nil {
		return fmt.Errorf("install CRDs: %w", err)
	}
	return nil
}

func embeddedCRDs() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	entries, err := crds.ReadDir("crds")
	if err != nil {
		return nil, fmt.Errorf("read the CRDs: %w", err)
	}
	var definitions []*apiextensionsv1.CustomResourceDefinition
	for _, entry := range entries {
		text, err := crds.ReadFile("crds/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read the CRDs: %w", err)
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, definition); err != nil {
			return nil, fmt.Errorf("read CRD %q: %w", entry.Name(), err)
		}
		definitions = append(definitions, definition)
	}
	return definitions, nil
}

// tail returns the last lines of a log, for an error message.
func tail(path string) string {
	const most = 2000
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		if _, err := file.Seek(max(0, size-most), io.SeekStart); err != nil {
			return err.Error()
		}
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
