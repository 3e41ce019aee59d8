package console

import (
	"context"
	"sync"
)

// Bounds of what takes long, such as a search: how much of it is under way at
// once for one person, and for all. Requests are decided by the same processors.
const (
	slowEach = 2
	slowAll  = 4
)

// followEach is how many streams of decisions one person may have open: there is
// room for few, and it is everybody's.
const followEach = 8

// turns bound what people do at the same time.
type turns struct {
	each int
	all  chan struct{} // one for each turn that is taken

	mu sync.Mutex
	of map[string]*queue // by person
}

// A queue is those of one person.
type queue struct {
	taken chan struct{} // one for each turn of theirs
	here  int           // who waits or has one
}

func newTurns(each, all int) *turns {
	return &turns{each: each, all: make(chan struct{}, all), of: map[string]*queue{}}
}

// take waits for a turn of a, and returns what gives it back. Those of one person
// wait for each other before they wait for anybody else's. The error is that of
// ctx.
func (t *turns) take(ctx context.Context, a Actor) (done func(), err error) {
	who := a.who()
	q := t.enter(who)
	if err := acquire(ctx, q.taken); err != nil {
		t.leave(who)
		return nil, err
	}
	if err := acquire(ctx, t.all); err != nil {
		<-q.taken
		t.leave(who)
		return nil, err
	}
	return func() { <-t.all; <-q.taken; t.leave(who) }, nil
}

// try is take for what nobody waits for, bounded for each person alone.
func (t *turns) try(a Actor) (done func(), ok bool) {
	who := a.who()
	q := t.enter(who)
	select {
	case q.taken <- struct{}{}:
		return func() { <-q.taken; t.leave(who) }, true
	default:
		t.leave(who)
		return nil, false
	}
}

func acquire(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) enter(who string) *queue {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.of[who]
	if q == nil {
		q = &queue{taken: make(chan struct{}, t.each)}
		t.of[who] = q
	}
	q.here++
	return q
}

func (t *turns) leave(who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of[who].here--; t.of[who].here == 0 {
		delete(t.of, who)
	}
}

// who is the person that a is, in however many sessions; all operators are one.
func (a Actor) who() string { return a.UserKey }
