package main

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-proxy/cardea/internal/journal"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// decisions show the console what the journal holds. They are console.Decisions.
type decisions struct {
	journal *journal.Journal
	tail    *tail
}

// Newest is that of console.Decisions.
func (d *decisions) Newest(ctx context.Context, before time.Time) iter.Seq2[*consolepb.Decision, error] {
	return func(yield func(*consolepb.Decision, error) bool) {
		var known people
		for e, err := range d.journal.Newest(ctx, before) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if !yield(decisionOf(&e, known.of(e.Person)), nil) {
				return
			}
		}
	}
}

// Find is that of console.Decisions.
func (d *decisions) Find(ctx context.Context, id string) (*consolepb.Decision, error) {
	e, err := d.journal.Find(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, console.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	var known people
	return decisionOf(&e, known.of(e.Person)), nil
}

// people are who recorded persons are; entries read together share them.
type people struct{ last map[*journal.Person]who }

type who struct{ email, id string }

// maxPeople bounds what is kept, since a reading can be long.
const maxPeople = 4096

func (k *people) of(p *journal.Person) who {
	if p == nil {
		return who{}
	}
	if one, ok := k.last[p]; ok {
		return one
	}
	if k.last == nil || len(k.last) >= maxPeople {
		k.last = map[*journal.Person]who{}
	}
	var data struct {
		Email  string `json:"email"`
		UserID string `json:"user_id"`
	}
	one := who{id: "?"} // somebody of whom nothing was recorded
	raw := p.JSON
	if p.Data != nil { // not written yet
		raw, _ = p.Data() // without it nothing is known, as of one that was read
	}
	if raw != nil && decodeExact(raw, &data) == nil {
		one = who{data.Email, data.UserID}
	}
	k.last[p] = one
	return one
}

// decisionOf is an entry as the console shows it, without what may be secret.
func decisionOf(e *journal.Entry, w who) *consolepb.Decision {
	d := &consolepb.Decision{
		RequestId: e.RequestID, Time: timestamppb.New(e.Time), Outcome: e.Outcome, RouteId: e.RouteID, Route: e.From,
		Method: e.Method, Host: e.Host, Path: e.RawPath, Address: e.IP, Email: w.email, UserId: w.id, Error: e.Err, Generation: e.Generation,
		ImpersonatedBy: e.ImpersonatedBy,
	}
	if e.Outcome == "allow" {
		d.Reasons = reasonsOf(e.AllowReasons)
	} else {
		d.Reasons = reasonsOf(slices.Concat(e.DenyReasons, e.AllowReasons))
	}
	for _, s := range []*string{&d.RequestId, &d.Route, &d.Method, &d.Host, &d.Path, &d.Address, &d.Email, &d.UserId, &d.Error, &d.ImpersonatedBy} {
		*s = policy.Visible(*s)
	}
	return d
}

func reasonsOf(texts []string) []string {
	var out []string
	for _, s := range texts {
		if s = policy.Visible(s); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Bounds of those who follow decisions, and of the decisions that wait for each.
const (
	maxFollowers = 64
	maxWaiting   = 512
)

// A tail tells followers of entries. The request path never waits for one.
type tail struct {
	listening atomic.Int64 // how many follow: where nobody does, nothing is done
	mu        sync.Mutex
	all       map[*follower]bool
}

// add offers e to all.
func (t *tail) add(e *journal.Entry) {
	if t.listening.Load() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for f := range t.all {
		select {
		case f.waiting <- e:
		default:
			f.missed.Add(1)
		}
	}
}

// Follow is that of console.Decisions.
func (d *decisions) Follow() (console.Follower, error) {
	t := d.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) >= maxFollowers {
		return nil, &console.Conflict{Why: "too many follow the decisions already"}
	}
	if t.all == nil {
		t.all = map[*follower]bool{}
	}
	f := &follower{tail: t, waiting: make(chan *journal.Entry, maxWaiting)}
	t.all[f] = true
	t.listening.Add(1)
	return f, nil
}

// A follower is one that hears. It is console.Follower.
type follower struct {
	tail    *tail
	waiting chan *journal.Entry
	missed  atomic.Uint64
	known   people
}

// Next is that of console.Follower.
func (f *follower) Next(ctx context.Context) (*consolepb.Decision, uint64, error) {
	select {
	case e := <-f.waiting:
		return decisionOf(e, f.known.of(e.Person)), f.missed.Swap(0), nil
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

// Close is that of console.Follower.
func (f *follower) Close() {
	f.tail.mu.Lock()
	defer f.tail.mu.Unlock()
	if f.tail.all[f] {
		delete(f.tail.all, f)
		f.tail.listening.Add(-1)
	}
}
