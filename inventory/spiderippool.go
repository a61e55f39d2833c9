package inventory

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Kind and resource of the objects that pools are made of.
const (
	PoolKind     = "SpiderIPPool"
	PoolResource = "spiderippools"
)

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

// SpiderIPPoolList is a list of them.
type SpiderIPPoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []SpiderIPPool `json:"items"`
}

// DeepCopyObject implements [runtime.Object].
func (l *SpiderIPPoolList) DeepCopyObject() runtime.Object {
	out := *l
	out.Items = make([]SpiderIPPool, len(l.Items))
	for i := range l.Items {
		out.Items[i] = *l.Items[i].DeepCopyObject().(*SpiderIPPool)
	}
	return &out
}
