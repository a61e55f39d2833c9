package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// runCluster starts a real control plane with the webhook beside it, creates the
// pods with kubectl, and leaves all of it running until ctx ends.
func runCluster(ctx context.Context, pods []files.Object, out io.Writer) error {
	folder, err := os.MkdirTemp("", "macvlan-webhook-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	fmt.Fprintln(out, "Starting the control plane ...")
	cluster, err := controlplane.Start(ctx, controlplane.Options{ControllerManager: true, Dir: folder})
	if err != nil {
		return err
	}
	defer cluster.Stop()
	webhook, err := startBeside(ctx, cluster, folder)
	if err != nil {
		return err
	}
	defer webhook.Stop()

	fmt.Fprintln(out, "The webhook is installed as manifests/base has it, with the networks and pools of test/demo/examples/networks.yaml.")
	var seen tally
	for i := range pods {
		if err := introduce(out, &pods[i]); err != nil {
			return err
		}
		result, err := cluster.Kubectl(ctx, "", "create", "-f", pods[i].Path)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  $ kubectl create -f %s\n  %s\n", filepath.Base(pods[i].Path), indent(strings.TrimSpace(result.Stderr+result.Stdout)))
		seen.add(result.ExitCode == 0, strings.Contains(result.Stderr, "Warning: "))
		if result.ExitCode != 0 {
			continue
		}
		pools, err := deploy.Kubectl(ctx, cluster, "", "get", "-f", pods[i].Path, "-o", `jsonpath={.metadata.annotations.ipam\.spidernet\.io/ippools}`)
		if err != nil {
			return err
		}
		if pools != "" {
			fmt.Fprintf(out, "  it carries:\n    %s: %s\n", spiderpool.PoolsAnnotation, pools)
		}
	}
	assets, err := controlplane.Assets()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\nThe cluster runs until you press Ctrl-C. It has no nodes, so pods stay pending, and the webhook runs as a process beside it. In another terminal:\n", seen)
	for _, command := range []string{
		fmt.Sprintf("export KUBECONFIG=%s PATH=%s:%s:$PATH", cluster.Kubeconfig(), assets, filepath.Dir(server.Binary("kubectl-macvlan"))),
		"kubectl apply -f pod.yaml",
		fmt.Sprintf("kubectl edit configmap %s --namespace %s   # the configuration", deploy.PolicyConfigMap, deploy.Namespace),
		"tail -f " + filepath.Join(folder, logName),
		fmt.Sprintf("curl 'http://%s/readyz?verbose'", webhook.Probes),
		fmt.Sprintf("curl http://%s/metrics", webhook.Probes),
	} {
		fmt.Fprintln(out, verbatim+command)
	}
	return untilInterrupted(ctx, os.Stdin)
}

// logName is the file in the demo's folder with the log of the webhook.
const logName = "webhook.log"

// startBeside installs the manifests and the example networks, and runs the
// webhook with the identity that the manifests give it.
func startBeside(ctx context.Context, cluster *controlplane.ControlPlane, folder string) (*server.Server, error) {
	address, err := deploy.FreeAddress()
	if err != nil {
		return nil, err
	}
	if _, err := deploy.Kubectl(ctx, cluster, "", "apply", "-f", filepath.Join(examples(), "networks.yaml")); err != nil {
		return nil, err
	}
	if err := deploy.Base(ctx, cluster, address); err != nil {
		return nil, err
	}
	kubeconfig, err := cluster.KubeconfigForServiceAccount(ctx, deploy.Namespace, deploy.ServiceAccount)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(folder, deploy.PolicyKey)
	if err := mount(ctx, cluster, config); err != nil {
		return nil, err
	}
	webhook, err := server.Start(ctx, deploy.ServerFlags(kubeconfig, address, config)...)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(folder, logName))
	if err == nil {
		err = webhook.CopyLog(log)
	}
	if err == nil {
		err = webhook.WaitReady(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, webhook.Stop())
	}
	return webhook, nil
}
