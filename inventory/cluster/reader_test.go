package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

var vlan0 = object.Reference{Namespace: "kube-system", Name: "vlan0"}

// source is what an API server would answer; each answer takes a second of the
// test's own clock.
type source struct {
	network atomic.Pointer[cniconf.Network]
	err     error
	reads   atomic.Int32
}

func (s *source) get(ctx context.Context, _ object.Reference) (*cniconf.Network, error) {
	s.reads.Add(1)
	answer := s.network.Load() // what is there when the read is sent
	select {
	case <-time.After(time.Second):
		return answer, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *source) reader(limit rate.Limit, burst int) (*reader[cniconf.Network], map[string]int) {
	var mu sync.Mutex
	results := map[string]int{}
	return newReader(s.get, rate.NewLimiter(limit, burst), readTimeout, time.Now, func(result string) {
		mu.Lock()
		defer mu.Unlock()
		results[result]++
	}), results
}

func TestReadsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		s.network.Store(&cniconf.Network{Name: "vlan0"})
		r, _ := s.reader(rate.Inf, 1)
		var askers sync.WaitGroup
		for range 100 {
			askers.Go(func() {
				if f := r.read(t.Context(), vlan0); f.Value == nil || f.Err != nil || !f.Fresh {
					t.Errorf("got %+v", f)
				}
			})
		}
		askers.Wait()
		// The first asker's read, and the one that all who came later share.
		if n := s.reads.Load(); n > 2 {
			t.Errorf("%d reads for 100 askers at once", n)
		}
	})
}

// An asker that comes after a network was created must not get the answer to a
// read that was sent before.
func TestAnswerIsNotOlderThanTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		r, _ := s.reader(rate.Inf, 1)
		var askers sync.WaitGroup
		askers.Go(func() {
			if f := r.read(t.Context(), vlan0); f.Value != nil || f.Err != nil {
				t.Errorf("before it was created: %+v", f)
			}
		})
		time.Sleep(time.Second / 2) // the first read is under way
		s.network.Store(&cniconf.Network{Name: "vlan0"})
		askers.Go(func() {
			if f := r.read(t.Context(), vlan0); f.Value == nil {
				t.Errorf("after it was created: %+v", f)
			}
		})
		askers.Wait()
		// And right after an answer that there is none.
		s.network.Store(nil)
		if f := r.read(t.Context(), vlan0); f.Value != nil {
			t.Errorf("after it was deleted: %+v", f)
		}
		s.network.Store(&cniconf.Network{Name: "vlan0"})
		if f := r.read(t.Context(), vlan0); f.Value == nil || !f.Fresh {
			t.Errorf("created again: %+v", f)
		}
	})
}

// Only when the rate is exhausted does an absence stand in for a read, for less
// than a second, and it is not called fresh.
func TestAbsenceIsRememberedUnderPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		r, results := s.reader(rate.Every(time.Hour), 1)
		if f := r.read(t.Context(), vlan0); f.Value != nil || !f.Fresh {
			t.Errorf("first read: %+v", f)
		}
		for range 10 {
			if f := r.read(t.Context(), vlan0); f.Value != nil || f.Err != nil || f.Fresh {
				t.Errorf("under pressure: %+v", f)
			}
		}
		if n := s.reads.Load(); n != 1 || results["remembered"] != 10 {
			t.Errorf("%d reads, results %v", n, results)
		}
		time.Sleep(absenceKept)
		if f := r.read(t.Context(), vlan0); f.Err == nil {
			t.Errorf("an absence of more than a second ago is taken for an answer: %+v", f)
		}
	})
}

// Lists of all pools have so low a rate that it would turn most askers away, if
// they did not share the next list.
func TestNobodyIsTurnedAwayFromLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := 0 // at most one at a time
		list := func(context.Context, object.Reference) (*cniconf.Network, error) {
			lists++
			time.Sleep(time.Second / 20)
			return &cniconf.Network{}, nil
		}
		r := newReader(list, rate.NewLimiter(liveListsPerSecond, liveListBurst), 0, time.Now, func(string) {})
		const seconds = 10
		var askers sync.WaitGroup
		for range seconds * 100 {
			askers.Go(func() {
				if f := r.read(t.Context(), object.Reference{}); f.Value == nil || f.Err != nil || !f.Fresh {
					t.Errorf("got %+v", f)
				}
			})
			time.Sleep(time.Second / 100)
		}
		askers.Wait()
		if most := liveListBurst + liveListsPerSecond*(seconds+1); lists > most {
			t.Errorf("%d lists in %d seconds, want up to %d", lists, seconds, most)
		}
	})
}

// A list of thousands of pools takes longer than the read of one.
func TestListsTakeLongerThanReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := func(ctx context.Context, _ object.Reference) (*cniconf.Network, error) {
			select {
			case <-time.After(4 * readTimeout):
				return &cniconf.Network{}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		lists := newReader(list, rate.NewLimiter(liveListsPerSecond, liveListBurst), 0, time.Now, func(string) {})
		if f := lists.read(t.Context(), object.Reference{}); f.Err != nil || !f.Fresh {
			t.Errorf("a long list: %+v", f)
		}
		reads := newReader(list, rate.NewLimiter(rate.Inf, 1), readTimeout, time.Now, func(string) {})
		if f := reads.read(t.Context(), vlan0); !errors.Is(f.Err, context.DeadlineExceeded) {
			t.Errorf("a long read: %+v", f)
		}
	})
}

func TestFailureAndDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("connection refused")
		s := &source{err: broken}
		r, _ := s.reader(rate.Inf, 1)
		if f := r.read(t.Context(), vlan0); !errors.Is(f.Err, broken) || f.Fresh {
			t.Errorf("failed read: %+v", f)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/10)
		defer cancel()
		if f := r.read(ctx, vlan0); !errors.Is(f.Err, context.DeadlineExceeded) {
			t.Errorf("past the deadline: %+v", f)
		}
		time.Sleep(readTimeout) // the read goes on without its asker, for so long at most
	})
}

func TestMemoryForAbsencesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader[cniconf.Network](nil, rate.NewLimiter(rate.Inf, 1), readTimeout, time.Now, func(string) {})
		for i := range 3 * absencesKept {
			r.rememberAbsence(object.Reference{Namespace: "default", Name: string(rune(i))})
		}
		if n := len(r.absences); n > absencesKept {
			t.Errorf("%d absences remembered", n)
		}
		time.Sleep(absenceKept)
		r.rememberAbsence(vlan0)
		if !r.absentLately(vlan0) || len(r.absences) != 1 {
			t.Errorf("%d absences after a second", len(r.absences))
		}
	})
}
