package pod

import "slices"

// SharedPool is a pool that two interfaces of a pod take their address from.
type SharedPool struct {
	First, Second *InterfacePools
	Family        int
	Pool          string
	// Certain says that neither interface has any other pool.
	Certain bool
}

// SharedPools are the pools that interfaces have in common: for each interface and
// family the first such pool, with the first interface that has it too.
func (v *View) SharedPools() []SharedPool {
	supplies := v.Supplies()
	if len(supplies) < 2 {
		return nil
	}
	var found []SharedPool
	for f, family := range Families {
		holder := map[string]int{}
		single := make([]bool, len(supplies))
		for n := range supplies {
			s := &supplies[n]
			// A list that everyone falls back to is shared by its nature: all that
			// can be said is whether it leaves a choice.
			pools := s.usablePools(&s.Lists[f])
			single[n] = len(pools) == 1
			at := slices.IndexFunc(pools, func(pool string) bool { _, taken := holder[pool]; return taken })
			if at >= 0 {
				first := holder[pools[at]]
				found = append(found, SharedPool{&supplies[first], s, family, pools[at], single[n] && single[first]})
			}
			for _, pool := range pools {
				if _, taken := holder[pool]; !taken || single[n] {
					holder[pool] = n
				}
			}
		}
	}
	return found
}

// firstShared is a pool that two interfaces are certain to share, nil for none.
func (v *View) firstShared() *SharedPool {
	for _, s := range v.SharedPools() {
		if s.Certain {
			return &s
		}
	}
	return nil
}
