package review

import (
	"context"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod/rules"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// judgePod judges a pod, or a workload by the template that it makes pods of.
func (c *Change) judgePod(ctx context.Context, inv inventory.Inventory, config *config.Config) (Outcome, error) {
	subject, out, err := c.readPod()
	if subject == nil {
		return out, err
	}
	if c.PassSpawned && subject.Spawned() {
		out.Spawned = true
		return out, nil
	}
	if c.updatesPod() {
		return judgeUpdate(ctx, inv, config, out, subject, c.oldPod()), nil
	}
	if !c.Final {
		subject = CompletePod(ctx, inv, config, subject)
		out.Patch = subject.Patch()
	}
	return judgeAgainst(ctx, inv, config, out, subject, c.oldPod), nil
}

// updatesPod says whether the change is one of a pod that is there already.
func (c *Change) updatesPod() bool {
	return c.Operation == Update && c.Kind == inventory.PodKind.Kind
}

// judgeUpdate judges what becomes of a pod that is there already; old is nil where it cannot
// be read. One that has ended gets no sandbox any more, so that nothing is wrong with it. One
// that is being deleted may run for long, and other programs attach running pods.
func judgeUpdate(ctx context.Context, inv inventory.Inventory, config *config.Config, out Outcome, subject, old *pod.Subject) Outcome {
	if old != nil && old.Ended {
		return out
	}
	subject.Update(old)
	return judgeAgainst(ctx, inv, config, out, subject, func() *pod.Subject { return old })
}

// judgeAgainst judges a subject, and spares it what stood there before. That is only read where
// something is wrong; it is nil when there was nothing.
func judgeAgainst(ctx context.Context, inv inventory.Inventory, config *config.Config, out Outcome, subject *pod.Subject, oldPod func() *pod.Subject) Outcome {
	var view *pod.View
	out.Verdict, view = judgeView(ctx, inv, config, subject)
	if out.Verdict.Exempt == "" {
		out.Interfaces = interfacesOf(view)
	}
	if out.Verdict.Refuses() || out.Verdict.Undecided != nil {
		if old := oldPod(); old != nil {
			before := JudgePod(ctx, inv, config, old)
			pod.Inherit(&out.Verdict, subject, old, &before)
		}
	}
	return out
}

// Complete fills in what a pod leaves to the configuration, and judges nothing but what
// has to be refused before anything is filled in: a label that is too long. The API server
// would refuse that in its own words before it asks for a verdict. Errors are those of
// [Judge]; of objects that hold no pod, and of a pod that is there already, there is nothing to
// fill in.
func Complete(ctx context.Context, inv inventory.Inventory, config *config.Config, c Change) (Outcome, error) {
	if kind, ok := KindOf(c.APIVersion, c.Kind); !ok || !kind.HoldsPods() || c.updatesPod() {
		return Outcome{Object: c.object(c.Namespace, c.Name)}, nil
	}
	subject, out, err := c.readPod()
	if subject == nil {
		return out, err
	}
	if rules.HasLongLabel(subject) {
		if v := rules.JudgeLabels(subject, config); v.Decision() == verdict.Deny {
			out.Verdict = v
			return out, nil
		}
	}
	out.Patch = CompletePod(ctx, inv, config, subject).Patch()
	return out, nil
}

// readPod reads the new object. The subject is nil where it cannot be read; what becomes of
// the change then is the outcome or the error.
func (c *Change) readPod() (*pod.Subject, Outcome, error) {
	subject, err := c.decodePod(c.New)
	if err != nil {
		part := "its template"
		if c.Kind == inventory.PodKind.Kind {
			part = "it"
		}
		out, err := c.unread(err, part, func() error {
			_, err := c.decodePod(c.Old)
			return err
		})
		return nil, out, err
	}
	if c.Replicas != nil {
		subject.Scale = subject.Scale.With(*c.Replicas)
	}
	subject.Final = c.Final
	return subject, Outcome{Object: c.object(subject.Namespace, subject.Name)}, nil
}

// oldPod is what stood there before an update; nil when there was nothing that could be
// read.
func (c *Change) oldPod() *pod.Subject {
	if c.old() == nil {
		return nil
	}
	// The subject is nil where there is an error.
	old, _ := c.decodePod(c.old())
	return old
}

func (c *Change) decodePod(object []byte) (*pod.Subject, error) {
	subject, err := pod.Decode(c.APIVersion, c.Kind, c.Namespace, object)
	if err != nil {
		return nil, err
	}
	subject.Mode = c.Mode
	return subject, nil
}

// interfacesOf are the interfaces that a pod is known to have.
func interfacesOf(view *pod.View) []Interface {
	var out []Interface
	for n := range view.KnownInterfaces() {
		i := &view.KnownInterfaces()[n]
		out = append(out, Interface{Name: i.Name, Network: i.Reference, Role: i.Role(), Evidence: i.Evidence(), Pools: i.Pools()})
	}
	return out
}
