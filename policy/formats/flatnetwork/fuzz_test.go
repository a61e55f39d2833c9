package flatnetwork

import (
	"slices"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "auto", "10.0.0.5-10.0.0.6", "fd00::5", " 10.0.0.5 ", "10.0.0.5,10.0.0.6", mac1 + "-" + mac2, "aa-bb-cc-dd-ee-ff", "10.0.0.1-20", "\xff-\x00", "1-2-3-4-5-6", "ａ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, g := range Generations {
			checkAgainstOracle(t, g, value)
			order := g.Annotations()
			r := Parse(g, map[string]string{order[0]: value, order[1]: value, order[2]: value})
			if !slices.IsSortedFunc(r.Faults, func(a, b Fault) int {
				return (slices.Index(order, a.Annotation)-slices.Index(order, b.Annotation))*(len(value)+1) + a.Offset - b.Offset
			}) {
				t.Errorf("%s %q: faults are not in order: %q", g, value, briefs(r))
			}
			for _, fault := range r.Faults {
				if !slices.Contains(order, fault.Annotation) || fault.Offset < 0 || fault.Offset > len(value) || fault.Detail == "" || fault.Want == "" || fault.Remedy == "" {
					t.Errorf("%s %q: fault %+v is incomplete", g, value, fault)
				}
			}
			for _, l := range []List{r.IPs, r.MACs} {
				for _, e := range l.Entries {
					if !strings.HasPrefix(value[e.Offset:], e.Text) {
						t.Errorf("%s %q: address %q is not at %d", g, value, e.Text, e.Offset)
					}
				}
			}
			_ = r.LooksLikeRange()
		}
	})
}

func FuzzCompile(f *testing.F) {
	f.Add([]byte(`{"spec":` + with(V1, `"gateway":"10.0.0.1","ranges":[{"rangeStart":"10.0.0.10","rangeEnd":"10.0.0.20"}]`) + `}`))
	f.Add([]byte(`{"spec":` + with(V2, `"gateway":"10.0.0.1","ranges":[{"from":"10.0.0.10","to":"10.0.0.20"}]`) + `}`))
	f.Add([]byte(`{"spec":{"cidr":"::/0","ranges":[{"from":"::","to":"::1"}]},"status":{"addr":"::","mac":"x"}}`))
	f.Add([]byte(`{"spec":{"cidr":"255.255.255.255/32","mac":"02:00:00:00:00:01"}}`))
	f.Fuzz(func(t *testing.T, object []byte) {
		for _, g := range Generations {
			if r, err := CompileRecord(g, object); err == nil && (len(r.IPs) > 1 || len(r.MACs) > 1) {
				t.Errorf("%s %s: record of %v and %v", g, object, r.IPs, r.MACs)
			}
			s, err := CompileSubnet(g, g.SubnetNamespace(), object)
			if err != nil {
				continue
			}
			for _, fault := range s.Faults() {
				if fault.Field == "" || fault.Detail == "" || fault.Want == "" || fault.Remedy == "" {
					t.Errorf("%s %s: fault %+v is incomplete", g, object, fault)
				}
			}
			for _, r := range s.Ranges {
				if r.Last.Less(r.First) || s.CIDR.IsValid() && !(s.CIDR.Contains(r.First) && s.CIDR.Contains(r.Last)) {
					t.Errorf("%s %s: range %s", g, object, r)
				}
			}
			if s.Gateway.IsValid() && s.CIDR.Contains(s.Gateway) && s.Refuses(s.Gateway) == "" {
				t.Errorf("%s %s: the gateway %s is given away", g, object, s.Gateway)
			}
			other := compile(t, V2, "b", with(V2, ""))
			_, _ = s.Overlap(other), s.Mixes(other)
		}
	})
}
