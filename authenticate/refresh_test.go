package authenticate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/authenticate/idp"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/testidp"
)

// due is the appointment that r makes for the session when it sees it.
func (r *replica) due(s *databroker.Session) appointment {
	return appointment{id: s.ID, expires: r.tokensExpire(s)}
}

// appointmentOf returns what is scheduled for the session, nil for nothing.
func (r *replica) appointmentOf(id string) *appointment {
	r.scheduled.mu.Lock()
	defer r.scheduled.mu.Unlock()
	return r.scheduled.byID[id]
}

// signedIn returns the session of a fresh sign-in.
func (w *world) signedIn() *databroker.Session {
	w.t.Helper()
	return w.session(w.browser().signIn().SessionID)
}

func (w *world) user() *databroker.User {
	w.t.Helper()
	u, err := w.client.User(w.t.Context(), databroker.UserKey(w.providerID(), "1"))
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

func TestARefreshRenewsTokensClaimsAndGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	before := w.signedIn()
	w.clock.advance(4 * time.Minute)
	w.far.SetUser(testidp.User{Sub: "1", Email: "ann@example.com", Groups: []string{"ops"}})
	second := w.signedIn() // the provider knows the new groups for new sign-ins; userinfo of the old grant keeps the old
	w.first.refresh(t.Context(), w.first.due(before))
	after := w.session(before.ID)
	if after.AccessToken.Equal(before.AccessToken) || after.RefreshToken.Equal(before.RefreshToken) {
		t.Error("a token is the old one")
	}
	if want := before.TokenExpiresAt.Add(4 * time.Minute); !after.TokenExpiresAt.Equal(want) || !after.ExpiresAt.Equal(before.ExpiresAt) {
		t.Errorf("tokens expire at %v, want %v; the session's end moved: %v", after.TokenExpiresAt, want, !after.ExpiresAt.Equal(before.ExpiresAt))
	}
	w.clock.advance(4 * time.Minute)
	w.first.refresh(t.Context(), w.first.due(second))
	if diff := cmp.Diff([]string{"ops"}, w.user().Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

func TestOneOfTwoReplicasRefreshesEachSessionOnce(t *testing.T) {
	t.Parallel()
	const sessions = 100
	w := newWorld(t, nil)
	replicas := []*replica{w.first, w.replica()}
	for range sessions {
		w.browser().signIn()
	}
	before := w.sessions()
	asked := w.far.Count(testidp.Token)
	w.clock.advance(4 * time.Minute)
	var all sync.WaitGroup
	for _, r := range replicas {
		for _, s := range before {
			all.Go(func() { r.refresh(t.Context(), r.due(s)) })
		}
	}
	all.Wait()
	// Whoever found a lease taken comes back, and finds the work done.
	w.clock.advance(minPause)
	for _, r := range replicas {
		for due, _ := r.scheduled.next(w.clock.now()); due != nil; due, _ = r.scheduled.next(w.clock.now()) {
			r.refresh(t.Context(), *due)
		}
	}
	if n := w.far.Count(testidp.Token) - asked; n != sessions {
		t.Errorf("the provider was asked %d times for %d sessions", n, sessions)
	}
	after := w.sessions()
	if len(after) != sessions {
		t.Errorf("%d of %d sessions are left", len(after), sessions)
	}
	for id, s := range after {
		if s.RefreshToken.Equal(before[id].RefreshToken) || s.Version != 2 {
			t.Errorf("session %s has version %d", id, s.Version)
		}
	}
	// The rotated tokens are the ones that were kept: they are good again.
	w.clock.advance(4 * time.Minute)
	for _, s := range after {
		all.Go(func() { replicas[1].refresh(t.Context(), replicas[1].due(s)) })
	}
	all.Wait()
	if n := len(w.sessions()); n != sessions {
		t.Errorf("%d of %d sessions are left after the second round", n, sessions)
	}
}

func TestAHundredRefreshesOfOneSessionAtOnceAreOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	s := w.signedIn()
	w.clock.advance(4 * time.Minute)
	asked := w.far.Count(testidp.Token)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { w.first.refresh(t.Context(), w.first.due(s)) })
	}
	all.Wait()
	if n := w.far.Count(testidp.Token) - asked; n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
	if after := w.session(s.ID); after == nil || after.RefreshToken.Equal(s.RefreshToken) {
		t.Errorf("session %+v", after)
	}
}

func TestASessionOutlivesAShortOutageAndNoLongOne(t *testing.T) {
	t.Parallel()
	for _, lie := range []testidp.Lie{testidp.Down, testidp.Broken, testidp.BrokenToken} {
		t.Run(string(lie), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			s := w.signedIn()
			end := w.first.tokensExpire(s).Add(outageGrace)
			w.far.Lie(lie)
			next := w.first.due(s)
			tries := 0
			for w.clock.advance(4 * time.Minute); w.clock.now().Before(end); tries++ {
				w.first.refresh(t.Context(), next)
				a := w.first.appointmentOf(s.ID)
				if w.session(s.ID) == nil || a == nil {
					t.Fatalf("%v before the grace is over: session %v, appointment %v", end.Sub(w.clock.now()), w.session(s.ID), a)
				}
				if pause := a.at.Sub(w.clock.now()); pause < minPause || pause > time.Minute {
					t.Errorf("try %d is followed by a pause of %v", tries, pause)
				}
				next = *a
				w.clock.advance(a.at.Sub(w.clock.now()))
			}
			if tries < 5 {
				t.Errorf("only %d tries", tries)
			}
			w.first.refresh(t.Context(), next)
			if w.session(s.ID) != nil {
				t.Error("the session outlived the grace")
			}
		})
	}
}

func TestAnOutageThatEndsInTimeIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	s := w.signedIn()
	w.far.Lie(testidp.Down)
	w.clock.advance(8 * time.Minute) // the tokens have expired
	w.first.refresh(t.Context(), w.first.due(s))
	w.far.Lie()
	w.first.refresh(t.Context(), *w.first.appointmentOf(s.ID))
	if after := w.session(s.ID); after == nil || !after.TokenExpiresAt.After(w.clock.now()) {
		t.Errorf("session %+v", after)
	}
}

func TestASessionEndsAtTheLastWordOfTheProvider(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		lie  testidp.Lie
		lets bool
	}{
		{"the refresh token is revoked", testidp.RefuseRefresh, false},
		{"the answer is about somebody else", testidp.OtherSubjectOnRefresh, false},
		{"userinfo is about somebody else", testidp.UserinfoOtherSubject, false},
		{"the address is not theirs any more", testidp.UnverifiedEmail, false},
		{"the token is signed by a stranger", testidp.OtherKey, false},
		{"the token is of yesterday", testidp.OldToken, true}, // a clock is wrong, which the person is not
		{"userinfo is broken", testidp.BrokenUserinfo, true},
		{"there is no new ID token", testidp.NoIDTokenOnRefresh, true},
		{"there is no new refresh token", testidp.NoRotation, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			s := w.signedIn()
			w.far.Lie(tc.lie)
			w.clock.advance(4 * time.Minute)
			w.first.refresh(t.Context(), w.first.due(s))
			after := w.session(s.ID)
			if (after != nil) != tc.lets {
				t.Fatalf("the session lives: %v\n%s", after != nil, w.log)
			}
			if after != nil && (after.AccessToken.Equal(s.AccessToken) || after.RefreshToken.Equal(s.RefreshToken) != (tc.lie == testidp.NoRotation)) {
				t.Error("what the token endpoint gave is lost")
			}
			for _, secret := range []string{s.RefreshToken.Reveal(), s.AccessToken.Reveal(), s.IDToken.Reveal()} {
				if strings.Contains(w.log.String(), secret) {
					t.Error("the log holds a token")
				}
			}
		})
	}
}

func TestAFailedRefreshLeavesASessionThatWasRenewedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	other := w.replica()
	s := w.signedIn()
	w.clock.advance(4 * time.Minute)
	other.refresh(t.Context(), other.due(s))
	// This replica read the session before the other wrote it, and its refresh
	// token is void by now.
	err := w.first.renew(t.Context(), s.Clone())
	if !errors.Is(err, idp.ErrRevoked) {
		t.Fatalf("the old refresh token: %v", err)
	}
	w.first.notRenewed(t.Context(), s, w.first.due(s), err)
	if w.session(s.ID) == nil {
		t.Error("the session that the other replica had renewed is gone")
	}
}

func TestASessionThatEndedDuringItsRefreshStaysEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	s := w.signedIn()
	w.clock.advance(4 * time.Minute)
	if err := w.client.DeleteSession(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.first.renew(t.Context(), s.Clone()); !errors.Is(err, databroker.ErrNotFound) {
		t.Errorf("renew: %v", err)
	}
	w.first.refresh(t.Context(), w.first.due(s))
	if w.session(s.ID) != nil || w.first.appointmentOf(s.ID) != nil {
		t.Error("the session came back")
	}
}

func TestNewTokensAreWrittenAlthoughTheBrokerIsAwayForAMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	s := w.signedIn()
	w.clock.advance(4 * time.Minute)
	w.first.broker.fail(2)
	w.first.refresh(t.Context(), w.first.due(s))
	if after := w.session(s.ID); after == nil || after.RefreshToken.Equal(s.RefreshToken) {
		t.Error("the new refresh token is lost")
	}
}

func TestSomebodyElsesChangeOfTheSessionIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	read := w.signedIn()
	changed := read.Clone()
	changed.ExpiresAt = changed.ExpiresAt.Add(-time.Hour)
	if err := w.client.PutSession(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(4 * time.Minute)
	if err := w.first.renew(t.Context(), read.Clone()); err != nil {
		t.Fatal(err)
	}
	after := w.session(read.ID)
	if !after.ExpiresAt.Equal(changed.ExpiresAt) || after.RefreshToken.Equal(read.RefreshToken) {
		t.Errorf("the session ends at %v, want %v, with new tokens", after.ExpiresAt, changed.ExpiresAt)
	}
}

func TestWhoMayNotBeHereAnyMoreIsNotRefreshed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		shut  func(*testing.T, *world)
		asked int // times that the provider is asked
	}{
		{"disabled", func(t *testing.T, w *world) {
			u := w.user()
			u.Disabled = true
			if err := w.client.PutUser(t.Context(), u); err != nil {
				t.Fatal(err)
			}
		}, 1},
		{"removed", func(t *testing.T, w *world) {
			if err := w.client.Remove(t.Context(), databroker.TypeUser, databroker.UserKey(w.providerID(), "1")); err != nil {
				t.Fatal(err)
			}
		}, 1},
		{"gone home", func(_ *testing.T, w *world) { w.clock.advance(time.Hour) }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *config.Config) { c.SessionIdleTimeout = time.Hour })
			s := w.signedIn()
			w.clock.advance(4 * time.Minute)
			tc.shut(t, w)
			before := w.far.Count(testidp.Token)
			w.first.refresh(t.Context(), w.first.due(s))
			if w.session(s.ID) != nil {
				t.Error("the session lives on")
			}
			if n := w.far.Count(testidp.Token) - before; n != tc.asked {
				t.Errorf("the provider was asked %d times, want %d", n, tc.asked)
			}
			if _, err := w.client.User(t.Context(), s.UserKey()); tc.name == "removed" && !errors.Is(err, databroker.ErrNotFound) {
				t.Errorf("the person came back with the refresh: %v", err)
			}
		})
	}
}

func TestWhenASessionIsDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	now := w.clock.now()
	session := func(access, id time.Duration) *databroker.Session {
		s := &databroker.Session{ID: "s", RefreshToken: databroker.NewSecret("r"), ExpiresAt: now.Add(14 * time.Hour)}
		if access != 0 {
			s.TokenExpiresAt = now.Add(access)
		}
		if id != 0 {
			s.IDTokenExpiresAt = now.Add(id)
		}
		return s
	}
	for _, tc := range []struct {
		name    string
		session *databroker.Session
		flagOff bool
		want    time.Duration // from now; 0 is never
	}{
		{"an hour: ten minutes before", session(time.Hour, 0), false, 50 * time.Minute},
		{"five minutes: one minute before", session(5*time.Minute, 0), false, 4 * time.Minute},
		{"the ID token goes first", session(time.Hour, 5*time.Minute), false, 4 * time.Minute},
		{"the ID token does not count", session(time.Hour, 5*time.Minute), true, 50 * time.Minute},
		{"only an ID token", session(0, 5*time.Minute), false, 4 * time.Minute},
		{"tokens that hold for seconds: not without a pause", session(5*time.Second, 0), false, minPause},
		{"expired already", session(-time.Hour, 0), false, minPause},
		{"nobody knows when they expire", session(0, 0), false, 0},
		{"tokens that outlive the session", session(15*time.Hour, 0), false, 0},
		{"no refresh token", func() *databroker.Session {
			s := session(time.Hour, 0)
			s.RefreshToken = databroker.Secret{}
			return s
		}(), false, 0},
		{"refresh is switched off", func() *databroker.Session { s := session(time.Hour, 0); s.RefreshDisabled = true; return s }(), false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.config.RuntimeFlags = map[string]bool{config.FlagRefreshAtIDToken: !tc.flagOff}
			at, ok := w.first.dueAt(tc.session)
			if got := at.Sub(now); ok != (tc.want != 0) || ok && got != tc.want {
				t.Errorf("due in %v (%v), want %v", got, ok, tc.want)
			}
		})
	}
}

func TestAScheduleGivesWhatIsDueInOrder(t *testing.T) {
	t.Parallel()
	s := newSchedule()
	start := time.Now()
	want := map[string]time.Time{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		id := fmt.Sprint(random.IntN(300))
		switch random.IntN(4) {
		case 0:
			s.drop(id)
			delete(want, id)
		default:
			at := start.Add(time.Duration(random.IntN(1000)) * time.Second)
			s.set(appointment{id: id, at: at})
			want[id] = at
		}
	}
	if due, wait := s.next(start.Add(-time.Second)); due != nil || wait <= 0 {
		t.Errorf("before anything is due: %v after %v", due, wait)
	}
	last := start
	for due, _ := s.next(start.Add(time.Hour)); due != nil; due, _ = s.next(start.Add(time.Hour)) {
		if at, known := want[due.id]; !known || !at.Equal(due.at) || due.at.Before(last) {
			t.Fatalf("%s at %v after %v, want %v", due.id, due.at, last, at)
		}
		last = due.at
		delete(want, due.id)
	}
	if len(want) > 0 {
		t.Errorf("%d were forgotten", len(want))
	}
}

func TestTheFeedDoesNotDisplaceATryAgain(t *testing.T) {
	t.Parallel()
	s := newSchedule()
	now := time.Now()
	retry := appointment{id: "s", at: now.Add(minPause), expires: now.Add(time.Hour), tries: 1}
	s.set(retry)
	s.plan(appointment{id: "s", at: now.Add(50 * time.Minute), expires: now.Add(time.Hour)})
	if due, _ := s.next(now.Add(minPause)); due == nil || due.tries != 1 {
		t.Errorf("the try was displaced: %+v", due)
	}
	s.set(retry)
	s.plan(appointment{id: "s", at: now.Add(90 * time.Minute), expires: now.Add(2 * time.Hour)})
	if due, _ := s.next(now.Add(minPause)); due != nil {
		t.Errorf("the try outlived a renewal by somebody else: %+v", due)
	}
}
