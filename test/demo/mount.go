package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
)

// mount keeps a file as the ConfigMap of the manifests has it, until ctx ends: what a
// kubelet does for the webhook in a cluster with nodes. It returns when the file is there.
func mount(ctx context.Context, cluster *controlplane.ControlPlane, file string) error {
	client, err := kubernetes.NewForConfig(cluster.Config())
	if err != nil {
		return err
	}
	write := func(object any) {
		text := object.(*corev1.ConfigMap).Data[deploy.PolicyKey]
		// In one step: the webhook may read at any moment.
		next := file + ".next"
		if err := errors.Join(os.WriteFile(next, []byte(text), 0o600), os.Rename(next, file)); err != nil {
			fmt.Fprintln(os.Stderr, "demo: the configuration is not brought to the webhook:", err)
		}
	}
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "configmaps", deploy.Namespace,
			fields.OneTermEqualSelector("metadata.name", deploy.PolicyConfigMap)),
		ObjectType: &corev1.ConfigMap{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    write,
			UpdateFunc: func(_, object any) { write(object) },
		},
	})
	go informer.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return ctx.Err()
	}
	return nil
}
