package pod

import (
	"cmp"
	"maps"
	"slices"

	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// Binding is what rules look at in a Binding: the API server writes its annotations over
// those of the pod that it sends to a node (setPodHostAndAnnotations in pkg/registry/core/pod).
type Binding struct {
	// Namespace and Name are those of the pod as well.
	Namespace, Name string

	annotations map[string]string
}

// DecodeBinding reads a Binding in JSON. Namespace and errors are as in [Decode].
func DecodeBinding(namespace string, text []byte) (*Binding, error) {
	var shape struct {
		Metadata struct {
			object.Meta
			Annotations podAnnotations `json:"annotations"`
		} `json:"metadata"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &shape); err != nil {
		return nil, object.DecodeError(err)
	}
	if wrong := shape.Metadata.Annotations.wrong; wrong != "" {
		return nil, notText("", wrong)
	}
	return &Binding{
		Namespace: cmp.Or(namespace, shape.Metadata.Namespace), Name: shape.Metadata.Name,
		annotations: shape.Metadata.Annotations.values,
	}, nil
}

// Changes says whether the Binding has annotations that make a pod one that is judged.
func (b *Binding) Changes() bool {
	return slices.ContainsFunc(JudgedAnnotations, func(key string) bool {
		_, there := b.annotations[key]
		return there
	})
}

// Over is the pod with the Binding's annotations. Whether it is a mirror pod is no Binding's
// to say: the kubelet runs none that it did not make itself.
func (b *Binding) Over(s *Subject) *Subject {
	bound := *s
	bound.Annotations = map[string]string{}
	maps.Copy(bound.Annotations, s.Annotations)
	for key, value := range b.annotations {
		if key != MirrorAnnotation {
			bound.Annotations[key] = value
		}
	}
	return &bound
}

// Alone is a pod that has nothing but the Binding's annotations.
func (b *Binding) Alone() *Subject {
	return b.Over(&Subject{APIVersion: "v1", Kind: kindPod, Namespace: b.Namespace, Name: b.Name, Scale: Scale{Pods: 1}})
}
