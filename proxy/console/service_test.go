package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a1, a2, b := w.signIn("ada", nil), w.signIn("ada", nil), w.signIn("bob", nil)
	manager := as(RoleManager)
	if _, err := w.RevokeSession(t.Context(), manager, &consolepb.RevokeSessionRequest{Id: a1}); err != nil {
		t.Fatal(err)
	}
	if w.lives(a1) || !w.lives(a2) || !w.lives(b) {
		t.Error("not exactly the one session has ended")
	}
	out, err := w.RevokeUserSessions(t.Context(), manager, &consolepb.RevokeUserSessionsRequest{UserKey: "idp/ada"})
	if err != nil || out.Revoked != 1 || w.lives(a2) || !w.lives(b) {
		t.Errorf("%v, %v: not exactly the sessions of the person have ended", out, err)
	}
	w.signIn("ada", nil)
	all, err := w.RevokeAllSessions(t.Context(), as(RoleAdmin), &consolepb.RevokeAllSessionsRequest{})
	if err != nil || all.Revoked != 2 || w.lives(b) {
		t.Errorf("%v, %v: not all sessions have ended", all, err)
	}
	w.settle("the end of all", func(m *summaries) bool { return len(m.sessions) == 0 && len(m.owned) == 0 })
}

// TestIdsOfOtherThings names what is not there, or is something else.
func TestIdsOfOtherThings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.signIn("ada", nil)
	w.shown(session)
	admin := as(RoleAdmin)
	for _, id := range []string{"", "unknown", "idp/ada", "user/idp/ada", "../session/" + session, session + "/", "*", "\x00", strings.Repeat("a", 5000)} {
		if _, err := w.RevokeSession(t.Context(), admin, &consolepb.RevokeSessionRequest{Id: id}); !errors.Is(err, ErrNotFound) {
			t.Errorf("RevokeSession %.20q: %v", id, err)
		}
		for name, err := range map[string]error{
			"GetDevice":            second(w.GetDevice(t.Context(), admin, &consolepb.GetDeviceRequest{Id: id})),
			"ApproveDevice":        second(w.ApproveDevice(t.Context(), admin, &consolepb.ApproveDeviceRequest{Id: id})),
			"DisapproveDevice":     second(w.DisapproveDevice(t.Context(), admin, &consolepb.DisapproveDeviceRequest{Id: id})),
			"DeleteDevice":         second(w.DeleteDevice(t.Context(), admin, &consolepb.DeleteDeviceRequest{Id: id})),
			"RevokeEnrollmentLink": second(w.RevokeEnrollmentLink(t.Context(), admin, &consolepb.RevokeEnrollmentLinkRequest{Id: id})),
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s %.20q: %v", name, id, err)
			}
		}
	}
	for _, key := range []string{"", "unknown", session, "idp/ADA", "idp/ada/", "ada", strings.Repeat("a", 5000)} {
		if _, err := w.GetUser(t.Context(), admin, &consolepb.GetUserRequest{Key: key}); !errors.Is(err, ErrNotFound) {
			t.Errorf("GetUser %.20q: %v", key, err)
		}
		if _, err := w.DisableUser(t.Context(), admin, &consolepb.DisableUserRequest{Key: key}); !errors.Is(err, ErrNotFound) {
			t.Errorf("DisableUser %.20q: %v", key, err)
		}
		if out, err := w.RevokeUserSessions(t.Context(), admin, &consolepb.RevokeUserSessionsRequest{UserKey: key}); out.GetRevoked() != 0 {
			t.Errorf("RevokeUserSessions %.20q: %v, %v", key, out, err)
		}
	}
	if !w.lives(session) {
		t.Error("the session has ended")
	}
	// Where the role does not reach, nobody learns whether an id is there.
	for _, id := range []string{session, "unknown"} {
		if _, err := w.RevokeSession(t.Context(), as(RoleViewer), &consolepb.RevokeSessionRequest{Id: id}); !errors.Is(err, ErrForbidden) {
			t.Errorf("as a viewer: %v", err)
		}
	}
}

func TestShuttingOutEndsSessionsAndHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.signIn("ada", nil)
	out, err := w.DisableUser(t.Context(), as(RoleAdmin), &consolepb.DisableUserRequest{Key: "idp/ada"})
	if err != nil || out.Revoked != 1 || w.lives(session) {
		t.Fatalf("%v, %v", out, err)
	}
	user, err := w.client.User(t.Context(), "idp/ada")
	if err != nil || !user.Disabled || user.Email != "ada@example.com" {
		t.Errorf("%+v, %v", user, err)
	}
	if _, err := w.EnableUser(t.Context(), as(RoleAdmin), &consolepb.EnableUserRequest{Key: "idp/ada"}); err != nil {
		t.Fatal(err)
	}
	if user, err = w.client.User(t.Context(), "idp/ada"); err != nil || user.Disabled {
		t.Errorf("%+v, %v", user, err)
	}
	self := as(RoleAdmin)
	self.UserKey = "idp/ada"
	var conflict *Conflict
	if _, err := w.DisableUser(t.Context(), self, &consolepb.DisableUserRequest{Key: "idp/ada"}); !errors.As(err, &conflict) {
		t.Errorf("an administrator shuts out themselves: %v", err)
	}
}

func TestTheAuditKnowsEveryChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.signIn("ada", nil)
	actor := as(RoleManager)
	if _, err := w.RevokeSession(t.Context(), actor, &consolepb.RevokeSessionRequest{Id: session}); err != nil {
		t.Fatal(err)
	}
	got := w.audit.all()
	if len(got) != 2 || got[0].Outcome != OutcomeBegun || got[1].Outcome != OutcomeDone || got[1].ID != got[0].ID || got[0].Target != "session/"+session || got[0].Subject != "idp/ada" ||
		got[0].Actor != actor || got[0].Action != "RevokeSession" || got[0].ID == "" || !got[0].At.Equal(w.clock.now()) {
		t.Errorf("done: %+v", got)
	}
	_, _ = w.DisableUser(t.Context(), actor, &consolepb.DisableUserRequest{Key: "idp/ada"})
	if got = w.audit.take(); len(got) != 1 || got[0].Outcome != OutcomeDenied || got[0].Action != "DisableUser" {
		t.Errorf("denied: %+v", got)
	}
	_, _ = w.DisableUser(t.Context(), as(RoleAdmin), &consolepb.DisableUserRequest{Key: "idp/nobody"})
	if got = w.audit.all(); len(got) != 2 || got[0].Outcome != OutcomeBegun || got[1].Outcome != OutcomeFailed ||
		got[0].ID != got[1].ID || got[1].Err == "" {
		t.Errorf("failed: %+v", got)
	}
	for _, read := range []func() error{
		func() error { _, err := w.ListSessions(t.Context(), actor, nil); return err },
		func() error { _, err := w.ListUsers(t.Context(), actor, nil); return err },
		func() error { _, err := w.ListGroups(t.Context(), actor, nil); return err },
		func() error { _, err := w.ListDevices(t.Context(), actor, nil); return err },
		func() error { _, err := w.ListEnrollmentLinks(t.Context(), actor, nil); return err },
	} {
		if err := read(); err != nil {
			t.Error(err)
		}
	}
	if got = w.audit.take(); len(got) != 0 {
		t.Errorf("reading is written down: %+v", got)
	}
}

// TestWithoutAuditNothingIsChanged, on any way.
func TestWithoutAuditNothingIsChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, victim := w.signIn("admin", nil), w.signIn("victim", nil)
	// The one id that the forms below name is that of a session, a device and a link.
	w.enrolls(victim, "victim", nil)
	if err := w.client.PutEnrollmentLink(t.Context(), &databroker.EnrollmentLink{ID: victim, UserKey: "idp/victim", Type: typeAny, ExpiresAt: w.clock.now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	w.possess("idp/victim", victim)
	acts := &databroker.Impersonation{SessionID: victim, UserKey: "idp/victim"}
	if err := w.alterSession(t.Context(), admin, func(s *databroker.Session) { s.Impersonates = acts }); err != nil {
		t.Fatal(err)
	}
	w.audit.err = errors.New("the disk is full of secrets")
	form := url.Values{
		"id": {victim}, "key": {"idp/victim"}, "sure": {"yes"}, "for": {"900"}, "life": {"86400"}, "name": {"a name"}, "duration": {"1h"}, "reason": {"none"},
	}
	for _, page := range w.server.served {
		if !strings.HasPrefix(page.pattern, "POST") || page.action == "ReplayConfig" { // that changes nothing
			continue
		}
		out := w.post(admin, page.pattern[5:], form)
		if out.Code != http.StatusServiceUnavailable || strings.Contains(out.Body.String(), "secrets") {
			t.Errorf("%s: status %d:\n%s", page.pattern, out.Code, out.Body)
		}
	}
	user, err := w.client.User(t.Context(), "idp/victim")
	if err != nil || user.Disabled || !w.lives(victim) || !w.lives(admin) || w.actsAs(admin) == nil {
		t.Errorf("something was changed: %+v, %v", user, err)
	}
	if d, err := w.client.Device(t.Context(), victim); err != nil || d.Approved || d.Version != 1 {
		t.Errorf("the device was changed: %+v, %v", d, err)
	}
	if page, err := w.client.List(t.Context(), databroker.TypeEnrollmentLink, 0, nil); err != nil || len(page.Records) != 1 {
		t.Errorf("links were changed: %d, %v", len(page.Records), err)
	}
	if all, err := w.accounts(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d service accounts, %v", len(all), err)
	}
	if _, err := w.client.Grant(t.Context(), victim); err != nil || len(user.GrantIDs) != 0 {
		t.Errorf("the grant: %v; held: %v", err, user.GrantIDs)
	}
	if list, err := w.client.AccessRequests(t.Context(), "idp/victim"); err != nil || list.Requests[0].State != databroker.AccessWaiting {
		t.Errorf("the request: %+v, %v", list, err)
	}
}

func TestErrorsInTheWordsOfGRPC(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want codes.Code
	}{
		{ErrForbidden, codes.PermissionDenied}, {ErrNotFound, codes.NotFound}, {&Conflict{"why"}, codes.FailedPrecondition},
		{&Invalid{"id", "an id"}, codes.InvalidArgument}, {ErrUnavailable, codes.Unavailable}, {errors.New("secret cause"), codes.Internal},
		{fromBroker(databroker.ErrUnavailable), codes.Unavailable}, {fromBroker(databroker.ErrNotFound), codes.NotFound},
		{fromBroker(databroker.ErrConflict), codes.FailedPrecondition}, {fromBroker(errors.New("secret cause")), codes.Unavailable},
	} {
		st := status.Convert(statusOf(tc.err))
		if st.Code() != tc.want || strings.Contains(st.Message(), "secret") {
			t.Errorf("%v: %v", tc.err, st)
		}
	}
}

// TestManySessionsEndAtOnce, more than one write and one page hold.
func TestManySessionsEndAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 600 {
		if err := w.client.PutSession(t.Context(), &databroker.Session{
			ID: fmt.Sprint("many-", i), UserID: fmt.Sprint(i % 2), IDPID: "idp", IssuedAt: w.clock.now(), ExpiresAt: w.clock.now().Add(time.Hour),
		}); err != nil {
			t.Fatal(err)
		}
	}
	one, err := w.RevokeUserSessions(t.Context(), as(RoleManager), &consolepb.RevokeUserSessionsRequest{UserKey: "idp/1"})
	if err != nil || one.Revoked != 300 {
		t.Errorf("%v, %v", one, err)
	}
	rest, err := w.RevokeAllSessions(t.Context(), as(RoleAdmin), &consolepb.RevokeAllSessionsRequest{})
	if err != nil || rest.Revoked != 300 {
		t.Errorf("%v, %v", rest, err)
	}
	w.settle("the end", func(m *summaries) bool { return len(m.sessions) == 0 })
}

// gone waits for the end of a session that its owner has ended.
func (w *world) gone(id string) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); w.lives(id); <-tick.C {
		if time.Now().After(deadline) {
			w.t.Fatalf("session %s goes on", id)
		}
	}
}

// TestOnesOwnSessionEndsAfterTheAnswer, since the answer goes by a stream that
// ends with the session.
func TestOnesOwnSessionEndsAfterTheAnswer(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*world, Actor) (int32, error){
		"one": func(w *world, a Actor) (int32, error) {
			_, err := w.RevokeSession(t.Context(), a, &consolepb.RevokeSessionRequest{Id: a.SessionID})
			return 3, err
		},
		"of the person": func(w *world, a Actor) (int32, error) {
			out, err := w.RevokeUserSessions(t.Context(), a, &consolepb.RevokeUserSessionsRequest{UserKey: "idp/ada"})
			return out.GetRevoked(), err
		},
		"all": func(w *world, a Actor) (int32, error) {
			out, err := w.RevokeAllSessions(t.Context(), a, &consolepb.RevokeAllSessionsRequest{})
			return out.GetRevoked(), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			admin, before, after := as(RoleAdmin), w.signIn("ada", nil), ""
			admin.SessionID = w.signIn("ada", nil)
			after = w.signIn("ada", nil)
			if n, err := end(w, admin); err != nil || n != 3 {
				t.Fatalf("%d, %v", n, err)
			}
			if name != "one" && (w.lives(before) || w.lives(after)) {
				t.Error("another session goes on")
			}
			w.gone(admin.SessionID)
		})
	}
}

// TestTheProgramEndsNoSooner than a session that was to end.
func TestTheProgramEndsNoSooner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	service, err := NewService(w.o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	admin := as(RoleAdmin)
	admin.SessionID = w.signIn("ada", nil)
	if _, err := service.RevokeSession(t.Context(), admin, &consolepb.RevokeSessionRequest{Id: admin.SessionID}); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := service.Run(ctx); err != nil || w.lives(admin.SessionID) {
		t.Errorf("%v, or the session goes on", err)
	}
}
