package review

import (
	"context"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod/rules"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// confirmations is how often a refusal is confirmed: once for all that it rests on, and once
// more for what only that as it is now brings up, such as the pools of another network.
const confirmations = 2

// JudgePod gives the verdict on a pod, or on the template of pods. A refusal that rests on
// what memory says is confirmed first: the network, the pool or the subnet may have been
// made or repaired a moment ago, and who held an address may be gone. When that cannot be
// confirmed, and nothing else is wrong, there is no verdict.
func JudgePod(ctx context.Context, inv inventory.Inventory, config *config.Config, subject *pod.Subject) verdict.Verdict {
	verdict, _ := judgeView(ctx, inv, config, subject)
	return verdict
}

// judgeView is JudgePod, and returns what the verdict was made of as well.
func judgeView(ctx context.Context, inv inventory.Inventory, config *config.Config, subject *pod.Subject) (verdict.Verdict, *pod.View) {
	request := pod.Parse(subject, config)
	var asked pod.Addresses
	facts, view := lookFurther(ctx, inv, request, inv.Facts(ctx, request.Questions()), &asked)
	verdict := rules.Judge(view)
	for range confirmations {
		q, open := view.Unconfirmed(&verdict)
		if !open {
			break
		}
		facts, view = lookFurther(ctx, inv, request, inv.Refresh(ctx, q, facts), &asked)
		verdict = rules.Judge(view)
	}
	return verdict, view
}

// lookFurther is the view of a request in the light of facts, to which it adds what comes up
// only because of them: who has the addresses that networks fix. asked are the addresses about
// which that was asked before: only when a fresh look shows others it is asked again, since the
// answer is from memory and takes the place of one that may have been confirmed.
func lookFurther(ctx context.Context, inv inventory.Inventory, request *pod.Request, facts pod.Facts, asked *pod.Addresses) (pod.Facts, *pod.View) {
	view := request.With(facts)
	if q, more := view.FurtherQuestions(); more && !q.Addresses.Equal(*asked) {
		*asked = q.Addresses
		facts.Holders = inv.Facts(ctx, q).Holders
		view = request.With(facts)
	}
	return facts, view
}

// CompletePod fills in what a pod leaves to the configuration: its default pools. It
// returns the subject itself when there is nothing to fill in.
func CompletePod(ctx context.Context, inv inventory.Inventory, config *config.Config, subject *pod.Subject) *pod.Subject {
	request := pod.Parse(subject, config)
	return request.With(inv.Facts(ctx, request.CompletionQuestions())).Completed()
}
