package pod

import (
	"cmp"
	"fmt"
	"slices"

	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// MirrorAnnotation marks the API server's copy of a static pod. The kubelet
// runs the pod whatever the API server says, so there is nothing to decide.
const MirrorAnnotation = "kubernetes.io/config.mirror"

// Subject is what the rules look at in a pod or in the template of pods.
type Subject struct {
	// APIVersion and Kind of the object that carries the pod's metadata.
	APIVersion, Kind string
	// Namespace the pod will live in: the request's, since an object sent by a
	// controller may leave its own empty.
	Namespace string
	// Name of the object; its generateName with a trailing * when the name is
	// not known yet.
	Name string
	// PodPath is the path of the pod in the object: empty for a Pod,
	// "spec.template" or "spec.jobTemplate.spec.template" for a template.
	PodPath string
	// Annotations of the pod: those that rules read.
	Annotations map[string]string
	// Strays are annotations that nobody reads, though one of Annotations was meant.
	Strays []Stray
	// Labels of the pod.
	Labels map[string]string
	// Controller is the workload that made the pod, and will make it again. It is
	// the zero value for a pod of its own. For a template it is the object itself.
	Controller object.Controller
	// HostNetwork is spec.hostNetwork of the pod.
	HostNetwork bool
	// Owner is what controls the object itself, such as the Deployment of a
	// ReplicaSet; the zero value without one.
	Owner object.Identity
	// UID of the object; empty where it is not known.
	UID string
	// Scale is how many pods there may be at once.
	Scale Scale
	// Ended says that it has run to its end: a Job that is complete or has failed, or a pod
	// whose phase says so. It has no pods, and will have none.
	Ended bool
	// Deleting says that it is being deleted.
	Deleting bool
	// Mode, when it is not empty, stands in for [verdict.ModeLabel] of the namespace.
	Mode verdict.Mode

	// Resources are the names in the resource limits of the pod's first container, and
	// Devices those in the limits of any that are devices or the like, such as
	// example.com/vf. DeviceClaims says that the pod claims devices in another way as well
	// (spec.resourceClaims).
	Resources, Devices []string
	DeviceClaims       bool
	// Final says that the object is what will be stored: nobody adds anything any more.
	Final bool
	// Before are the annotations that a pod had before it is updated ([Subject.Update]); nil
	// for one that is created, and for a template.
	Before map[string]string

	// FilledIn says where the pools in the annotations come from, by the name of
	// the interface, when it was [View.Completed] that put them there.
	FilledIn map[string]spiderpool.Source
}

// Template says whether the subject is a template that pods are made from.
func (s *Subject) Template() bool { return s.PodPath != "" }

// Spawned says whether the object is one that a workload of Kubernetes makes of its own
// template, and judges and keeps like it: the ReplicaSets of a Deployment and the Jobs of
// a CronJob.
func (s *Subject) Spawned() bool {
	return s.Kind == "ReplicaSet" && s.Owner.Controller == object.Controller{APIVersion: "apps/v1", Kind: "Deployment"} ||
		s.Kind == "Job" && s.Owner.Controller == object.Controller{APIVersion: "batch/v1", Kind: "CronJob"}
}

// podShape is the part of a pod, or of a pod template, that rules look at.
// Nothing else is decoded, so fields that newer API versions add cannot matter.
type podShape struct {
	Metadata struct {
		object.Meta
		Annotations podAnnotations `json:"annotations"`
		Labels      object.Labels  `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		HostNetwork    bool       `json:"hostNetwork"`
		Containers     containers `json:"containers"`
		InitContainers containers `json:"initContainers"`
		ResourceClaims present    `json:"resourceClaims"`
	} `json:"spec"`
	Status statusShape `json:"status"`
}

// present says that a field is there, whatever it says.
type present bool

// UnmarshalJSON takes any value.
func (p *present) UnmarshalJSON([]byte) error {
	*p = true
	return nil
}

// statusShape is what is read of a status: whether a pod or a Job has ended.
type statusShape struct {
	Phase      string     `json:"phase"`
	Conditions conditions `json:"conditions"`
}

// ended says whether an object of a kind has run to its end. Of a pod the phase says so, and
// nothing else: it has conditions of anybody's, such as those of its readiness gates, and one
// that is called Complete ends nothing. A Job has no phase.
func (s *statusShape) ended(kind string) bool {
	switch kind {
	case kindPod:
		return s.Phase == "Succeeded" || s.Phase == "Failed"
	case "Job":
		return s.Conditions.ended
	default:
		return false
	}
}

// conditions are those of a status, of which nothing is kept: there may be any number.
type conditions struct {
	// ended says that a Job is complete, or has failed.
	ended bool
}

// UnmarshalJSON looks for what ends a Job. What is not as Kubernetes wants it is for the API
// server to refuse.
func (c *conditions) UnmarshalJSON(text []byte) error {
	*c = conditions{}
	for _, condition := range jsonplace.Root(string(text)).Members() {
		ends, is := false, false
		for key, value := range condition.Entries() {
			switch key.Text() {
			case "type":
				ends = value.Text() == "Complete" || value.Text() == "Failed"
			case "status":
				is = value.Text() == "True"
			}
		}
		c.ended = c.ended || ends && is
	}
	return nil
}

// outerMeta is the metadata of what holds a template.
type outerMeta struct {
	object.Meta
	Annotations outerAnnotations `json:"annotations"`
}

type templateShape struct {
	Metadata outerMeta `json:"metadata"`
	Spec     struct {
		scaleShape
		Template podShape `json:"template"`
	} `json:"spec"`
	Status statusShape `json:"status"`
}

type cronJobShape struct {
	Metadata outerMeta `json:"metadata"`
	Spec     struct {
		JobTemplate templateShape `json:"jobTemplate"`
	} `json:"spec"`
}

// podPaths names, for each kind that holds a pod, where the pod stands in it.
var podPaths = map[string]map[string]string{
	"v1": {
		"Pod":                   "",
		"ReplicationController": "spec.template",
	},
	"apps/v1": {
		"Deployment":  "spec.template",
		"StatefulSet": "spec.template",
		"DaemonSet":   "spec.template",
		"ReplicaSet":  "spec.template",
	},
	"batch/v1": {
		"Job":     "spec.template",
		"CronJob": "spec.jobTemplate.spec.template",
	},
}

// Kinds are those of pods and of what carries a pod template, in no order that would mean
// anything.
func Kinds() []object.Controller {
	var kinds []object.Controller
	for apiVersion, paths := range podPaths {
		for kind := range paths {
			kinds = append(kinds, object.Controller{APIVersion: apiVersion, Kind: kind})
		}
	}
	return kinds
}

// HoldsPod says whether objects of a kind are pods or carry a pod template.
func HoldsPod(apiVersion, kind string) bool {
	_, ok := podPaths[apiVersion][kind]
	return ok
}

// Decode reads what the rules need from an object in JSON. The namespace given
// is the one that counts: an object that a request or a file carries may name none, or
// another. Where it is empty, the object's own counts.
//
// It is an error when the kind holds no pod ([HoldsPod]), and a [*object.FieldError] when
// a field that rules read has the wrong type; unknown fields are ignored.
func Decode(apiVersion, kind, namespace string, text []byte) (*Subject, error) {
	path, ok := podPaths[apiVersion][kind]
	if !ok {
		return nil, fmt.Errorf("%s %s holds no pod", apiVersion, kind)
	}
	var meta object.Meta
	var pod podShape
	var scale scaleShape
	var status statusShape
	var outer, job outerAnnotations
	var err error
	switch path {
	case "":
		err = kjson.UnmarshalCaseSensitivePreserveInts(text, &pod)
		meta, status = pod.Metadata.Meta, pod.Status
	case "spec.template":
		var t templateShape
		err = kjson.UnmarshalCaseSensitivePreserveInts(text, &t)
		meta, pod, scale, status = t.Metadata.Meta, t.Spec.Template, t.Spec.scaleShape, t.Status
		outer = t.Metadata.Annotations
	default:
		var c cronJobShape
		err = kjson.UnmarshalCaseSensitivePreserveInts(text, &c)
		of := &c.Spec.JobTemplate
		meta, pod, scale = c.Metadata.Meta, of.Spec.Template, of.Spec.scaleShape
		outer, job = c.Metadata.Annotations, of.Metadata.Annotations
	}
	if err != nil {
		return nil, object.DecodeError(err)
	}
	if wrong := pod.Metadata.Annotations.wrong; wrong != "" {
		return nil, notText(path, wrong)
	}
	if problem := pod.Metadata.Labels.Problem; problem != "" {
		return nil, &object.FieldError{Field: object.AtField("metadata.labels").In(path).String(), Problem: problem}
	}
	s := &Subject{
		APIVersion:   apiVersion,
		Kind:         kind,
		Namespace:    cmp.Or(namespace, meta.Namespace),
		Name:         meta.Name,
		PodPath:      path,
		Annotations:  pod.Metadata.Annotations.values,
		Labels:       pod.Metadata.Labels.Values,
		HostNetwork:  pod.Spec.HostNetwork,
		Resources:    pod.Spec.Containers.first,
		Devices:      slices.Concat(pod.Spec.Containers.devices, pod.Spec.InitContainers.devices),
		DeviceClaims: bool(pod.Spec.ResourceClaims),
		UID:          meta.UID,
		Scale:        scale.of(kind),
		Deleting:     meta.DeletionTimestamp != "",
		Ended:        status.ended(kind),
	}
	if owner := meta.Owner; owner != (object.Owner{}) {
		s.Owner = object.Identity{Controller: owner.Controller, Namespace: s.Namespace, Name: owner.Name, UID: owner.UID}
	}
	s.Controller = s.Owner.Controller
	if path != "" {
		s.Controller = object.Controller{APIVersion: apiVersion, Kind: kind}
	}
	s.findStrays(pod.Metadata.Annotations.strays, outer, job)
	if s.Name == "" && meta.GenerateName != "" {
		s.Name = meta.GenerateName + "*"
	}
	return s, nil
}

// notText is the error about an annotation, of the pod at a path, whose value is no text.
func notText(path, key string) *object.FieldError {
	return &object.FieldError{Field: object.AtField("metadata.annotations").In(path).String(), Annotation: key,
		Problem: "the value of " + key + " is not a string: put it in quotes"}
}
