package node

import (
	"maps"
	"slices"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// atLeast is how many fixtures are run to their ends: those that name no plugin of others.
// With more fixtures it may grow.
const atLeast = 260

// outOfReach is how many of the pods that are made up cannot be run to their ends, by what
// they need. Where the kernel has a kind of links, none need it.
var outOfReach = map[string]int{
	"a kernel with links of kind bridge with VLANs": 7,
	"a kernel with links of kind dummy":             6,
	"a kernel with links of kind ipvlan":            14,
	"a kernel with links of kind vlan":              14,
	"a kernel with links of kind vrf":               4,
}

// TestVerdicts holds our verdicts on the pods of the fixtures, and on pods that are made up,
// against what becomes of them.
func TestVerdicts(t *testing.T) {
	needNode(t)
	fixtures, generated := try(t, slices.Concat(ofFixtures(t), ofRepositories(t))), try(t, ofGenerator(t))

	except(t, "beyond", beyond, fixtures, generated)
	except(t, "known", known, fixtures, generated)
	fixtures.check(t)
	generated.check(t)

	// That no less is compared than can be.
	if n := fixtures.compared(); n < atLeast {
		t.Errorf("only %d fixtures are compared, want %d", n, atLeast)
	}
	if n := generated.compared(); n < 400 {
		t.Errorf("only %d pods that are made up are compared, want 400", n)
	}
	for _, needs := range slices.Sorted(maps.Keys(fixtures.needs)) {
		if !isNeed(needs) {
			t.Errorf("%d fixtures need %s, which nobody expects", fixtures.needs[needs], needs)
		}
	}
	for needs := range maps.Keys(generated.needs) {
		if got, want := generated.needs[needs], outOfReach[needs]; got != want {
			t.Errorf("%d of the pods that are made up need %s, want %d", got, needs, want)
		}
	}
	for needs, want := range outOfReach {
		if kind := kindNeeded(needs); slices.Contains(generated.lacks, kind) && generated.needs[needs] != want {
			t.Errorf("%d of the pods that are made up need %s, want %d", generated.needs[needs], needs, want)
		}
	}
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		can, listed := provable[r.ID]
		if !listed {
			t.Errorf("the list provable does not say whether a node can prove the rule %s", r.ID)
		}
		if can && fixtures.proven[r.ID]+generated.proven[r.ID] == 0 {
			t.Errorf("no pod has proved the rule %s", r.ID)
		}
	}
}
