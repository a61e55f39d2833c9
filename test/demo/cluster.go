package main

import (
	"context"
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
	kubectl, err := controlplane.Assets()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\nThe cluster runs until you interrupt it. Try your own pods:\n    %s --kubeconfig %s create -f pod.yaml\n", seen,
		filepath.Join(kubectl, "kubectl"), cluster.Kubeconfig())
	<-ctx.Done()
	return nil
}

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
	config := filepath.Join(folder, "policy.yaml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return nil, err
	}
	webhook, err := server.Start(ctx, deploy.ServerFlags(kubeconfig, address, config)...)
	if err != nil {
		return nil, err
	}
	return webhook, webhook.WaitReady(ctx)
}
