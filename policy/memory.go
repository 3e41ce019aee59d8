package policy

import (
	"hash/maphash"
	"sync"
)

// maxKey bounds the key of a remembered decision in bytes. A request with a
// longer path is evaluated each time.
const maxKey = 512

// Decisions that one program remembers: at most shards times generationSize,
// twice.
const (
	shards         = 8
	generationSize = 128
)

// A memory holds decisions under exactly the facts they were made from. A
// program's meaning never changes and a person's neither, so that nothing in
// it ever becomes wrong; it only becomes old, and the older half goes when the
// younger is full. Safe for concurrent use; the zero memory is empty.
type memory struct {
	shards [shards]shard
}

type shard struct {
	mu    sync.RWMutex
	young map[memoryKey]*Decision
	old   map[memoryKey]*Decision
}

// A memoryKey is compared as a whole; its hash decides nothing.
type memoryKey struct {
	person *Person
	facts  string
}

// hashSeed spreads keys over shards in a way that a client cannot foresee.
var hashSeed = maphash.MakeSeed()

func (m *memory) shard(person *Person, facts []byte) *shard {
	var h uint64
	if len(facts) > 0 {
		h = maphash.Bytes(hashSeed, facts)
	}
	if person != nil {
		h ^= uint64(person.hash)
	}
	return &m.shards[h%shards]
}

// get returns what was put under the key. It does not allocate.
func (m *memory) get(person *Person, facts []byte) (*Decision, bool) {
	s := m.shard(person, facts)
	s.mu.RLock()
	d, ok := s.young[memoryKey{person, string(facts)}]
	aged := false
	if !ok {
		d, ok = s.old[memoryKey{person, string(facts)}]
		aged = ok
	}
	s.mu.RUnlock()
	if aged {
		s.put(memoryKey{person, string(facts)}, d)
	}
	return d, ok
}

func (m *memory) put(person *Person, facts string, d *Decision) {
	m.shard(person, []byte(facts)).put(memoryKey{person, facts}, d)
}

func (s *shard) put(k memoryKey, d *Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= generationSize {
		s.old, s.young = s.young, nil
	}
	if s.young == nil {
		s.young = make(map[memoryKey]*Decision)
	}
	s.young[k] = d
}
