package cluster

import (
	"strings"
	"sync"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
)

// reserved follows the pools of whereabouts. A cluster has one whereabouts, so that names say
// which pool is meant, whatever its namespace is.
type reserved struct {
	*watched[ipam.Reserved]
	mu     sync.RWMutex
	byName map[string]*ipam.Reserved
}

// followReserved prepares to follow the pools; nothing is asked before run.
func followReserved(f *follower) (*reserved, error) {
	w, err := follow(f, reservedKind())
	if err != nil {
		return nil, err
	}
	r := &reserved{watched: w, byName: map[string]*ipam.Reserved{}}
	return r, w.onChange(func(key string, pool *ipam.Reserved) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.byName[nameIn(key)] = pool
	}, func(key string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.byName, nameIn(key))
	})
}

// nameIn is the name in a key of an informer, which has the namespace before it.
func nameIn(key string) string { return key[strings.IndexByte(key, '/')+1:] }

// named is the pool of a name as memory has it; nil for none.
func (r *reserved) named(name string) *ipam.Reserved {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byName[name]
}
