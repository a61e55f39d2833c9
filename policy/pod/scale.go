package pod

import "k8s.io/apimachinery/pkg/util/intstr"

// Scale is how many pods of a subject there may be at once, as far as its object
// tells.
type Scale struct {
	// Pods that are asked for: 1 for a Pod.
	Pods int
	// Surge is how many more there may be for as long as an update replaces them.
	Surge int
	// PerNode says that there is one pod for each node, however many there are. Pods
	// and Surge are 0 then.
	PerNode bool
	// MaxSurge is how Surge follows from the number of pods; nil for none.
	MaxSurge *intstr.IntOrString
}

// With is the scale of the same workload with another number of pods.
func (s Scale) With(pods int) Scale {
	s.Pods = max(pods, 0)
	s.Surge = 0
	if s.MaxSurge != nil && s.Pods > 0 {
		// Kubernetes rounds up (deploymentutil.ResolveFenceposts), and refuses by
		// itself what cannot be read.
		surge, err := intstr.GetScaledValueFromIntOrPercent(s.MaxSurge, s.Pods, true)
		if err == nil {
			s.Surge = max(surge, 0)
		}
	}
	return s
}

// scaleShape is the part of a workload's spec that says how many pods it has.
type scaleShape struct {
	Replicas    *int `json:"replicas"`
	Parallelism *int `json:"parallelism"`
	Completions *int `json:"completions"`
	Strategy    struct {
		Type          string `json:"type"`
		RollingUpdate struct {
			MaxSurge *intstr.IntOrString `json:"maxSurge"`
		} `json:"rollingUpdate"`
	} `json:"strategy"`
}

// defaultMaxSurge is that of a Deployment which names none.
var defaultMaxSurge = intstr.FromString("25%")

// of is the scale of a workload, or of a pod. In admission the API server has filled
// in the defaults; in a file they may be left out.
func (s *scaleShape) of(kind string) Scale {
	one := 1
	or := func(n *int, fallback *int) int {
		if n == nil {
			return *fallback
		}
		return *n
	}
	switch kind {
	case "DaemonSet":
		return Scale{PerNode: true}
	case "Job", "CronJob":
		// Without completions as many run at once as parallelism says.
		parallelism := or(s.Parallelism, &one)
		return Scale{}.With(min(parallelism, or(s.Completions, &parallelism)))
	case "Deployment":
		scale := Scale{}
		if s.Strategy.Type != "Recreate" {
			scale.MaxSurge = s.Strategy.RollingUpdate.MaxSurge
			if scale.MaxSurge == nil {
				scale.MaxSurge = &defaultMaxSurge
			}
		}
		return scale.With(or(s.Replicas, &one))
	default:
		return Scale{}.With(or(s.Replicas, &one))
	}
}
