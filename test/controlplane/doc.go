// Package controlplane runs a real Kubernetes control plane for tests: etcd and
// kube-apiserver, and on request kube-controller-manager and kube-scheduler. It
// has no nodes, so pods are created and scheduled at most, never run.
//
// The programs come from Go modules; the module in the folder build pins them,
// and its script builds them.
package controlplane
