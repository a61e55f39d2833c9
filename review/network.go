package review

import (
	"cmp"
	"context"
	"sync"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// judgeNetwork judges a NetworkAttachmentDefinition.
func (c *Change) judgeNetwork(ctx context.Context, inv inventory.Inventory, config *policy.Config) (Outcome, error) {
	subject, err := c.network()
	if err != nil {
		return c.unread(err, "it", func() error {
			_, err := policy.DecodeNetwork(c.Namespace, c.Old, nil)
			return err
		})
	}
	if c.Stored != nil && c.Operation != Delete && c.old() == nil {
		before := c.Stored.Facts(ctx, policy.Questions{Networks: []policy.Reference{subject.Reference()}})
		if answer := before.Networks[0]; answer.Err == nil && !before.NamesOnly {
			subject.Replace(answer.Value)
		}
	}
	return Outcome{Object: c.object(subject.Namespace, subject.Name), Verdict: JudgeNetwork(ctx, inv, config, subject)}, nil
}

// network reads the network that is written or deleted.
func (c *Change) network() (*policy.NetworkSubject, error) {
	switch {
	case c.Operation == Delete:
		subject, err := policy.DecodeNetwork(c.Namespace, nil, c.Old)
		if err != nil {
			// Who uses it is found by its name.
			subject = &policy.NetworkSubject{Namespace: c.Namespace, Deleted: true}
		}
		subject.Name = cmp.Or(subject.Name, c.Name)
		return subject, nil
	default:
		return policy.DecodeNetwork(c.Namespace, c.New, c.old())
	}
}

// JudgeNetwork gives the verdict on a network that is written or deleted. Who uses it
// is found out only where that makes a difference.
func JudgeNetwork(ctx context.Context, inv inventory.Inventory, config *policy.Config, subject *policy.NetworkSubject) policy.Verdict {
	return subject.Judge(policy.NetworkFacts{
		CoordinatorMode: inv.Facts(ctx, policy.Questions{}).CoordinatorMode,
		Networks:        inv.Networks(ctx),
		Nodes:           inv.Nodes(ctx),
		Users:           sync.OnceValue(func() policy.Users { return inv.Users(ctx, subject.Reference(), config) }),
	}, config)
}
