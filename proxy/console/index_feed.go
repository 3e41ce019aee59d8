package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/cardea-proxy/cardea/databroker"
)

// Feed is the part of the databroker's client that the index follows.
type Feed interface {
	List(ctx context.Context, typ string, limit int, after []byte) (databroker.Page, error)
	Watch(ctx context.Context, types []string, from databroker.Position, fn func(databroker.Change) error) error
	Decode(r *databroker.Record, value any) error
}

// followed are the types of records in the index.
var followed = []string{databroker.TypeUser, databroker.TypeDirectoryUser, databroker.TypeSession, databroker.TypeDevice,
	databroker.TypeEnrollmentLink, databroker.TypeAccessRequests, databroker.TypeGrant}

const (
	// againAfter is the pause before the feed is followed anew.
	againAfter = time.Second
	// expireEvery is how often what is over is thrown away.
	expireEvery = time.Minute
)

// run follows the feed until ctx ends, from the first wake on.
func (x *index) run(ctx context.Context) error {
	select {
	case <-x.woken:
	case <-ctx.Done():
		return nil
	}
	for ctx.Err() == nil {
		err := x.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, databroker.ErrRelist) {
			x.log.Warn().Err(err).Msg("watch for the console interrupted")
		}
		select {
		case <-ctx.Done():
		case <-time.After(againAfter):
		}
	}
	return nil
}

// follow lists everything and then takes in every change. While it lists, what
// was known before is shown.
func (x *index) follow(ctx context.Context) error {
	fresh := newSummaries()
	var from databroker.Position
	for i, typ := range followed {
		at, err := x.list(ctx, &fresh, typ)
		if err != nil {
			return err
		}
		if i == 0 { // the first is the oldest: later changes come once more
			from = at
		}
	}
	x.mu.Lock()
	x.summaries = fresh
	x.mu.Unlock()
	select {
	case <-x.ready:
	default:
		close(x.ready)
	}
	expired := x.now()
	return x.feed.Watch(ctx, followed, from, func(c databroker.Change) error {
		x.mu.Lock()
		defer x.mu.Unlock()
		if now := x.now(); now.Sub(expired) > expireEvery {
			x.expire(now)
			expired = now
		}
		if c.Record != nil {
			x.take(&x.summaries, c.Record)
		}
		return nil
	})
}

func (x *index) list(ctx context.Context, into *summaries, typ string) (from databroker.Position, err error) {
	var after []byte
	for first := true; first || len(after) > 0; first = false {
		page, err := x.feed.List(ctx, typ, 0, after)
		if err != nil {
			return from, fmt.Errorf("list for the console: %w", err)
		}
		if first {
			from = page.Position
		}
		for _, r := range page.Records {
			x.take(into, r)
		}
		after = page.Next
	}
	return from, nil
}

// take puts the summary of a record into the index, or takes it out.
func (x *index) take(into *summaries, r *databroker.Record) {
	var err error
	switch r.Type {
	case databroker.TypeSession:
		err = x.takeSession(into, r)
	case databroker.TypeUser:
		err = x.takeUser(into, r)
	case databroker.TypeDirectoryUser:
		err = x.takeDirectory(into, r)
	case databroker.TypeDevice:
		err = x.takeDevice(into, r)
	case databroker.TypeEnrollmentLink:
		err = x.takeLink(into, r)
	case databroker.TypeAccessRequests:
		err = x.takeRequests(into, r)
	case databroker.TypeGrant:
		err = x.takeGrant(into, r)
	}
	if err != nil {
		x.log.Error().Err(err).Str("type", r.Type).Msg("record for the console does not open")
	}
}

func (x *index) takeSession(into *summaries, r *databroker.Record) error {
	if r.Deleted {
		into.dropSession(r.ID)
		return nil
	}
	// Not databroker.Session: its tokens would be opened for nothing.
	var s struct {
		UserID    string     `json:"user_id"`
		IDPID     string     `json:"idp_id"`
		IssuedAt  time.Time  `json:"issued_at"`
		ExpiresAt time.Time  `json:"expires_at"`
		Devices   []struct{} `json:"devices"`
		From      string     `json:"from"`
		UserAgent string     `json:"user_agent"`
	}
	if err := x.feed.Decode(r, &s); err != nil {
		return err
	}
	key := databroker.UserKey(s.IDPID, s.UserID)
	into.putSession(&sessionRow{
		id: r.ID, userKey: key, provider: key[:len(s.IDPID)],
		issued: s.IssuedAt.UnixMilli(), expires: s.ExpiresAt.UnixMilli(), devices: len(s.Devices),
		from: s.From, agent: unique.Make(s.UserAgent), find: strings.ToLower(r.ID + "\n" + key + "\n" + s.From),
	})
	return nil
}

func (x *index) takeUser(into *summaries, r *databroker.Record) error {
	if r.Deleted {
		delete(into.users, r.ID)
		return nil
	}
	u := databroker.User{Key: r.ID}
	if err := x.feed.Decode(r, &u); err != nil {
		return err
	}
	into.users[r.ID] = newUserRow(&u)
	return nil
}

func (x *index) takeDirectory(into *summaries, r *databroker.Record) error {
	if r.Deleted {
		delete(into.directory, r.ID)
		return nil
	}
	var d databroker.DirectoryUser
	if err := x.feed.Decode(r, &d); err != nil {
		return err
	}
	groups := d.GroupNames
	if len(groups) != len(d.GroupIDs) { // each is a group of its own, as for decisions
		groups = slices.Concat(d.GroupIDs, d.GroupNames)
	}
	into.directory[r.ID] = &directoryRow{email: d.Email, name: strings.TrimSpace(d.Name), groups: groups,
		find: strings.ToLower(d.Email + "\n" + d.Name), member: strings.ToLower(strings.Join(groups, "\n"))}
	return nil
}

func (x *index) takeDevice(into *summaries, r *databroker.Record) error {
	if r.Deleted {
		into.dropDevice(r.ID)
		return nil
	}
	d := databroker.Device{ID: r.ID}
	if err := x.feed.Decode(r, &d); err != nil {
		return err
	}
	into.putDevice(newDeviceRow(&d))
	return nil
}

func (x *index) takeLink(into *summaries, r *databroker.Record) error {
	if r.Deleted {
		delete(into.links, r.ID)
		return nil
	}
	row := &linkRow{EnrollmentLink: databroker.EnrollmentLink{ID: r.ID, Version: r.Version}}
	if err := x.feed.Decode(r, &row.EnrollmentLink); err != nil {
		return err
	}
	row.find = strings.ToLower(r.ID + "\n" + row.CreatedBy)
	into.links[r.ID] = row
	return nil
}
