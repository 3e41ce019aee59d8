package local

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// A limit says how many failed guesses are free and how the wait grows after.
type limit struct {
	free  int           // failures without a wait
	first time.Duration // the wait after one more; it doubles with each
	most  time.Duration // the longest wait
	fade  time.Duration // one failure is forgiven after this long without any
}

// The limits. An account waits at most a minute, so that a stranger who knows
// an address cannot keep its owner out for long: at that pace a year is half a
// million guesses, and a made password has 2^99. An address may be shared by an
// office, so more is free and the wait longer only for who goes on.
var (
	accountLimit = limit{free: 5, first: time.Second, most: time.Minute, fade: 5 * time.Minute}
	addressLimit = limit{free: 20, first: time.Second, most: 5 * time.Minute, fade: time.Minute}
)

// maxCounters bounds the memory of a throttle: about 100 bytes each. When it is
// full, the counter that was touched longest ago is forgotten.
const maxCounters = 20_000

// A throttle counts failed guesses by key, in memory.
type throttle struct {
	limit limit
	now   func() time.Time

	mu     sync.Mutex
	byKey  map[string]*list.Element
	recent *list.List // of *counter, the last touched in front
}

type counter struct {
	key      string
	failures int
	last     time.Time // of the last guess
	until    time.Time // no guess before
}

func newThrottle(l limit, now func() time.Time) *throttle {
	return &throttle{limit: l, now: now, byKey: make(map[string]*list.Element), recent: list.New()}
}

// take counts a guess as failed before it is made, and returns how long to wait
// if it may not be made now. Counting first means that a hundred guesses at one
// moment are a hundred guesses; forgive takes the right one back.
func (t *throttle) take(key string) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, c := t.now(), t.touch(key)
	if wait = c.until.Sub(now); wait > 0 {
		return wait
	}
	if !c.last.IsZero() {
		c.failures = max(0, c.failures-int(now.Sub(c.last)/t.limit.fade))
	}
	c.failures++
	c.last = now
	if over := c.failures - t.limit.free; over > 0 {
		c.until = now.Add(t.limit.wait(over))
	}
	return 0
}

// giveBack undoes one take: the guess was right, or was never made.
func (t *throttle) giveBack(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.byKey[key]; ok {
		c := e.Value.(*counter)
		c.failures = max(0, c.failures-1)
		c.until = time.Time{}
	}
}

// forget clears the account of who has shown the password.
func (t *throttle) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.byKey[key]; ok {
		t.recent.Remove(e)
		delete(t.byKey, key)
	}
}

// touch returns the counter of key, the newest now; the caller holds mu.
func (t *throttle) touch(key string) *counter {
	if e, ok := t.byKey[key]; ok {
		t.recent.MoveToFront(e)
		return e.Value.(*counter)
	}
	if t.recent.Len() >= maxCounters {
		oldest := t.recent.Back()
		delete(t.byKey, t.recent.Remove(oldest).(*counter).key)
	}
	c := &counter{key: key}
	t.byKey[key] = t.recent.PushFront(c)
	return c
}

// wait returns the wait after the over-th failure beyond the free ones.
func (l limit) wait(over int) time.Duration {
	wait := l.first
	for range over - 1 {
		if wait *= 2; wait >= l.most {
			return l.most
		}
	}
	return wait
}

// network is what an address is counted by: IPv4 whole, IPv6 by its /64, which
// one household owns in full. Text that is no address is its own key.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}
