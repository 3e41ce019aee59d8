package databroker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// A feed is what the view knows of the stream of changes.
type feed struct {
	heard      atomic.Int64  // moment of the last message that vouched for everything
	generation atomic.Uint64 // counts the feeds that began anew; 0 before the first
	epoch      atomic.Uint64 // of the store that the feed is of
	position   atomic.Uint64 // up to which changes have been applied
}

// Pauses of the feed.
const (
	feedPause = 100 * time.Millisecond // between a lost feed and the next try
	feedDead  = 2 * time.Second        // of silence, after which a feed is given up
)

// follow keeps a watch going until ctx ends.
func (v *View) follow(ctx context.Context) {
	types := []string{TypeSession, TypeUser, TypeDirectoryUser, TypeExternal, TypeDevice, TypeGrant}
	var from Position // zero: begin anew
	lost := false
	for ctx.Err() == nil {
		err := v.followOnce(ctx, types, &from, func() {
			if lost {
				v.o.Log.Info().Msg("databroker feed is back")
			}
			lost = false
		})
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, ErrRelist) || errors.Is(err, ErrTampered) || errors.Is(err, ErrInvalid) {
			// What happened in between is unknown: everything is read again.
			from = Position{}
		}
		if !lost {
			v.o.Log.Warn().Err(err).Msg("databroker feed lost: entries are read one by one")
			lost = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(feedPause):
		}
	}
}

// followOnce applies one watch. It keeps from at the position reached, and
// calls back once it vouches for everything.
func (v *View) followOnce(ctx context.Context, types []string, from *Position, back func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dead := time.AfterFunc(feedDead, cancel) // a peer that vanished sends no goodbye
	defer dead.Stop()
	resumed := *from != Position{}
	begun, caughtUp := false, false
	err := v.client.Watch(ctx, types, *from, func(c Change) error {
		dead.Reset(feedDead)
		now := v.moment(v.o.Now())
		if !begun {
			begun = true
			if !resumed {
				v.beginFeed(c.Position)
			}
			*from = c.Position
			return nil
		}
		if c.Record != nil {
			v.applyChange(c, now)
		}
		*from = c.Position
		v.feed.position.Store(c.Position.Number)
		// A watch that was resumed first tells what was missed; the first
		// message without a record says that this was all.
		if c.Record == nil && !caughtUp {
			caughtUp = true
			back()
		}
		if caughtUp {
			v.feed.heard.Store(now)
		}
		return nil
	})
	v.feed.heard.Store(min(v.feed.heard.Load(), v.moment(v.o.Now())-int64(v.o.FeedLimit)))
	return err
}

// beginFeed forgets that anything was vouched for.
func (v *View) beginFeed(p Position) {
	v.feed.epoch.Store(p.Epoch)
	v.feed.position.Store(p.Number)
	v.feed.generation.Add(1)
	v.o.OnChange("", "")
}

func (v *View) applyChange(c Change, now int64) {
	generation := v.feed.generation.Load()
	switch c.Record.Type {
	case TypeSession:
		v.sessions.apply(c.Record, c.Position, generation, now)
	case TypeUser:
		v.users.apply(c.Record, c.Position, generation, now)
	case TypeDirectoryUser:
		v.directory.apply(c.Record, c.Position, generation, now)
	case TypeExternal:
		v.externals.apply(c.Record, c.Position, generation, now)
	case TypeDevice:
		v.devices.apply(c.Record, c.Position, generation, now)
	case TypeGrant:
		v.grants.apply(c.Record, c.Position, generation, now)
	}
	v.o.OnChange(c.Record.Type, c.Record.ID)
}
