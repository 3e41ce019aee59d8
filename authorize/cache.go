package authorize

import (
	"hash/maphash"
	"sync"
)

// cacheShards parts a cache, so that many cores seldom wait for one lock.
const cacheShards = 16

// A cache remembers a bounded number of values. Each shard holds two
// generations: when the young one is full it becomes the old one, and what the
// old one held and nobody asked for again is forgotten. A full cache costs no
// more than an empty one, whatever strangers put in. Keys are compared whole.
type cache[K comparable, V any] struct {
	seed   maphash.Seed
	limit  int // values in one generation of one shard
	shards [cacheShards]cacheShard[K, V]
}

type cacheShard[K comparable, V any] struct {
	mu    sync.RWMutex
	young map[K]V
	old   map[K]V
}

// newCache returns a cache that holds at most about size values.
func newCache[K comparable, V any](size int) *cache[K, V] {
	return &cache[K, V]{seed: maphash.MakeSeed(), limit: max(1, size/(2*cacheShards))}
}

func (c *cache[K, V]) shard(key K) *cacheShard[K, V] {
	return &c.shards[maphash.Comparable(c.seed, key)%cacheShards]
}

// get returns what was put under key and is still remembered.
func (c *cache[K, V]) get(key K) (V, bool) {
	s := c.shard(key)
	s.mu.RLock()
	v, ok := s.young[key]
	if ok {
		s.mu.RUnlock()
		return v, true
	}
	v, ok = s.old[key]
	s.mu.RUnlock()
	if ok {
		s.put(key, v, c.limit)
	}
	return v, ok
}

// put remembers v under key.
func (c *cache[K, V]) put(key K, v V) { c.shard(key).put(key, v, c.limit) }

func (s *cacheShard[K, V]) put(key K, v V, limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.young == nil || len(s.young) >= limit {
		s.old, s.young = s.young, make(map[K]V)
	}
	s.young[key] = v
}
