package authorize

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// A leash is what a long-lived stream is held by: open from its first decision
// until the stream is over, or until a later decision ends it.
type leash struct {
	wire  string // the question it was allowed by, in bytes
	began time.Time
	// session is whose identity the upstream was told of, as person.told has it;
	// "" for nobody's.
	session string

	ended chan struct{} // closed when the stream has to end
	why   string        // the outcome that ends it; set before ended is closed

	// The rest belongs to leashes and its lock.
	state leashState
	deps  []dependency
	timer *time.Timer // looks again when the decision may have become another
}

// A leashState says where a leash is on the way to its next decision.
type leashState uint8

const (
	resting  leashState = iota
	queued              // it waits to be decided
	deciding            //
	outdated            // being decided, and something has changed since that began
	gone                // ended, or its stream is over
)

// A dependency is a record, or a route, whose change may make another decision.
type dependency struct{ typ, id string }

// dependsRoute is the type of dependencies that are routes. No record has it.
const dependsRoute = "route"

// leashes are all that are held, by what they depend on. A change costs a look
// into a map, and a decision for each leash that it concerns.
type leashes struct {
	mu      sync.Mutex
	all     map[*leash]struct{}
	by      map[dependency]map[*leash]struct{}
	queue   []*leash
	work    chan struct{} // holds one token while the queue is not empty
	changes uint64        // that were told of
	closed  bool          // none is taken any more
	opened  uint64
	bytes   int64
	share   map[string]int64  // of bytes, by the session that was told of
	counts  map[string]uint64 // of those that ended, by reason
}

func newLeashes() *leashes {
	return &leashes{
		all: make(map[*leash]struct{}), by: make(map[dependency]map[*leash]struct{}), share: make(map[string]int64),
		work: make(chan struct{}, 1), counts: make(map[string]uint64),
	}
}

// maxLeashBytes bounds what the questions of all leashes take together: what a
// stranger sends must not fill the memory. An ordinary one has one or two KiB.
const maxLeashBytes = 256 << 20

// maxShare is how much of it one session may have, and all streams that are
// nobody's: nobody's many streams keep others out. A session has room for
// thousands of ordinary ones.
func maxShare(session string) int64 {
	if session == "" {
		return maxLeashBytes / 2
	}
	return maxLeashBytes / 16
}

// take begins to hold l, which is being decided from now on. It reports false
// when there is no room, or nobody to keep watch.
func (t *leashes) take(l *leash) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	size := int64(len(l.wire))
	if t.closed || t.bytes+size > maxLeashBytes || t.share[l.session]+size > maxShare(l.session) {
		t.counts[reasonLeashRefused]++
		return false
	}
	t.all[l] = struct{}{}
	t.opened++
	t.bytes += size
	t.share[l.session] += size
	l.state = deciding
	return true
}

// refuse counts one that was not taken.
func (t *leashes) refuse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[reasonLeashRefused]++
}

// drop lets go of l for reason, if it is still held.
func (t *leashes) drop(l *leash, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropLocked(l, reason)
}

func (t *leashes) dropLocked(l *leash, reason string) {
	if l.state == gone {
		return
	}
	t.untie(l)
	l.state = gone
	if l.timer != nil {
		l.timer.Stop()
	}
	delete(t.all, l)
	size := int64(len(l.wire))
	t.bytes -= size
	if t.share[l.session] -= size; t.share[l.session] == 0 {
		delete(t.share, l.session)
	}
	t.counts[reason]++
}

// end ends the stream of l for reason. It reports false when it is over already.
func (t *leashes) end(l *leash, reason string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.state == gone {
		return false
	}
	t.dropLocked(l, reason)
	l.why = reason
	close(l.ended)
	return true
}

func (t *leashes) untie(l *leash) {
	for _, d := range l.deps {
		delete(t.by[d], l)
		if len(t.by[d]) == 0 {
			delete(t.by, d)
		}
	}
	l.deps = nil
}

// tie says what the decision about l depends on, and when it may become another
// by itself. seen is the number of changes before that decision: one that came
// in between was not told to l, which did not depend on it yet.
func (t *leashes) tie(l *leash, deps []dependency, rest time.Duration, seen uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.state == gone {
		return
	}
	again := l.state == outdated
	if !slices.Equal(l.deps, deps) {
		t.untie(l)
		l.deps = deps
		for _, d := range deps {
			if t.by[d] == nil {
				t.by[d] = make(map[*leash]struct{})
			}
			t.by[d][l] = struct{}{}
		}
		again = again || t.changes != seen
	}
	l.state = resting
	if again {
		t.mark(l)
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(rest, func() { t.markOne(l) })
		return
	}
	l.timer.Reset(rest)
}

// mark sees to it that l is decided anew.
func (t *leashes) mark(l *leash) {
	switch l.state {
	case resting:
		l.state = queued
		t.queue = append(t.queue, l)
		t.wake()
	case deciding:
		l.state = outdated
	}
}

func (t *leashes) markOne(l *leash) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mark(l)
}

func (t *leashes) wake() {
	select {
	case t.work <- struct{}{}:
	default: // the token lies there
	}
}

// next takes the leash that waits longest, which is being decided from then on.
func (t *leashes) next() *leash {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) > 0 {
		l := t.queue[0]
		t.queue[0] = nil
		if t.queue = t.queue[1:]; len(t.queue) > 0 {
			t.wake()
		} else {
			t.queue = nil
		}
		if l.state == queued {
			l.state = deciding
			return l
		}
	}
	return nil
}

// changed says that what d names is not what it was.
func (t *leashes) changed(d dependency) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes++
	for l := range t.by[d] {
		t.mark(l)
	}
}

// changedAll says that anything may have changed.
func (t *leashes) changedAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes++
	for l := range t.all {
		t.mark(l)
	}
}

func (t *leashes) seen() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changes
}

// close ends all streams, and takes none any more. It returns how many they were.
func (t *leashes) close() int {
	t.mu.Lock()
	t.closed = true
	all := slices.Collect(maps.Keys(t.all))
	t.mu.Unlock()
	for _, l := range all {
		t.end(l, reasonStopping)
	}
	return len(all)
}

// LeashStats are figures of the long-lived streams.
type LeashStats struct {
	Open   int
	Opened uint64            // since the start
	Ended  map[string]uint64 // since the start, by reason
	Bytes  int64             // what is remembered of their requests
}

// LeashStats returns the figures of now.
func (s *Server) LeashStats() LeashStats {
	t := s.leashes
	t.mu.Lock()
	defer t.mu.Unlock()
	return LeashStats{Open: len(t.all), Opened: t.opened, Bytes: t.bytes, Ended: maps.Clone(t.counts)}
}
