package inventory

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
)

// poolsPerPage bounds what a list takes up at once. The status of a pool names each
// address in use with the pod behind it, some 100 bytes: a /24 has up to 25 KB, and a
// page of such pools 6 MB.
const poolsPerPage = 250

// Pools are Spiderpool's IP pools.
var Pools = Kind{
	GroupVersionResource: SpiderpoolVersion.WithResource("spiderippools"), Name: "SpiderIPPool",
	PerPage: poolsPerPage,
}

// SpiderIPPool is what is read of the object of that kind. The list of addresses
// in use is not there on purpose: it may be hundreds of kilobytes long.
type SpiderIPPool struct {
	metav1.TypeMeta       `json:",inline"`
	spiderpool.PoolSource `json:",inline"`
}

// CompilePool reads what rules need from a SpiderIPPool.
func CompilePool(pool *SpiderIPPool) *spiderpool.Pool {
	return spiderpool.CompilePool(&pool.PoolSource)
}

// DeepCopyObject implements [runtime.Object].
func (p *SpiderIPPool) DeepCopyObject() runtime.Object {
	out := *p
	p.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	spec := &out.Spec
	spec.IPVersion, spec.Default, spec.Disable = copied(spec.IPVersion), copied(spec.Default), copied(spec.Disable)
	spec.PodAffinity = spec.PodAffinity.DeepCopy()
	spec.NamespaceAffinity = spec.NamespaceAffinity.DeepCopy()
	spec.NodeAffinity = spec.NodeAffinity.DeepCopy()
	spec.NamespaceName = slices.Clone(spec.NamespaceName)
	spec.NodeName = slices.Clone(spec.NodeName)
	spec.MultusName = slices.Clone(spec.MultusName)
	out.Status.TotalIPCount, out.Status.AllocatedIPCount = copied(p.Status.TotalIPCount), copied(p.Status.AllocatedIPCount)
	return &out
}

func copied[T any](value *T) *T {
	if value == nil {
		return nil
	}
	return new(*value)
}
