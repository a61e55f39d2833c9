package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// examples is the folder with networks.yaml and the pods.
func examples() string { return filepath.Join(server.Root(), "test", "demo", "examples") }

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	onCluster := flags.Bool("cluster", false, "use a real control plane and kubectl, and leave it running until interrupted")
	if err := flags.Parse(args); err != nil {
		return err
	}
	pods, err := files.Read([]string{filepath.Join(examples(), "pods")}, nil)
	if err != nil {
		return err
	}
	if *onCluster {
		return runCluster(ctx, pods, out)
	}
	return runServer(ctx, pods, out)
}

// runServer asks a server without a cluster, as a kube-apiserver would.
func runServer(ctx context.Context, pods []files.Object, out io.Writer) error {
	folder, err := os.MkdirTemp("", "macvlan-webhook-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	client, flags, err := server.Certificate(folder)
	if err != nil {
		return err
	}
	webhook, err := server.Start(ctx, append(flags, "--inventory="+filepath.Join(examples(), "networks.yaml"), "--drain=0s")...)
	if err != nil {
		return err
	}
	defer webhook.Stop()
	if err := webhook.WaitReady(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "Each pod is sent to a webhook on this machine, which knows the networks and pools of test/demo/examples/networks.yaml.")
	var seen tally
	for i := range pods {
		if err := introduce(out, &pods[i]); err != nil {
			return err
		}
		answer, err := admit(ctx, client, "https://"+webhook.Address, &pods[i], out)
		if err != nil {
			return err
		}
		seen.add(answer.Allowed, len(answer.Warnings) > 0)
	}
	fmt.Fprintf(out, "\n%s\nTo check the same files, mistakes with line and column:\n    bin/kubectl-macvlan check -f test/demo/examples\n", seen)
	return nil
}

// tally counts what became of the pods.
type tally struct{ created, warned, refused int }

func (n *tally) add(created, warned bool) {
	switch {
	case !created:
		n.refused++
	case warned:
		n.warned++
		fallthrough
	default:
		n.created++
	}
}

func (n tally) String() string {
	return fmt.Sprintf("%d pods: %d created, %d of them with warnings, %d refused.", n.created+n.refused, n.created, n.warned, n.refused)
}

// ask sends the AdmissionReview that a kube-apiserver sends when the pod is
// created.
func ask(ctx context.Context, client *http.Client, url string, pod *files.Object) (*admissionv1.AdmissionResponse, error) {
	review := admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID:       types.UID(pod.Name),
			Kind:      metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
			Resource:  metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
			Namespace: "default",
			Name:      pod.Name,
			Operation: admissionv1.Create,
			Object:    runtime.RawExtension{Raw: pod.JSON},
		},
	}
	body, err := json.Marshal(review)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"?timeout=5s", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, err := io.ReadAll(answer.Body)
		return nil, errors.Join(fmt.Errorf("the webhook answered %s: %s", answer.Status, text), err)
	}
	review = admissionv1.AdmissionReview{}
	if err := json.NewDecoder(answer.Body).Decode(&review); err != nil {
		return nil, err
	}
	return review.Response, nil
}

// admit takes a pod through admission: what the mutating call adds is there when
// the validating call judges the pod. It prints and returns the latter's answer.
func admit(ctx context.Context, client *http.Client, url string, pod *files.Object, out io.Writer) (*admissionv1.AdmissionResponse, error) {
	mutation, err := ask(ctx, client, url+"/mutate", pod)
	if err != nil {
		return nil, err
	}
	if mutation.Patch != nil {
		patch, err := jsonpatch.DecodePatch(mutation.Patch)
		if err != nil {
			return nil, err
		}
		if pod.JSON, err = patch.Apply(pod.JSON); err != nil {
			return nil, err
		}
		added, err := annotations(pod)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "  filled in:\n    %s: %s\n", spiderpool.PoolsAnnotation, added[spiderpool.PoolsAnnotation])
	}
	r, err := ask(ctx, client, url+"/validate", pod)
	if err != nil {
		return nil, err
	}
	switch {
	case !r.Allowed:
		fmt.Fprintf(out, "  REFUSED: %s\n", indent(r.Result.Message))
	case len(r.Warnings) > 0:
		fmt.Fprintf(out, "  created, with warnings:\n  %s\n", indent(strings.Join(r.Warnings, "\n")))
	default:
		fmt.Fprintln(out, "  created")
	}
	return r, nil
}

func annotations(pod *files.Object) (map[string]string, error) {
	var shape struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	err := json.Unmarshal(pod.JSON, &shape)
	return shape.Metadata.Annotations, err
}

// introduce prints the pod's name and annotations.
func introduce(out io.Writer, pod *files.Object) error {
	values, err := annotations(pod)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\npod %s\n", pod.Name)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(out, "    %s: %s\n", key, values[key])
	}
	return nil
}

func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n  ") }
