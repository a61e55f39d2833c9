package spiderpool

import (
	"maps"
	"slices"
	"sync"
)

// Index holds the pools of a cluster for [Choose]. Only the look-up of a pattern
// takes longer when there are more pools. Several goroutines may use an Index at
// once. A nil Index holds no pools.
type Index struct {
	mu    sync.RWMutex
	pools map[string]*Pool
	// names and defaults are those of all pools and of the default ones, by
	// family, sorted. The slices are replaced, never changed.
	names, defaults [2][]string
	// generation counts the changes of names.
	generation uint64
	// matches are those of the patterns that were asked for last. Every pod of a
	// workload asks for the same.
	matches map[patternOf]matched
}

// patternOf is a pattern for the pools of one family.
type patternOf struct {
	family  int
	pattern string
}

// matched are the pools that a pattern matched in one generation of names.
type matched struct {
	generation uint64
	pools      []string
}

// mostRemembered bounds the memory for matches: workloads whose pods start at the
// same time are few.
const mostRemembered = 64

// remembered is what a pattern matches among the names, if that was found out
// before and the names have not changed since. The generation is that of the names.
func (x *Index) remembered(p patternOf) (names, pools []string, generation uint64, ok bool) {
	i, isFamily := familyIndex(p.family)
	if x == nil || !isFamily {
		return nil, nil, 0, false
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	m, ok := x.matches[p]
	return x.names[i], m.pools, x.generation, ok && m.generation == x.generation
}

func (x *Index) remember(p patternOf, generation uint64, pools []string) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.matches == nil || len(x.matches) >= mostRemembered {
		x.matches = map[patternOf]matched{}
	}
	x.matches[p] = matched{generation, pools}
}

// NewIndex holds the given pools; of equal names the last one counts.
func NewIndex(pools ...*Pool) *Index {
	x := &Index{pools: make(map[string]*Pool, len(pools))}
	for _, p := range pools {
		x.pools[p.Name] = p
	}
	x.list()
	return x
}

// list makes the sorted names of all pools.
func (x *Index) list() {
	x.names, x.defaults = [2][]string{}, [2][]string{}
	for _, p := range x.pools {
		if i, ok := familyIndex(p.Version); ok {
			x.names[i] = append(x.names[i], p.Name)
			if p.Default {
				x.defaults[i] = append(x.defaults[i], p.Name)
			}
		}
	}
	for i := range x.names {
		slices.Sort(x.names[i])
		slices.Sort(x.defaults[i])
	}
}

// Clone holds the same pools in an index of its own, and over them those of others;
// of equal names the last one counts.
func (x *Index) Clone(over ...*Index) *Index {
	out := &Index{pools: map[string]*Pool{}}
	if x != nil {
		x.mu.RLock()
		out.pools, out.names, out.defaults = maps.Clone(x.pools), x.names, x.defaults
		x.mu.RUnlock()
	}
	for _, other := range over {
		if other != nil {
			other.mu.RLock()
			maps.Copy(out.pools, other.pools)
			other.mu.RUnlock()
		}
	}
	if len(over) > 0 {
		out.list()
	}
	return out
}

func familyIndex(family int) (int, bool) {
	switch family {
	case IPv4:
		return 0, true
	case IPv6:
		return 1, true
	default:
		return 0, false
	}
}

// Set adds a pool or replaces the one of its name. A change of nothing but the
// addresses in use, which is what changes most, takes constant time.
func (x *Index) Set(p *Pool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old := x.pools[p.Name]
	x.pools[p.Name] = p
	if old != nil && old.Version == p.Version && old.Default == p.Default {
		return
	}
	x.generation++
	x.unlist(old)
	if i, ok := familyIndex(p.Version); ok {
		x.names[i] = with(x.names[i], p.Name)
		if p.Default {
			x.defaults[i] = with(x.defaults[i], p.Name)
		}
	}
}

// Delete removes a pool, which need not be there.
func (x *Index) Delete(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.generation++
	x.unlist(x.pools[name])
	delete(x.pools, name)
}

func (x *Index) unlist(p *Pool) {
	if p == nil {
		return
	}
	if i, ok := familyIndex(p.Version); ok {
		x.names[i] = without(x.names[i], p.Name)
		x.defaults[i] = without(x.defaults[i], p.Name)
	}
}

func with(sorted []string, name string) []string {
	at, _ := slices.BinarySearch(sorted, name)
	return slices.Insert(slices.Clip(sorted), at, name)
}

func without(sorted []string, name string) []string {
	at, found := slices.BinarySearch(sorted, name)
	if !found {
		return sorted
	}
	return slices.Concat(sorted[:at], sorted[at+1:])
}

// Pool is the pool of a name, nil when there is none.
func (x *Index) Pool(name string) *Pool {
	if x == nil {
		return nil
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.pools[name]
}

// Names are those of the pools of a family, sorted. They must not be changed.
func (x *Index) Names(family int) []string {
	names, _ := x.lists(family)
	return names
}

// Defaults are those of [Index.Names] whose pools are default ones.
func (x *Index) Defaults(family int) []string {
	_, defaults := x.lists(family)
	return defaults
}

func (x *Index) lists(family int) (names, defaults []string) {
	i, ok := familyIndex(family)
	if x == nil || !ok {
		return nil, nil
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.names[i], x.defaults[i]
}
