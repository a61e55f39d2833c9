package verdict

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// verdictOf has findings as written: "deny a*3" are three denials of rule a.
func verdictOf(findings ...string) *Verdict {
	v := &Verdict{Mode: ModeEnforce}
	for _, text := range findings {
		var action, rule string
		var n int
		if _, err := fmt.Sscanf(strings.ReplaceAll(text, "*", " "), "%s %s %d", &action, &rule, &n); err != nil {
			panic(err)
		}
		for i := range n {
			v.Findings = append(v.Findings, Finding{
				Rule: rule, Action: Action(action), Place: object.AtAnnotation("k", i), Message: fmt.Sprintf("%s %d", rule, i), Remedy: "mend " + rule, restsOn: OnPools,
			})
		}
	}
	return v
}

// brief is how many findings there are of each rule, in their order, with how many more are
// left out.
func brief(v *Verdict) string {
	var parts []string
	for i := 0; i < len(v.Findings); {
		first, n, more := &v.Findings[i], 0, 0
		for ; i < len(v.Findings) && v.Findings[i].group() == first.group(); i++ {
			n++
			more += v.Findings[i].More
		}
		parts = append(parts, fmt.Sprintf("%s %s*%d+%d", first.Action, first.Rule, n, more))
	}
	return strings.Join(parts, ", ")
}

func TestBounded(t *testing.T) {
	var manyRules []string
	for i := range MostFindings + 2 {
		manyRules = append(manyRules, fmt.Sprintf("deny r%02d*2", i))
	}
	for name, tt := range map[string]struct {
		whole []string
		want  string
		// leftOut is how many findings of rules are left out that are not named.
		leftOut int
	}{
		"few":                       {[]string{"deny a*3", "warn b*2"}, "deny a*3+0, warn b*2+0", 0},
		"none":                      {nil, "", 0},
		"one rule":                  {[]string{"deny a*128"}, "deny a*20+108", 0},
		"two rules":                 {[]string{"deny a*128", "deny b*21"}, "deny a*20+108, deny b*20+1", 0},
		"a rule behind large ones":  {[]string{"deny a*128", "deny b*128", "deny c*1"}, "deny a*20+108, deny b*19+109, deny c*1+0", 0},
		"four large ones":           {[]string{"deny a*99", "deny b*99", "deny c*99", "deny d*99"}, "deny a*10+89, deny b*10+89, deny c*10+89, deny d*10+89", 0},
		"warnings behind denials":   {[]string{"warn a*128", "deny b*30"}, "warn a*20+108, deny b*20+10", 0},
		"denials take all the room": {[]string{"warn w*3", "deny a*30", "deny b*30"}, "deny a*20+10, deny b*20+10", 3},
		"one rule, both actions":    {[]string{"deny a*30", "warn a*30"}, "deny a*20+10, warn a*20+10", 0},
	} {
		t.Run(name, func(t *testing.T) {
			whole := verdictOf(tt.whole...)
			before := slices.Clone(whole.Findings)
			said := whole.Bounded()
			if got := brief(&said); got != tt.want || len(said.LeftOut) != tt.leftOut {
				t.Errorf("%s and %d left out, want %s and %d", got, len(said.LeftOut), tt.want, tt.leftOut)
			}
			if said.Decision() != whole.Decision() || said.RestsOn() != whole.RestsOn() || said.Mode != whole.Mode {
				t.Error("it decides otherwise")
			}
			if !slices.Equal(whole.Findings, before) {
				t.Error("the whole verdict is changed")
			}
			if again := said.Bounded(); brief(&again) != tt.want {
				t.Errorf("bounded again it says %s", brief(&again))
			}
		})
	}
	said := verdictOf(manyRules...).Bounded()
	if len(said.Findings) != MostFindings || len(said.LeftOut) != 4 {
		t.Errorf("of many rules %d findings are said and %d left out", len(said.Findings), len(said.LeftOut))
	}
	if text := said.Explanation(Deny); !strings.HasSuffix(text, "\n\nThere is more to say of the rules r40, r41.") || !strings.HasPrefix(text, "84 findings:\n\n[r00] ") {
		t.Errorf("%s", text)
	}
}

// However long each text is, the answer has an end.
func TestBoundedBytes(t *testing.T) {
	v := verdictOf("deny a*40", "deny b*40", "warn c*40")
	for i := range v.Findings {
		v.Findings[i].Remedy += strings.Repeat("x", 3000) + fmt.Sprint(i)
	}
	said := v.Bounded()
	if n := len(said.Explanation(Warn)); n > 2*mostBytes || n < mostBytes/2 {
		t.Errorf("%d bytes", n)
	}
	if got := brief(&said); got != "deny a*4+36, deny b*4+36" {
		t.Error(got)
	}
	// One that is longer than all is said even so: without it there is no reason.
	v = verdictOf("deny a*2")
	v.Findings[0].Message = strings.Repeat("x", 2*mostBytes)
	if said := v.Bounded(); brief(&said) != "deny a*1+1" {
		t.Error(brief(&said))
	}
}

// What mends several findings of a rule is said once, behind them.
func TestExplanation(t *testing.T) {
	v := verdictOf("deny a*2", "warn b*1", "deny a*1")
	v.Findings[0].More = 3
	const want = `6 findings:

[a] metadata.annotations[k]: a 0 (and 3 more of the kind)

[a] metadata.annotations[k]: a 1

[a] metadata.annotations[k]: a 0
To fix it: mend a`
	if got := v.Explanation(Deny); got != want {
		t.Errorf("%s", got)
	}
}

func TestCollector(t *testing.T) {
	collect := func(n int, softened func(i int) bool) []Finding {
		var c Collector
		for i := range n {
			c.Add(softened(i), func() Finding { return Finding{Message: fmt.Sprint(i)} })
		}
		return c.List()
	}
	// counts are how many are kept and left out, of denials and of warnings.
	counts := func(found []Finding) [4]int {
		var n [4]int
		for _, f := range found {
			at := 0
			if f.Softened {
				at = 2
			}
			n[at]++
			n[at+1] += f.More
		}
		return n
	}
	for name, tt := range map[string]struct {
		n        int
		softened func(i int) bool
		want     [4]int
	}{
		"few":                   {3, func(int) bool { return false }, [4]int{3, 0, 0, 0}},
		"denials":               {50, func(int) bool { return false }, [4]int{20, 30, 0, 0}},
		"warnings":              {50, func(int) bool { return true }, [4]int{0, 0, 20, 30}},
		"a denial at the end":   {50, func(i int) bool { return i < 49 }, [4]int{1, 0, 19, 30}},
		"warnings at the end":   {50, func(i int) bool { return i >= 10 }, [4]int{10, 0, 10, 30}},
		"denials drive all out": {50, func(i int) bool { return i < 20 }, [4]int{20, 30, 0, 0}},
	} {
		got := counts(collect(tt.n, tt.softened))
		if name == "denials drive all out" {
			// Warnings without one that is kept are counted with the denials.
			got[1] += got[3]
		}
		if got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	var c Collector
	for i := range MaxFindings + 2 {
		c.AddOf(false, i, func() Finding { return Finding{} })
	}
	if last := c.List()[MaxFindings-1]; last.More != MaxFindings-1+1+MaxFindings+1+MaxFindings+1 {
		t.Errorf("%d more", last.More)
	}
}

// What an update does not touch stays inherited when there is room to say it: the one who
// mends the first twenty faults is not refused for the ones behind them.
func TestInheritOfCrowdedRules(t *testing.T) {
	before := verdictOf("deny a*20")
	before.Findings[19].More = 10
	for name, tt := range map[string]struct {
		now      *Verdict
		more     int
		inherits bool
	}{
		"fewer":     {verdictOf("deny a*10"), 0, true},
		"as many":   {verdictOf("deny a*20"), 10, true},
		"more":      {verdictOf("deny a*20"), 11, false},
		"of others": {verdictOf("deny b*1"), 0, false},
	} {
		tt.now.Findings[len(tt.now.Findings)-1].More = tt.more
		for i := range tt.now.Findings {
			tt.now.Findings[i].Message += " changed"
		}
		tt.now.Inherit("", func(f *Finding) bool { return before.Crowded(f.Rule, tt.now) })
		if got := tt.now.Decision() == Warn; got != tt.inherits {
			t.Errorf("%s: %s", name, tt.now.Decision())
		}
	}
	// Where all findings were kept, one that is not among them is new.
	if verdictOf("deny a*20").Crowded("a", verdictOf("deny a*1")) {
		t.Error("a verdict with all of its findings counts as one with more")
	}
	undecided := Verdict{Undecided: errors.New("no answer")}
	if said := undecided.Bounded(); said.Undecided == nil {
		t.Error("the reason is lost")
	}
}
