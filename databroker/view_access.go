package databroker

import (
	"context"
	"errors"
	"sync"
	"time"
)

// touches are the sessions that were used and not written down yet.
type touches struct {
	mu      sync.Mutex
	pending map[string]touch
}

type touch struct{ at, expires time.Time }

// Touch notes that the session id is in use. It costs a map operation and does
// not block; at most one note per TouchEvery is written down. A session that
// the view does not remember is not noted: who touches it has just read it.
func (v *View) Touch(id string) {
	p := v.sessions.find(id)
	if p == nil {
		return
	}
	now := v.o.Now()
	last := p.touched.Load()
	if now.UnixNano()-last < int64(v.o.TouchEvery) && last <= now.UnixNano() || !p.touched.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	st := p.state.Load()
	if st == nil || st.value == nil {
		return
	}
	v.touched.add(id, touch{at: now, expires: st.expires})
}

func (t *touches) add(id string, one touch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == nil {
		t.pending = make(map[string]touch)
	}
	if t.pending[id].at.Before(one.at) {
		t.pending[id] = one
	}
}

func (t *touches) take() map[string]touch {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.pending
	t.pending = nil
	return taken
}

// LastAccess returns when the session id was last touched, by this view or as
// any other has written it down: exact to TouchEvery and a little. The zero
// time says that it never was. A session in use is answered from memory; only
// one that has rested for a while is looked up.
func (v *View) LastAccess(ctx context.Context, id string) (time.Time, error) {
	var local time.Time
	if p := v.sessions.find(id); p != nil {
		if nanos := p.touched.Load(); nanos != 0 {
			local = time.Unix(0, nanos)
		}
		if since := v.o.Now().Sub(local); since < 2*v.o.TouchEvery {
			return local, nil
		}
	}
	a, err := v.accesses.get(ctx, id, 0)
	switch {
	case errors.Is(err, ErrNotFound):
		return local, nil
	case err != nil:
		return time.Time{}, err
	case a.At.After(local):
		return a.At, nil
	}
	return local, nil
}

// writeTouches writes down, from time to time and at the end, which sessions
// were used.
func (v *View) writeTouches(ctx context.Context) {
	tick := time.NewTicker(max(v.o.TouchEvery/3, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			v.flushTouches(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.o.ReadTimeout)
			defer cancel()
			v.flushTouches(last)
			return
		}
	}
}

// flushTouches writes the pending notes, many at once and outside the feed. An
// older note of another replica may be written over a younger one within
// TouchEvery; the next touch mends it.
func (v *View) flushTouches(ctx context.Context) {
	taken := v.touched.take()
	writes := make([]Write, 0, min(len(taken), MaxWrites))
	send := func() {
		if len(writes) == 0 {
			return
		}
		if _, err := v.client.WriteAll(ctx, writes); err != nil {
			v.o.Log.Debug().Err(err).Int("sessions", len(writes)).Msg("last accesses not written, kept for later")
			for _, w := range writes {
				v.touched.add(w.ID, taken[w.ID])
			}
		}
		writes = writes[:0]
	}
	now := v.o.Now()
	for id, t := range taken {
		if !t.expires.IsZero() && !now.Before(t.expires) {
			continue
		}
		data, err := v.client.codec.encode(TypeAccess, id, access{At: t.at.UTC()})
		if err != nil {
			continue
		}
		writes = append(writes, Write{Type: TypeAccess, ID: id, Data: data, ExpiresAt: t.expires, Overwrite: true, Quiet: true})
		if len(writes) == MaxWrites {
			send()
		}
	}
	send()
}
