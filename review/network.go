package review

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/makers"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// judgeNetwork judges a NetworkAttachmentDefinition.
func (c *Change) judgeNetwork(ctx context.Context, inv inventory.Inventory, config *config.Config) (Outcome, error) {
	subject, err := c.network()
	if err != nil {
		return c.unread(err, "it", func() error {
			_, err := nad.Decode(c.Namespace, c.Old, nil)
			return err
		})
	}
	return c.judgeNetworkOf(ctx, inv, config, subject)
}

// judgeNetworkOf judges a network that was read, as a change of the one that is stored where
// nothing else says what it replaces.
func (c *Change) judgeNetworkOf(ctx context.Context, inv inventory.Inventory, config *config.Config, subject *nad.Subject) (Outcome, error) {
	if c.Stored != nil && c.Operation != Delete && c.old() == nil {
		before := c.Stored.Facts(ctx, pod.Questions{Networks: []object.Reference{subject.Reference()}})
		switch answer := before.Networks[0]; {
		case answer.Err != nil:
			undecided := fmt.Errorf("look up the network that it replaces: %w", answer.Err)
			return Outcome{Object: c.object(subject.Namespace, subject.Name), Verdict: verdict.Verdict{Undecided: undecided}}, nil
		case answer.Value != nil && !answer.Value.NameOnly && answer.Doubt == nil:
			subject.Replace(answer.Value)
		}
	}
	return Outcome{Object: c.object(subject.Namespace, subject.Name), Verdict: JudgeNetwork(ctx, inv, config, subject)}, nil
}

// judgeMade judges an object of which a program makes a network, by that network. A file may
// hold it in place of the network; what is said is said of the object.
func (c *Change) judgeMade(ctx context.Context, inv inventory.Inventory, config *config.Config) (Outcome, error) {
	made, name, err := c.made(c.New)
	if err != nil {
		return c.unread(err, "it", func() error {
			_, _, err := c.made(c.Old)
			return err
		})
	}
	var old *nad.Made
	if c.old() != nil {
		// What cannot be read is repaired now.
		old, _, _ = c.made(c.old())
	}
	out, err := c.judgeNetworkOf(ctx, inv, config, nad.OfMade(made, old))
	out.Object.Name = name
	return out, err
}

// made is the network that is made of an object, and what the object itself is called.
func (c *Change) made(text []byte) (*nad.Made, string, error) {
	var meta struct {
		Metadata object.Meta `json:"metadata"`
	}
	made, err := makers.Networks(c.APIVersion, c.Kind, c.Namespace, text)
	if err == nil {
		err = kjson.UnmarshalCaseSensitivePreserveInts(text, &meta)
	}
	if err != nil {
		return nil, "", object.DecodeError(err)
	}
	name := meta.Metadata.Name
	if name == "" && meta.Metadata.GenerateName != "" {
		name = meta.Metadata.GenerateName + "*"
	}
	return &made[0], name, nil
}

// network reads the network that is written or deleted.
func (c *Change) network() (*nad.Subject, error) {
	switch {
	case c.Operation == Delete:
		subject, err := nad.Decode(c.Namespace, nil, c.Old)
		if err != nil {
			// Who uses it is found by its name.
			subject = &nad.Subject{Namespace: c.Namespace, Deleted: true}
		}
		subject.Name = cmp.Or(subject.Name, c.Name)
		return subject, nil
	default:
		return nad.Decode(c.Namespace, c.New, c.old())
	}
}

// JudgeNetwork gives the verdict on a network that is written or deleted. Who uses it
// is found out only where that makes a difference. Where the mode of coordinators cannot be
// read, the configured one stands in.
func JudgeNetwork(ctx context.Context, inv inventory.Inventory, config *config.Config, subject *nad.Subject) verdict.Verdict {
	facts := inv.Facts(ctx, pod.Questions{Coordinator: true})
	return subject.Judge(nad.Facts{
		CoordinatorMode: facts.CoordinatorMode(),
		Networks:        inv.Networks(ctx),
		Nodes:           inv.Nodes(ctx),
		Users:           sync.OnceValue(func() nad.Users { return inv.Users(ctx, subject.Reference(), config) }),
	}, config)
}
