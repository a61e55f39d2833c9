#!/usr/bin/env bash
# Server-side apply: a deployer cannot remove a webhook whose caBundle somebody else applies.
#
# Package: k8s.io/client-go v0.37.2 (its fake clientset merges as an API server does), with
#          sigs.k8s.io/structured-merge-diff at the version that it asks for.
# Source:  structured-merge-diff, merge/update.go, Updater.prune and addBackOwnedItems: an item of a list stays when
#          another manager owns it. Who applies a field of an item owns the item as well, by its key; who updates or
#          patches the same field owns that alone, and it goes with the item.
# Guess:   the one who deploys a webhook configuration owns its webhooks, and a webhook that is no longer in what is
#          applied goes, whoever has written its caBundle, and however.
# Happens: where the caBundle was applied, the webhook stays as a stump of a name and a caBundle. An API server
#          refuses the whole apply then ("sideEffects: Required value"), with --force-conflicts too.
#          Where the same caBundle was patched in, the webhook goes.
# Needs:   Go.
set -euo pipefail

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
export GOMODCACHE=${GOMODCACHE:-$dir/mod}

mkdir "$dir/finding"
cd "$dir/finding"
cat >main.go <<'PROGRAM'
package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func deployed(names ...string) *apply.ValidatingWebhookConfigurationApplyConfiguration {
	c := apply.ValidatingWebhookConfiguration("c")
	for _, name := range names {
		c.WithWebhooks(apply.ValidatingWebhook().WithName(name).WithSideEffects("None").WithAdmissionReviewVersions("v1").
			WithClientConfig(apply.WebhookClientConfig().WithURL("https://webhook.example/" + name)))
	}
	return c
}

func main() {
	ctx := context.Background()
	for _, way := range []string{"apply", "patch"} {
		api := fake.NewClientset().AdmissionregistrationV1().ValidatingWebhookConfigurations()
		if _, err := api.Apply(ctx, deployed("a.example.com", "b.example.com"), metav1.ApplyOptions{FieldManager: "deployer"}); err != nil {
			panic(err)
		}
		var err error
		if way == "apply" {
			c := apply.ValidatingWebhookConfiguration("c")
			for _, name := range []string{"a.example.com", "b.example.com"} {
				c.WithWebhooks(apply.ValidatingWebhook().WithName(name).WithClientConfig(apply.WebhookClientConfig().WithCABundle([]byte("CA")...)))
			}
			_, err = api.Apply(ctx, c, metav1.ApplyOptions{FieldManager: "injector", Force: true})
		} else {
			_, err = api.Patch(ctx, "c", types.JSONPatchType, []byte(`[{"op":"add","path":"/webhooks/0/clientConfig/caBundle","value":"Q0E="},`+
				`{"op":"add","path":"/webhooks/1/clientConfig/caBundle","value":"Q0E="}]`), metav1.PatchOptions{FieldManager: "injector"})
		}
		if err != nil {
			panic(err)
		}
		left, err := api.Apply(ctx, deployed("a.example.com"), metav1.ApplyOptions{FieldManager: "deployer", Force: true})
		fmt.Println("caBundle by", way)
		if err != nil {
			fmt.Println("   error:", err)
			continue
		}
		for _, w := range left.Webhooks {
			url := "none"
			if w.ClientConfig.URL != nil {
				url = *w.ClientConfig.URL
			}
			fmt.Printf("   %s: url %s, caBundle %q, sideEffects %t\n", w.Name, url, w.ClientConfig.CABundle, w.SideEffects != nil)
		}
	}
}
PROGRAM
go mod init finding
go get k8s.io/client-go@v0.37.2
go mod tidy

said=$(go run -trimpath .)
echo "$said"

[[ $said == 'caBundle by apply
   a.example.com: url https://webhook.example/a.example.com, caBundle "CA", sideEffects true
   b.example.com: url none, caBundle "CA", sideEffects false
caBundle by patch
   a.example.com: url https://webhook.example/a.example.com, caBundle "CA", sideEffects true' ]] || { echo "changed: this is no longer what happens" >&2; exit 1; }
