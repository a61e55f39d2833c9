package spiderpool

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIndexFollowsChanges compares an index that was changed step by step with
// one that was made at once.
func TestIndexFollowsChanges(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pools := map[string]*Pool{}
	x := NewIndex()
	for step := range 2000 {
		p := &Pool{Name: fmt.Sprint("p", random.IntN(30)), Version: []int{0, 4, 6}[random.IntN(3)], Default: random.IntN(2) == 0, Allocated: int64(step)}
		if random.IntN(3) == 0 {
			x.Delete(p.Name)
			delete(pools, p.Name)
		} else {
			x.Set(p)
			pools[p.Name] = p
		}
		var all []*Pool
		for _, p := range pools {
			all = append(all, p)
		}
		fresh := NewIndex(all...)
		for _, family := range []int{IPv4, IPv6, 0} {
			if !slices.Equal(x.Names(family), fresh.Names(family)) || !slices.Equal(x.Defaults(family), fresh.Defaults(family)) {
				t.Fatalf("step %d, family %d: names %q and defaults %q, want %q and %q", step, family,
					x.Names(family), x.Defaults(family), fresh.Names(family), fresh.Defaults(family))
			}
		}
		if got := x.Pool(p.Name); got != pools[p.Name] {
			t.Fatalf("step %d: pool %+v, want %+v", step, got, pools[p.Name])
		}
	}
}

// TestIndexKeepsWhatItGave: a list that was handed out is not changed later.
// What a pattern matches is found out again when the names have changed, and only then.
func TestMatchesFollowTheNames(t *testing.T) {
	x := NewIndex(&Pool{Name: "a-1", Version: IPv4}, &Pool{Name: "b-1", Version: IPv4}, &Pool{Name: "a-6", Version: IPv6})
	match := func(family int) (pools []string, tried int) {
		t.Helper()
		e := &expansion{pools: x, left: 10}
		pools, complete := e.matching("a-*", family)
		if !complete {
			t.Fatal("not complete")
		}
		return pools, 10 - e.left
	}
	for _, tt := range []struct {
		name   string
		change func()
		want   []string
		tried  int
	}{
		{"at first", func() {}, []string{"a-1"}, 1},
		{"again", func() {}, []string{"a-1"}, 0},
		{"other addresses in use", func() { x.Set(&Pool{Name: "a-1", Version: IPv4, Allocated: 1}) }, []string{"a-1"}, 0},
		{"another pool", func() { x.Set(&Pool{Name: "a-2", Version: IPv4}) }, []string{"a-1", "a-2"}, 2},
		{"one pool less", func() { x.Delete("a-1") }, []string{"a-2"}, 1},
	} {
		tt.change()
		if got, tried := match(IPv4); !slices.Equal(got, tt.want) || tried != tt.tried {
			t.Errorf("%s: %q with %d names tried, want %q with %d", tt.name, got, tried, tt.want, tt.tried)
		}
	}
	if got, _ := match(IPv6); !slices.Equal(got, []string{"a-6"}) {
		t.Errorf("of the other family: %q", got)
	}
}

func TestIndexKeepsWhatItGave(t *testing.T) {
	x := NewIndex(&Pool{Name: "b", Version: IPv4, Default: true}, &Pool{Name: "d", Version: IPv4})
	names, defaults := x.Names(IPv4), x.Defaults(IPv4)
	x.Set(&Pool{Name: "a", Version: IPv4, Default: true})
	x.Set(&Pool{Name: "c", Version: IPv4})
	x.Delete("b")
	x.Delete("nothing")
	if diff := cmp.Diff([][]string{{"b", "d"}, {"b"}}, [][]string{names, defaults}); diff != "" {
		t.Errorf("lists handed out before (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"a", "c", "d"}, {"a"}}, [][]string{x.Names(IPv4), x.Defaults(IPv4)}); diff != "" {
		t.Errorf("lists now (-want +got):\n%s", diff)
	}
}

// TestIndexClone: an index and its clone go separate ways.
func TestIndexClone(t *testing.T) {
	x := NewIndex(&Pool{Name: "a", Version: IPv4, Default: true}, &Pool{Name: "b", Version: IPv4}, &Pool{Name: "odd"})
	clone := x.Clone(NewIndex(&Pool{Name: "b", Version: IPv6}, &Pool{Name: "c", Version: IPv4}, &Pool{Name: "broken"}), nil)
	x.Set(&Pool{Name: "d", Version: IPv4})
	clone.Delete("a")
	for _, tt := range []struct {
		title           string
		index           *Index
		ipv4, ipv6      []string
		defaults        []string
		present, absent []string
	}{
		{"the original", x, []string{"a", "b", "d"}, nil, []string{"a"}, []string{"odd"}, []string{"c", "broken"}},
		{"the clone", clone, []string{"c"}, []string{"b"}, nil, []string{"odd", "broken"}, []string{"a", "d"}},
		{"a clone of nothing", (*Index)(nil).Clone(x), []string{"a", "b", "d"}, nil, []string{"a"}, []string{"odd"}, []string{"c"}},
	} {
		if diff := cmp.Diff([][]string{tt.ipv4, tt.ipv6, tt.defaults}, [][]string{tt.index.Names(IPv4), tt.index.Names(IPv6), tt.index.Defaults(IPv4)}); diff != "" {
			t.Errorf("%s, IPv4, IPv6 and default pools (-want +got):\n%s", tt.title, diff)
		}
		for _, name := range tt.present {
			if tt.index.Pool(name) == nil {
				t.Errorf("%s has lost pool %q", tt.title, name)
			}
		}
		for _, name := range tt.absent {
			if tt.index.Pool(name) != nil {
				t.Errorf("%s has got pool %q", tt.title, name)
			}
		}
	}
	(*Index)(nil).Clone().Set(&Pool{Name: "a"})
}

// TestIndexConcurrently is for the race detector.
func TestIndexConcurrently(t *testing.T) {
	x := NewIndex()
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 200 {
				x.Set(&Pool{Name: fmt.Sprint(i % 20), Version: IPv4, Default: i%3 == worker%3})
				Choose(&none, []Interface{{IPv4Pools: []string{"1*"}}, {}}, &World{Pools: x})
				x.Pool("1")
				x.Delete(fmt.Sprint(i % 7))
			}
		})
	}
	group.Wait()
	if n := len(x.Names(IPv4)); n < 13 || n > 20 {
		t.Errorf("%d names are left, want 13 to 20", n)
	}
}
