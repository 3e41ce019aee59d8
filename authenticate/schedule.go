package authenticate

import (
	"container/heap"
	"sync"
	"time"
)

// A schedule says which session is due next. It may be used concurrently.
type schedule struct {
	mu   sync.Mutex
	heap appointments
	byID map[string]*appointment
	wake chan struct{} // holds one token after a change of what comes first
}

type appointment struct {
	id      string
	at      time.Time
	expires time.Time // when the tokens do for whose sake it was made
	tries   int       // failures in a row
	index   int       // in the heap
}

func newSchedule() *schedule {
	return &schedule{byID: map[string]*appointment{}, wake: make(chan struct{}, 1)}
}

// set puts next in place of any other appointment of its session.
func (s *schedule) set(next appointment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.byID[next.id]; a != nil {
		next.index = a.index
		*a = next
		heap.Fix(&s.heap, a.index)
	} else {
		s.byID[next.id] = &next
		heap.Push(&s.heap, &next)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// plan is set, but for a session that is being tried again for the sake of the
// same tokens: the feed also brings what our own try has written.
func (s *schedule) plan(next appointment) {
	s.mu.Lock()
	a := s.byID[next.id]
	again := a != nil && a.tries > 0 && a.expires.Equal(next.expires)
	s.mu.Unlock()
	if !again {
		s.set(next)
	}
}

// drop forgets id.
func (s *schedule) drop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.byID[id]; a != nil {
		heap.Remove(&s.heap, a.index)
		delete(s.byID, id)
	}
}

// next takes the first appointment that is due at now. Without one it returns
// how long to wait, at most an hour.
func (s *schedule) next(now time.Time) (due *appointment, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heap) == 0 {
		return nil, time.Hour
	}
	first := s.heap[0]
	if wait := first.at.Sub(now); wait > 0 {
		return nil, min(wait, time.Hour)
	}
	heap.Pop(&s.heap)
	delete(s.byID, first.id)
	return first, 0
}

// appointments is a heap by time.
type appointments []*appointment

func (a appointments) Len() int           { return len(a) }
func (a appointments) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a appointments) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i, j
}

// Push and Pop are for package heap.
func (a *appointments) Push(x any) {
	item := x.(*appointment)
	item.index = len(*a)
	*a = append(*a, item)
}

// Pop removes the last.
func (a *appointments) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}
