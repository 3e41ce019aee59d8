package databroker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// ViewOptions are the parts a View is built from. Zero means the default.
type ViewOptions struct {
	Client *Client // required
	Log    zerolog.Logger
	Now    func() time.Time // nil means time.Now

	// Capacity bounds how many sessions, and how many users, are remembered;
	// default 100,000. What was not asked for lately makes room.
	Capacity int

	// FeedLimit is how long the feed may be silent before what is remembered
	// is no longer taken on trust; default 600 ms. Together with Reread it
	// stays under the second within which a revocation is in force.
	FeedLimit time.Duration

	// Reread is how long an entry holds that was read while there is no feed;
	// default 250 ms.
	Reread time.Duration

	// Grace is how long known entries hold when neither the feed nor the
	// broker answers; default 60 s, below 0 is none.
	Grace time.Duration

	// ReadTimeout bounds one read from the broker; default 2 s.
	ReadTimeout time.Duration

	// TouchEvery is how often a session in use is written down as used;
	// default 15 s. An idle timeout is that much inexact across replicas.
	TouchEvery time.Duration

	// OnChange is told of every change the feed brings of the types that the
	// view remembers, after the view shows it; an empty id says that anything
	// may have changed. It must not block. nil tells nobody.
	OnChange func(typ, id string)
}

func (o *ViewOptions) setDefaults() {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.FeedLimit, 600*time.Millisecond)
	set(&o.Reread, 250*time.Millisecond)
	set(&o.Grace, time.Minute)
	set(&o.ReadTimeout, 2*time.Second)
	set(&o.TouchEvery, 15*time.Second)
	if o.Capacity <= 0 {
		o.Capacity = 100_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnChange == nil {
		o.OnChange = func(string, string) {}
	}
}

// A View is the local copy of sessions and users that decisions read: bounded,
// and kept honest by the feed. What it answers is at most a second old, or,
// when the broker is away, at most the grace; beyond that it is ErrStale.
//
// Values it returns are shared and must not be changed. The same pointer is
// the same version of the same record. Calls may overlap.
type View struct {
	o      ViewOptions
	client *Client
	start  time.Time // moments are kept as the time since then

	sessions  *table[Session]
	users     *table[User]
	directory *table[DirectoryUser]
	externals *table[External]
	devices   *table[Device]
	grants    *table[Grant]
	accesses  *table[access]

	feed    feed
	away    atomic.Int64   // until this moment nobody asks the broker: it did not answer
	flights sync.WaitGroup // reads under way
	touched touches
}

// NewView returns a View that remembers nothing. It starts no goroutine; until
// Run it works without a feed, reading everything from the broker.
func NewView(o ViewOptions) (*View, error) {
	if o.Client == nil {
		return nil, errors.New("databroker: a view needs a client")
	}
	o.setDefaults()
	v := &View{o: o, client: o.Client, start: o.Now()}
	v.feed.heard.Store(never)
	v.sessions = newTable(v, TypeSession, o.Capacity, o.Client.sessionFrom)
	v.users = newTable(v, TypeUser, o.Capacity, o.Client.userFrom)
	v.directory = newTable(v, TypeDirectoryUser, o.Capacity, o.Client.directoryUserFrom)
	v.externals = newTable(v, TypeExternal, o.Capacity, o.Client.externalFrom)
	v.devices = newTable(v, TypeDevice, o.Capacity, o.Client.DeviceFrom)
	v.grants = newTable(v, TypeGrant, o.Capacity, o.Client.GrantFrom)
	v.accesses = newTable(v, TypeAccess, o.Capacity, o.Client.accessFrom)
	v.accesses.quiet = true
	// A session that was just read may have been written together with its
	// user, whose change the feed has yet to bring: groups from before the
	// sign-in must not be decided by. The same goes for a device that has just
	// been enrolled again.
	v.sessions.fetched = func(s *Session, asOf Position) {
		v.users.demand(s.UserKey(), asOf)
		for _, p := range s.Devices {
			v.devices.demand(p.DeviceID, asOf)
		}
	}
	return v, nil
}

// Run follows the feed and writes down which sessions are used, until ctx
// ends. Call it once.
func (v *View) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { v.follow(ctx) })
	parts.Go(func() { v.writeTouches(ctx) })
	parts.Wait()
	v.flights.Wait()
	return nil
}

// Session returns the session id in version minVersion or a later one.
// ErrNotFound says that there is none, that it has expired or been deleted,
// or that the broker knows only an older version, as after a backup was put
// back. ErrStale says that nobody knows.
func (v *View) Session(ctx context.Context, id string, minVersion uint64) (*Session, error) {
	return v.sessions.get(ctx, id, minVersion)
}

// User returns the user with that key, or ErrNotFound, or ErrStale.
func (v *View) User(ctx context.Context, key string) (*User, error) {
	return v.users.get(ctx, key, 0)
}

// DirectoryUser returns what the directory says about the user with that key,
// or ErrNotFound, or ErrStale.
func (v *View) DirectoryUser(ctx context.Context, key string) (*DirectoryUser, error) {
	return v.directory.get(ctx, key, 0)
}

// never is the moment of what has not happened.
const never = int64(-1 << 62)

// moment returns t as the time since the view was made: a monotonic number
// that an atomic holds.
func (v *View) moment(t time.Time) int64 { return int64(t.Sub(v.start)) }

// Live reports whether the feed is being heard: the view answers from what it
// remembers.
func (v *View) Live() bool { return v.live(v.moment(v.o.Now())) }

func (v *View) live(now int64) bool { return now-v.feed.heard.Load() < int64(v.o.FeedLimit) }

// brokerAway notes that a read failed at now, so that the next callers do not
// all wait for the same silence.
func (v *View) brokerAway(now int64) { v.away.Store(now + int64(v.o.Reread)) }
