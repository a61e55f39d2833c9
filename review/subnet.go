package review

import (
	"context"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/subnet"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// judgeSubnet judges a subnet of Rancher's flat network.
func (c *Change) judgeSubnet(ctx context.Context, inv inventory.Inventory, config *config.Config, g flatnetwork.Generation) (Outcome, error) {
	subject, err := subnet.Decode(g, c.Namespace, c.New, c.old())
	if err != nil {
		return c.unread(err, "it", func() error {
			_, err := subnet.Decode(g, c.Namespace, c.Old, nil)
			return err
		})
	}
	return Outcome{Object: c.object(subject.Namespace, subject.Name), Verdict: JudgeSubnet(ctx, inv, config, subject)}, nil
}

// JudgeSubnet gives the verdict on a subnet of Rancher's flat network that is written. A
// refusal for another subnet is confirmed first; one that cannot be read again does not
// stand in the way.
func JudgeSubnet(ctx context.Context, inv inventory.Inventory, config *config.Config, subject *subnet.Subject) verdict.Verdict {
	facts := subnet.Facts{Subnets: inv.Subnets(ctx)}
	v := subject.Judge(facts, config)
	colliding := subject.Colliding(facts)
	if !v.Refuses() || len(colliding) == 0 {
		return v
	}
	var q pod.Questions
	var remembered pod.Facts
	for _, s := range colliding {
		q.Subnets = append(q.Subnets, s.Reference)
		remembered.Subnets = append(remembered.Subnets, pod.Answer[flatnetwork.Subnet]{Value: s})
	}
	fresh := inv.Refresh(ctx, q, remembered)
	facts.Subnets = func(yield func(*flatnetwork.Subnet) bool) {
		for _, answer := range fresh.Subnets {
			if answer.Value != nil && !yield(answer.Value) {
				return
			}
		}
	}
	return subject.Judge(facts, config)
}
