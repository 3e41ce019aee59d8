package audit

import (
	"context"
	"fmt"
	"time"
)

// A row is what is remembered of an entry: what it can be found by. Texts that
// many entries share are kept once. It takes about 150 bytes.
type row struct {
	time       int64 // milliseconds since 1970
	hash       Hash
	objectID   string
	subject    string
	objectType string
	action     Action
	actor      uint32 // place in index.actors
	result     Result
	end        uint64 // number of the entry that says how this change ended; 0: none does
	outcome    Result // of that entry
	ends       bool   // it is such an entry
	damaged    string // what is wrong with it; "" is nothing
}

// An index follows the chain: entries never change, so that to be up to date is
// to have read those up to the head. It is guarded by turn.
type index struct {
	turn   chan struct{}
	rows   []row // of the entries from 1 on
	actors []Actor
	known  map[Actor]uint32  // place in actors
	texts  map[string]string // one copy of each text that repeats
	begun  map[string]uint64 // by change: those of which no end is known
}

func (x *index) reset() {
	*x = index{turn: make(chan struct{}, 1), known: map[Actor]uint32{}, texts: map[string]string{}, begun: map[string]uint64{}}
}

// A slim entry is a row that has not found its place yet.
type slim struct {
	row
	actor  Actor
	change string
}

func slimmed(e *Entry, err error) slim {
	if err != nil {
		return slim{row: row{damaged: err.Error()}}
	}
	return slim{actor: e.Actor, change: e.Change, row: row{
		time: e.Time.UnixMilli(), hash: e.Hash, objectID: e.ObjectID, subject: e.Subject, objectType: e.ObjectType,
		action: e.Action, result: e.Result,
	}}
}

// one returns the one copy of s.
func (x *index) one(s string) string {
	if kept, ok := x.texts[s]; ok {
		return kept
	}
	x.texts[s] = s
	return s
}

// add takes in the entry after the last one.
func (x *index) add(s slim) {
	r, sequence := s.row, uint64(len(x.rows)+1)
	s.actor.SessionID, s.actor.Address = "", "" // they differ from day to day, and are not looked for
	place, ok := x.known[s.actor]
	if !ok {
		place = uint32(len(x.actors))
		x.actors, x.known[s.actor] = append(x.actors, s.actor), place
	}
	r.actor = place
	r.subject, r.objectType = x.one(r.subject), x.one(r.objectType)
	r.action, r.result = Action(x.one(string(r.action))), Result(x.one(string(r.result)))
	switch first := x.begun[s.change]; {
	case r.damaged != "":
	case r.result == Begun:
		x.begun[s.change] = sequence
	case first != 0:
		x.rows[first-1].end, x.rows[first-1].outcome, r.ends = sequence, r.result, true
		delete(x.begun, s.change)
	}
	x.rows = append(x.rows, r)
}

// follow reads the entries up to the head. The caller holds turn.
func (l *Log) follow(ctx context.Context) error {
	head, err := l.Head(ctx)
	if err != nil {
		return err
	}
	first := uint64(len(l.index.rows) + 1)
	if first > head.Sequence {
		return nil
	}
	found := make([]slim, head.Sequence-first+1)
	err = fetch(ctx, l.o.Broker, first, head.Sequence, func(n uint64, e *Entry, err error) {
		found[n-first] = slimmed(e, err)
	})
	if err != nil {
		return err
	}
	for i, s := range found {
		l.index.add(s)
		found[i] = slim{} // its texts may be copies by now
	}
	return nil
}

// Warm reads what the index lacks, before somebody waits for it.
func (l *Log) Warm(ctx context.Context) error {
	return l.withIndex(ctx, func(*index) error { return nil })
}

// withIndex calls fn with an index that is up to date.
func (l *Log) withIndex(ctx context.Context, fn func(*index) error) error {
	select {
	case l.index.turn <- struct{}{}:
		defer func() { <-l.index.turn }()
	case <-ctx.Done():
		return fmt.Errorf("read the audit: %w", ctx.Err())
	}
	if err := l.follow(ctx); err != nil {
		return err
	}
	return fn(&l.index)
}

func (r *row) at() time.Time { return time.UnixMilli(r.time).UTC() }
