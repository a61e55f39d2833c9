package inventory

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// ofDeployments is a label of the ReplicaSets that Deployments made. They are left out:
// there are ten for each Deployment, and each has its template.
const ofDeployments = "pod-template-hash"

// workloadsPerPage bounds what a list takes up at once: a workload has up to some ten
// kilobytes and takes three times that while it is read.
const workloadsPerPage = 100

// living selects pods that have not ended: an interface of those that have is given
// back.
const living = "status.phase!=" + string(corev1.PodSucceeded) + ",status.phase!=" + string(corev1.PodFailed)

// Pods are those that have not ended. Of each the metadata is enough.
var Pods = Kind{
	GroupVersionResource: corev1.SchemeGroupVersion.WithResource("pods"), Name: PodKind.Kind,
	Fields: living, MetadataOnly: true,
}

// Workloads are the kinds whose templates may fix addresses.
var Workloads = []Kind{
	workloads("apps", "Deployment", "deployments"),
	workloads("apps", "StatefulSet", "statefulsets"),
	workloads("apps", "DaemonSet", "daemonsets"),
	ownReplicaSets(),
	workloads("", "ReplicationController", "replicationcontrollers"),
	workloads("batch", "Job", "jobs"),
	workloads("batch", "CronJob", "cronjobs"),
}

func workloads(group, kind, resource string) Kind {
	version := schema.GroupVersion{Group: group, Version: "v1"}
	return Kind{GroupVersionResource: version.WithResource(resource), Name: kind, PerPage: workloadsPerPage}
}

func ownReplicaSets() Kind {
	k := workloads("apps", "ReplicaSet", "replicasets")
	k.Labels = "!" + ofDeployments
	return k
}

// PodKind is the kind of pods.
var PodKind = object.Controller{APIVersion: "v1", Kind: "Pod"}

var statefulSetKind = object.Controller{APIVersion: "apps/v1", Kind: "StatefulSet"}

// HolderOf is a pod or workload as the holder of the addresses that its annotations
// fix; nil when they fix none.
func HolderOf(s *pod.Subject) *pod.Holder { return HolderWith(s, s.Claims()) }

// HolderWith is a pod or workload as the holder of some addresses; nil without any.
func HolderWith(s *pod.Subject, claims []pod.Claim) *pod.Holder {
	if len(claims) == 0 {
		return nil
	}
	return &pod.Holder{
		Identity: s.Identity(),
		Deleting: s.Deleting,
		Owner:    s.Owner,
		Claims:   claims,
	}
}

// ControllerOf is what controls an object; the zero value without such an owner.
func ControllerOf(o metav1.Object) object.Identity {
	c := metav1.GetControllerOfNoCopy(o)
	if c == nil {
		return object.Identity{}
	}
	return object.Identity{
		Controller: object.Controller{APIVersion: c.APIVersion, Kind: c.Kind},
		Namespace:  o.GetNamespace(), Name: c.Name, UID: string(c.UID),
	}
}

// Ending says whether an object is being deleted, and with it what it owns. What is
// orphaned stays, and loses its reference before the owner is gone.
func Ending(o metav1.Object) bool {
	return o.GetDeletionTimestamp() != nil && !slices.Contains(o.GetFinalizers(), metav1.FinalizerOrphanDependents)
}
