package links

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	facts "github.com/macvlan-webhook/macvlan-webhook/policy/links"
)

// ServiceAccount is where pods find the credentials of theirs.
const ServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

const (
	// patience is the time for one request, with everything before it.
	patience = 30 * time.Second
	// mostAnswer bounds what is read of an answer, in bytes. Metadata is less:
	// etcd takes no object of more than 1.5 MiB.
	mostAnswer = 2 << 20
	// onlyMetadata leaves out what is most of a Node: the images on it.
	onlyMetadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
)

// Server is the API server, as a pod reaches it.
type Server struct {
	// Getenv gives the address: KUBERNETES_SERVICE_HOST and
	// KUBERNETES_SERVICE_PORT, which every container has.
	Getenv func(string) string
	// Folder holds token and ca.crt. They are read for each request, as the kubelet
	// puts new ones in their place.
	Folder string
	// UserAgent is what the audit log says.
	UserAgent string
}

// published returns the annotation of a Node, "" if it has none. It may be older
// than the latest: the API server answers from its cache.
func (s *Server) published(ctx context.Context, node string) (string, error) {
	answer, err := s.do(ctx, http.MethodGet, node, "resourceVersion=0", nil)
	if err != nil {
		return "", fmt.Errorf("read Node %q: %w", node, err)
	}
	var object struct {
		Metadata struct{ Annotations map[string]string }
	}
	if err := json.Unmarshal(answer, &object); err != nil {
		return "", fmt.Errorf("read Node %q: %w", node, err)
	}
	return object.Metadata.Annotations[facts.Annotation], nil
}

// publish sets the annotation of a Node, and nothing else of it.
func (s *Server) publish(ctx context.Context, node, value string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{facts.Annotation: value}}})
	if err != nil {
		return fmt.Errorf("write the patch of Node %q: %w", node, err)
	}
	if _, err := s.do(ctx, http.MethodPatch, node, "fieldManager=macvlan-installer", patch); err != nil {
		return fmt.Errorf("patch Node %q: %w", node, err)
	}
	return nil
}

func (s *Server) do(ctx context.Context, method, node, query string, patch []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	host, port := s.Getenv("KUBERNETES_SERVICE_HOST"), s.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errors.New("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not both set: links can only be published from within a cluster")
	}
	target := url.URL{Scheme: "https", Host: net.JoinHostPort(host, port), RawQuery: query}
	target = *target.JoinPath("api/v1/nodes", url.PathEscape(node))
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(patch))
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(filepath.Join(s.Folder, "token"))
	if err != nil {
		return nil, fmt.Errorf("read the service account's token: %w: manifests/installer/node-facts mounts it", err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Accept", onlyMetadata)
	request.Header.Set("User-Agent", s.UserAgent)
	if patch != nil {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, refusal(response, answer)
	}
	return answer, nil
}

// client is made for each request, and keeps no connection: minutes pass between
// them, and the authority may be another one then.
func (s *Server) client() (*http.Client, error) {
	file := filepath.Join(s.Folder, "ca.crt")
	bundle, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authority: %w: manifests/installer/node-facts mounts it", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(bundle) {
		return nil, fmt.Errorf("read the certificate authority: %s has no certificate", file)
	}
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: authorities},
			DisableKeepAlives: true,
		},
		// The token is for this server.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// refusal says what the API server said, and what is probably to be done.
func refusal(response *http.Response, answer []byte) error {
	var status struct{ Message string }
	// Where something else answers, the status line is what there is.
	_ = json.Unmarshal(answer, &status)
	err := fmt.Errorf("the API server answers %s: %s", response.Status, cmp.Or(status.Message, "no reason given"))
	switch response.StatusCode {
	case http.StatusForbidden:
		err = fmt.Errorf("%w: apply manifests/installer/node-facts, which permits this to a pod on that node", err)
	case http.StatusNotFound:
		err = fmt.Errorf("%w: --node-name must be the Node that the pod runs on", err)
	}
	return err
}
