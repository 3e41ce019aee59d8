package console

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unique"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/rs/zerolog"
)

// An index is what lists are made of: a small summary of every session, person,
// device and link, kept up to date by the feed. A list goes through all summaries: a
// hundred thousand sessions take 20 to 80 ms of one processor to search, and
// about 430 bytes each to keep, their people included (BenchmarkListSessions100k,
// BenchmarkIndex).
type index struct {
	feed Feed
	log  zerolog.Logger
	now  func() time.Time

	waking sync.Once
	woken  chan struct{} // closed when somebody wants to read
	ready  chan struct{} // closed after the first listing

	mu sync.RWMutex // of what follows
	summaries
}

// summaries are the rows by their ids.
type summaries struct {
	sessions  map[string]*sessionRow
	users     map[string]*userRow
	directory map[string]*directoryRow
	devices   map[string]*deviceRow
	links     map[string]*linkRow
	requests  map[string]*requestRow
	grants    map[string]*databroker.Grant
	// requestsOf are the ids of each person's requests, by the person's key.
	requestsOf map[string][]string
	// owned counts the sessions and devices of each person, by the person's key.
	owned map[string]*owned
}

type owned struct {
	sessions map[string]*sessionRow
	devices  map[string]*deviceRow
}

func newSummaries() summaries {
	return summaries{
		sessions: map[string]*sessionRow{}, users: map[string]*userRow{}, directory: map[string]*directoryRow{},
		requests: map[string]*requestRow{}, grants: map[string]*databroker.Grant{}, requestsOf: map[string][]string{},
		devices: map[string]*deviceRow{}, links: map[string]*linkRow{}, owned: map[string]*owned{},
	}
}

// Rows never change once they are in the index: a change puts another in place.
type (
	sessionRow struct {
		id       string
		userKey  string
		provider string
		issued   int64 // Unix time in milliseconds, as the next
		expires  int64
		devices  int
		from     string
		agent    unique.Handle[string] // few browsers, many sessions
		find     string                // lower case: id, userKey and from
	}
	userRow struct {
		key      string
		id       string
		email    string
		name     string
		groups   []string // of the provider alone
		disabled bool
		find     string // lower case: key, address and name
		member   string // lower case: the groups
		sort     string // lower case, the name or what stands for it
	}
	directoryRow struct {
		email  string
		name   string
		groups []string
		find   string // as in userRow, and the next
		member string
	}
	deviceRow struct {
		id       string
		userKey  string
		name     string
		kind     string
		model    string
		linkID   string
		approved bool
		attested bool
		eligible bool // for a backup
		backedUp bool
		verified bool
		enrolled time.Time
		used     time.Time
		backAt   time.Time // when its counter went back
		find     string    // lower case: id, name and model
	}
	linkRow struct {
		databroker.EnrollmentLink
		find string // lower case: id and who made it
	}
)

func newIndex(feed Feed, log zerolog.Logger, now func() time.Time) *index {
	return &index{
		feed: feed, log: log, now: now,
		woken: make(chan struct{}), ready: make(chan struct{}), summaries: newSummaries(),
	}
}

// wake lets run begin.
func (x *index) wake() { x.waking.Do(func() { close(x.woken) }) }

// read calls fn with the summaries, which must not be kept, once there are any,
// and returns its error. ErrUnavailable says that the first listing takes longer than ctx allows.
func (x *index) read(ctx context.Context, fn func(*summaries) error) error {
	x.wake()
	select {
	case <-x.ready:
	default:
		patient, cancel := context.WithTimeout(ctx, readPatience)
		defer cancel()
		select {
		case <-x.ready:
		case <-patient.Done():
			return fmt.Errorf("%w: the lists are still being made", ErrUnavailable)
		}
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	return fn(&x.summaries)
}

// readPatience is how long a reader waits for the first listing.
const readPatience = 10 * time.Second

// owner returns what belongs to a person, made where there is nothing yet.
func (m *summaries) owner(key string) *owned {
	o := m.owned[key]
	if o == nil {
		o = &owned{}
		m.owned[key] = o
	}
	return o
}

func (m *summaries) putSession(r *sessionRow) {
	m.dropSession(r.id)
	m.sessions[r.id] = r
	o := m.owner(r.userKey)
	if o.sessions == nil {
		o.sessions = map[string]*sessionRow{}
	}
	o.sessions[r.id] = r
}

func (m *summaries) dropSession(id string) {
	if old := m.sessions[id]; old != nil {
		delete(m.owned[old.userKey].sessions, id)
		delete(m.sessions, id)
		m.forget(old.userKey)
	}
}

func (m *summaries) putDevice(r *deviceRow) {
	m.dropDevice(r.id)
	m.devices[r.id] = r
	o := m.owner(r.userKey)
	if o.devices == nil {
		o.devices = map[string]*deviceRow{}
	}
	o.devices[r.id] = r
}

func (m *summaries) dropDevice(id string) {
	if old := m.devices[id]; old != nil {
		delete(m.owned[old.userKey].devices, id)
		delete(m.devices, id)
		m.forget(old.userKey)
	}
}

// forget gives back the room of a person who owns nothing any more.
func (m *summaries) forget(key string) {
	if o := m.owned[key]; o != nil && len(o.sessions)+len(o.devices) == 0 {
		delete(m.owned, key)
	}
}

// expire drops the sessions and grants that are over: the feed does not tell.
func (m *summaries) expire(now time.Time) {
	for id, r := range m.sessions {
		if r.over(now) {
			m.dropSession(id)
		}
	}
	for id, g := range m.grants {
		if !now.Before(g.ExpiresAt) {
			delete(m.grants, id)
		}
	}
}

// user returns the person called key as lists show them: what a directory says
// comes first, as for decisions. ok is false for one without a record.
func (m *summaries) user(key string) (r userRow, ok bool) {
	u := m.users[key]
	if u == nil {
		return userRow{key: key}, false
	}
	r = *u
	if d := m.directory[key]; d != nil {
		if d.email != "" {
			r.email = d.email
		}
		if r.name == "" {
			r.name = d.name
		}
		r.groups = slices.Concat(r.groups, d.groups)
		slices.Sort(r.groups)
		r.groups = slices.Compact(r.groups)
	}
	return r, true
}

// count returns how much a person has; sessions that are over count no more.
func (m *summaries) count(key string, now time.Time) (sessions, devices int) {
	o := m.owned[key]
	if o == nil {
		return 0, 0
	}
	for _, s := range o.sessions {
		if !s.over(now) {
			sessions++
		}
	}
	return sessions, len(o.devices)
}

// over reports whether the session has expired at now.
func (r *sessionRow) over(now time.Time) bool { return now.UnixMilli() >= r.expires }

func newUserRow(u *databroker.User) *userRow {
	r := &userRow{
		key: u.Key, id: u.ID, email: u.Email, name: u.Name, groups: slices.Sorted(slices.Values(u.Groups)), disabled: u.Disabled,
	}
	r.find = strings.ToLower(u.Key + "\n" + u.Email + "\n" + u.Name)
	r.member = strings.ToLower(strings.Join(r.groups, "\n"))
	for _, s := range []string{u.Name, u.Email, u.ID} {
		if r.sort = sortText(s); r.sort != "" {
			break
		}
	}
	return r
}
