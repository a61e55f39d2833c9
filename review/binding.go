package review

import (
	"context"
	"errors"
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

var (
	errNoCluster = errors.New("there is no cluster to read it from")
	errNoPod     = errors.New("there is no such pod")
)

// judgeBinding judges what a Binding makes of the pod that it sends to a node: as an update of
// that pod. A Binding without annotations that rules read changes nothing, and waits for nobody.
//
// The pod is read first, and may be written once more before the API server gets to the
// Binding. Whoever does that is asked about too.
func (c *Change) judgeBinding(ctx context.Context, inv inventory.Inventory, config *config.Config) (Outcome, error) {
	binding, err := pod.DecodeBinding(c.Namespace, c.New)
	if err != nil {
		return Outcome{}, err
	}
	if c.Name != "" {
		binding.Name = c.Name
	}
	out := Outcome{Object: c.object(binding.Namespace, binding.Name)}
	if !binding.Changes() {
		return out, nil
	}
	text, err := c.readPodOf(ctx, binding)
	if err != nil {
		// Exempt namespaces, and the mode of others, count all the same.
		alone := binding.Alone()
		alone.Mode = c.Mode
		alone.Update(nil)
		out.Verdict = JudgePod(ctx, inv, config, alone)
		if out.Verdict.Exempt == "" {
			out.Verdict = verdict.Verdict{Mode: out.Verdict.Mode, ModeNote: out.Verdict.ModeNote, Undecided: err}
		}
		return out, nil
	}
	of := Change{APIVersion: inventory.PodKind.APIVersion, Kind: inventory.PodKind.Kind, Namespace: binding.Namespace, Mode: c.Mode}
	old, err := of.decodePod(text)
	if err != nil {
		// Neither can what becomes of it.
		out.Unread = unreadWords(of.Kind, "it")
		return out, nil
	}
	return judgeUpdate(ctx, inv, config, out, binding.Over(old), old), nil
}

// readPodOf reads the pod that a Binding writes into.
func (c *Change) readPodOf(ctx context.Context, b *pod.Binding) ([]byte, error) {
	text, err := []byte(nil), errNoCluster
	if c.ReadPod != nil {
		text, err = c.ReadPod(ctx, b.Namespace, b.Name)
	}
	if err == nil && text == nil {
		err = errNoPod
	}
	if err != nil {
		return nil, fmt.Errorf("read pod %s, whose annotations it changes: %w", quote.Value(b.Namespace+"/"+b.Name), err)
	}
	return text, nil
}
