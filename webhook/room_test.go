package webhook

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// waitsIn is how many requests wait.
func (r *room) waitsIn() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting)
}

// arrivals enters a room for several hosts, one after the other, and notes in which order
// they get in. Each leaves at once.
type arrivals struct {
	mu    sync.Mutex
	order []string
	group sync.WaitGroup
}

func (a *arrivals) enter(t *testing.T, r *room, enter func(context.Context, string, int64) error, host string, size int64) {
	t.Helper()
	before := r.waitsIn()
	a.group.Go(func() {
		note := host
		if err := enter(t.Context(), host, size); err != nil {
			note = "-" + host
		}
		a.mu.Lock()
		a.order = append(a.order, note)
		a.mu.Unlock()
		if note == host {
			r.leave(host, size)
		}
	})
	wait.Until(t, host+" waits, or another gave way", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return r.waitsIn() > before || len(a.order) > 0
	})
}

// Whoever uses least comes next, whatever waits before it; what was in before comes first.
func TestRoomIsFair(t *testing.T) {
	r := newRoom(2, 10)
	for range 2 {
		if err := r.enter(t.Context(), "flood", 1); err != nil {
			t.Fatal(err)
		}
	}
	var a arrivals
	for range 3 {
		a.enter(t, r, r.enter, "flood", 1)
	}
	a.enter(t, r, r.enter, "quiet", 1)
	a.enter(t, r, r.reenter, "back", 1)
	r.leave("flood", 1)
	a.group.Wait()
	if want := []string{"back", "quiet"}; !slices.Equal(a.order[:2], want) {
		t.Errorf("order %q, want %q first", a.order, want)
	}
}

// When too many wait, the newest gives way of the address with the most.
func TestRoomIsFull(t *testing.T) {
	r := newRoom(1, 2)
	if err := r.enter(t.Context(), "flood", 1); err != nil {
		t.Fatal(err)
	}
	var a arrivals
	a.enter(t, r, r.enter, "flood", 1)
	a.enter(t, r, r.enter, "flood", 1)
	a.enter(t, r, r.enter, "quiet", 1)
	wait.Until(t, "one has given way", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return slices.Equal(a.order, []string{"-flood"})
	})
	if err := r.enter(t.Context(), "flood", 1); !errors.Is(err, errFull) {
		t.Errorf("one more: %v", err)
	}
	r.leave("flood", 1)
	a.group.Wait()
	if want := []string{"-flood", "flood", "quiet"}; !slices.Equal(a.order, want) {
		t.Errorf("order %q, want %q", a.order, want)
	}
}

func TestRoomWaitEnds(t *testing.T) {
	r := newRoom(3, 10)
	if err := r.enter(t.Context(), "a", 2); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var large, small error
	var group sync.WaitGroup
	group.Go(func() { large = r.enter(ctx, "b", 3) })
	wait.Until(t, "the large one waits", func() bool { return r.waitsIn() == 1 })
	group.Go(func() { small = r.enter(t.Context(), "b", 1) })
	wait.Until(t, "the small one waits, too", func() bool { return r.waitsIn() == 2 })
	cancel()
	group.Wait()
	if !errors.Is(large, context.Canceled) || small != nil {
		t.Errorf("large: %v, small: %v", large, small)
	}
	r.leave("a", 2)
	r.leave("b", 1)
	if r.free != 3 || len(r.used) > 0 {
		t.Errorf("%d free, used %v", r.free, r.used)
	}
}

// What is entered without waiting leaves something to others.
func TestRoomTry(t *testing.T) {
	r := newRoom(8, 0)
	for n, want := range []bool{true, true, true, false} {
		if got := r.try("flood", 2); got != want {
			t.Errorf("%d: %t", n, got)
		}
	}
	if !r.try("quiet", 2) {
		t.Error("nothing is left")
	}
	if r.try("third", 1) {
		t.Error("there is more than all")
	}
}

// A place that is lent while its request waits is there again afterwards, and everything
// is given back in the end, also when the timer comes too late.
func TestPlace(t *testing.T) {
	for name, size := range map[string]int{"small": smallBody, "large": smallBody + 1} {
		t.Run(name, func(t *testing.T) {
			g := newGates()
			free := func() [4]int64 {
				return [4]int64{g.verdicts.free, g.sleeping.free, g.large.free, g.sleepingLarge.free}
			}
			before := free()
			p, problem := g.enter(t.Context(), newGuest("a", time.Now(), time.Minute), size)
			if problem != nil {
				t.Fatal(problem)
			}
			busy := free()
			awake := waiting(context.WithValue(t.Context(), placeKey{}, p))
			wait.Until(t, "the place is lent", func() bool {
				p.mu.Lock()
				defer p.mu.Unlock()
				return p.asleep && !p.held && g.verdicts.free == before[0] && g.large.free == before[2]
			})
			awake()
			if !p.held || p.asleep || free() != busy {
				t.Errorf("held: %t, asleep: %t, free: %d, want %d", p.held, p.asleep, free(), busy)
			}
			p.sleep() // too late
			if !p.held {
				t.Error("the place is lent while the request is judged")
			}
			p.leave()
			if free() != before {
				t.Errorf("free: %d, before: %d", free(), before)
			}
		})
	}
}

// A verdict whose time is over goes on without its place, and leaves nothing behind.
func TestPlaceIsGone(t *testing.T) {
	g := newGates()
	who := newGuest("a", time.Now(), time.Minute)
	p, problem := g.enter(t.Context(), who, smallBody+1)
	if problem != nil {
		t.Fatal(problem)
	}
	p.waits++
	p.sleep()
	other, problem := g.enter(t.Context(), who, smallBody+1)
	if problem != nil {
		t.Fatal(problem)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.wake(ctx)
	p.leave()
	if g.large.free != 0 {
		t.Errorf("%d large places are free", g.large.free)
	}
	other.leave()
	if fresh := newGates(); g.large.free != fresh.large.free || g.verdicts.free != fresh.verdicts.free || g.sleepingLarge.free != sleepingLarge {
		t.Errorf("%d large places and %d others are free", g.large.free, g.verdicts.free)
	}
}

// No more large requests are asleep than memory stands, and one address leaves some to others.
func TestLargeSleepers(t *testing.T) {
	g := newGates()
	asleep := map[string]int{}
	for _, host := range []string{"flood", "quiet"} {
		for range sleepingLarge {
			p := &place{gates: g, host: host, size: maxBody, large: true, waits: 1}
			g.large.take(host, 1)
			g.verdicts.take(host, 1)
			p.held = true
			if p.sleep(); p.asleep {
				asleep[host]++
			}
			p.leave()
		}
	}
	if asleep["flood"] != sleepingLarge*3/4 || asleep["quiet"] < 1 || asleep["flood"]+asleep["quiet"] > sleepingLarge {
		t.Errorf("asleep: %v", asleep)
	}
	if g.large.free != largeVerdicts {
		t.Errorf("%d large places are free", g.large.free)
	}
}

// Whatever rooms a request waits for, half of its time is left, and so more than half of what
// the API server waits for.
func TestGuestWaitsForHalfOfItsTime(t *testing.T) {
	start := time.Now()
	for asked, want := range map[string]time.Duration{"1s": time.Second / 4, "2s": time.Second / 2, "5s": queueTimeout, "30s": queueTimeout, "": queueTimeout} {
		e := &endpoint{deadline: 4 * time.Second}
		r := httptest.NewRequest(http.MethodPost, "/validate?timeout="+asked, nil)
		if got := newGuest("a", start, e.timeout(r)).until.Sub(start); got != want {
			t.Errorf("timeout %q: waits for %s, want %s", asked, got, want)
		}
	}
	// What it waited for before counts.
	g := newGates()
	late := newGuest("a", start.Add(-time.Hour), 4*time.Second)
	p, problem := g.enter(t.Context(), late, smallBody+1)
	if problem != nil {
		t.Fatal("refused though there is room")
	}
	if _, problem := g.enter(t.Context(), late, smallBody+1); problem == nil {
		t.Error("it waits again")
	}
	p.leave()
}
