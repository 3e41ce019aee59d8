package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// newStage returns a world that consents, with an administrator's session and
// that of somebody else.
func newStage(t *testing.T) (w *world, admin, bob string) {
	t.Helper()
	w = newWorld(t)
	w.config.Console.Impersonation = true
	return w, w.signIn("admin", nil), w.signIn("bob", nil)
}

// actorOfSession is who comes with a session, as pages see them.
func (w *world) actorOfSession(session string) Actor {
	w.t.Helper()
	a, err := w.server.identify(w.t.Context(), w.server.active.Load(), w.request(session, http.MethodGet, "/", nil))
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// actsAs is what the record of a session says.
func (w *world) actsAs(session string) *databroker.Impersonation {
	w.t.Helper()
	s, err := w.client.Session(w.t.Context(), session)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Impersonates
}

func startRequest(session string, d time.Duration) *consolepb.StartImpersonationRequest {
	return &consolepb.StartImpersonationRequest{SessionId: session, Duration: durationpb.New(d), Reason: "ticket 7"}
}

func TestAnAdministratorActsAndStops(t *testing.T) {
	t.Parallel()
	w, admin, bob := newStage(t)
	a := w.actorOfSession(admin)
	out, err := w.StartImpersonation(t.Context(), a, startRequest(bob, 15*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	until := w.clock.now().Add(15 * time.Minute)
	got := w.actsAs(admin)
	if got == nil || got.SessionID != bob || got.UserKey != "idp/bob" || got.By != "idp/admin" || !got.Until.Equal(until) || !out.Until.AsTime().Equal(until) {
		t.Fatalf("the session says %+v", got)
	}
	user, err := w.client.User(t.Context(), "idp/bob")
	if err != nil || len(user.Impersonated) != 1 || user.Impersonated[0].By != "admin@example.com" || !user.Impersonated[0].Until.Equal(until) {
		t.Fatalf("the person sees %+v, %v", user, err)
	}
	w.clock.advance(time.Minute)
	if _, err := w.StopImpersonation(t.Context(), a, &consolepb.StopImpersonationRequest{}); err != nil {
		t.Fatal(err)
	}
	if w.actsAs(admin) != nil {
		t.Error("it goes on")
	}
	if user, _ = w.client.User(t.Context(), "idp/bob"); !user.Impersonated[0].Until.Equal(w.clock.now()) {
		t.Errorf("the person sees an end at %s", user.Impersonated[0].Until)
	}
	var told []string
	for _, e := range w.audit.all() {
		told = append(told, string(e.Action)+" "+string(e.Outcome)+" "+e.Target+" "+e.Subject+" "+e.Detail["reason"])
	}
	if got, want := strings.Join(told, "\n"), strings.Join([]string{
		"StartImpersonation begun session/" + bob + " idp/bob ticket 7", "StartImpersonation done session/" + bob + " idp/bob ticket 7",
		"StopImpersonation begun session/" + admin + " idp/bob ", "StopImpersonation done session/" + admin + " idp/bob ",
	}, "\n"); got != want {
		t.Errorf("audit:\n%s", got)
	}
}

func TestWhomNobodyActsAs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*world, *Actor, *consolepb.StartImpersonationRequest)
		want   string // in the error
	}{
		{"nothing is wrong", func(*world, *Actor, *consolepb.StartImpersonationRequest) {}, ""},
		{"no consent", func(w *world, _ *Actor, _ *consolepb.StartImpersonationRequest) {
			w.config.Console.Impersonation = false
		}, "does not consent"},
		{"an operator", func(_ *world, a *Actor, _ *consolepb.StartImpersonationRequest) { *a = Operator(0, "r") }, "no session"},
		{"one's own session", func(_ *world, a *Actor, r *consolepb.StartImpersonationRequest) { r.SessionId = a.SessionID }, "this is you"},
		{"another of one's own", func(w *world, _ *Actor, r *consolepb.StartImpersonationRequest) { r.SessionId = w.signIn("admin", nil) }, "this is you"},
		{"while acting", func(_ *world, a *Actor, _ *consolepb.StartImpersonationRequest) { a.ActsAs = "carol" }, "stop that first"},
		{"an administrator", func(w *world, _ *Actor, r *consolepb.StartImpersonationRequest) {
			w.roles("domain: {is: example.com}", "email: {is: a}", "email: {is: a}")
		}, "is an administrator"},
		{"a session that acts", func(w *world, _ *Actor, r *consolepb.StartImpersonationRequest) {
			if err := w.alterSession(w.t.Context(), r.SessionId, func(s *databroker.Session) {
				s.Impersonates = &databroker.Impersonation{SessionID: "x", Until: w.clock.now().Add(time.Minute)}
			}); err != nil {
				w.t.Fatal(err)
			}
		}, "acts as somebody else itself"},
		{"somebody who is shut out", func(w *world, _ *Actor, _ *consolepb.StartImpersonationRequest) {
			if err := w.setDisabled(w.t.Context(), "idp/bob", true); err != nil {
				w.t.Fatal(err)
			}
		}, "shut out"},
		{"a program", func(w *world, _ *Actor, r *consolepb.StartImpersonationRequest) { w.isAccount(r.SessionId) }, "this is a program"},
		{"as a program", func(w *world, a *Actor, _ *consolepb.StartImpersonationRequest) { w.isAccount(a.SessionID) }, "a program acts as nobody"},
		{"no session", func(_ *world, _ *Actor, r *consolepb.StartImpersonationRequest) { r.SessionId = "nowhere" }, "not there"},
		{"too long", func(_ *world, _ *Actor, r *consolepb.StartImpersonationRequest) {
			r.Duration = durationpb.New(time.Hour + time.Nanosecond)
		}, "duration"},
		{"no time", func(_ *world, _ *Actor, r *consolepb.StartImpersonationRequest) { r.Duration = nil }, "duration"},
		{"time that runs back", func(_ *world, _ *Actor, r *consolepb.StartImpersonationRequest) { r.Duration = durationpb.New(-1) }, "duration"},
		{"no reason", func(_ *world, _ *Actor, r *consolepb.StartImpersonationRequest) { r.Reason = " \n" }, "reason"},
		{"a book", func(_ *world, _ *Actor, r *consolepb.StartImpersonationRequest) { r.Reason = strings.Repeat("a", 501) }, "reason"},
		{"a manager", func(_ *world, a *Actor, _ *consolepb.StartImpersonationRequest) { a.Role = RoleManager }, "does not reach"},
		{"a viewer", func(_ *world, a *Actor, _ *consolepb.StartImpersonationRequest) { a.Role = RoleViewer }, "does not reach"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w, admin, bob := newStage(t)
			a, r := w.actorOfSession(admin), startRequest(bob, time.Hour)
			tc.change(w, &a, r)
			_, err := w.StartImpersonation(t.Context(), a, r)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if acts := w.actsAs(admin) != nil; acts != (tc.want == "") {
				t.Errorf("acts: %v", acts)
			}
			if user, _ := w.client.User(t.Context(), "idp/bob"); (len(user.Impersonated) > 0) != (tc.want == "") {
				t.Errorf("the person sees %v", user.Impersonated)
			}
		})
	}
}

// isAccount makes a session that of a service account.
func (w *world) isAccount(session string) {
	w.t.Helper()
	if err := w.alterSession(w.t.Context(), session, func(s *databroker.Session) { s.IDPID = databroker.AccountProvider }); err != nil {
		w.t.Fatal(err)
	}
}

func TestNothingIsActedUnlessItIsAudited(t *testing.T) {
	t.Parallel()
	w, admin, bob := newStage(t)
	a := w.actorOfSession(admin)
	w.audit.err = errors.New("full")
	if _, err := w.StartImpersonation(t.Context(), a, startRequest(bob, time.Hour)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	if w.actsAs(admin) != nil {
		t.Error("it has begun")
	}
}

func TestPagesOfActing(t *testing.T) {
	t.Parallel()
	w, admin, bob := newStage(t)
	w.shown(bob)
	w.shown(admin)
	start := url.Values{"id": {bob}, "duration": {"15m"}, "reason": {"ticket 7"}}
	link := "/impersonation/start?id=" + bob
	for _, page := range []string{"/sessions", "/users/show?key=idp%2Fbob"} {
		if body := w.get(admin, page).Body.String(); !strings.Contains(body, link) || strings.Contains(body, "/impersonation/start?id="+admin) {
			t.Errorf("%s offers the wrong people", page)
		}
		if body := w.get(w.signIn("manager", nil), page).Body.String(); strings.Contains(body, "/impersonation/") {
			t.Errorf("%s offers it to a manager", page)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"no token":      func(r *http.Request) { r.Body = http.NoBody },
		"a foreign one": func(r *http.Request) { r.Header.Set("Origin", "https://app.example.com") },
		"cross-site":    func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
	} {
		form := url.Values{"token": {w.server.token(Actor{SessionID: admin})}}
		for k, v := range start {
			form[k] = v
		}
		r := w.request(admin, http.MethodPost, "/impersonation/start", form)
		change(r)
		if out := w.serve(r); out.Code != http.StatusForbidden || w.actsAs(admin) != nil {
			t.Errorf("%s: status %d", name, out.Code)
		}
	}
	for _, role := range []string{"viewer", "manager"} {
		session := w.signIn(role, nil)
		if out := w.post(session, "/impersonation/start", start); out.Code != http.StatusForbidden || w.actsAs(session) != nil {
			t.Errorf("a %s: status %d", role, out.Code)
		}
	}
	if out := w.get(admin, link); out.Code != http.StatusOK || !strings.Contains(out.Body.String(), `name="reason"`) {
		t.Errorf("the question: %d", out.Code)
	}
	if out := w.post(admin, "/impersonation/start", url.Values{"id": {bob}, "duration": {"9h"}, "reason": {"x"}}); out.Code != http.StatusBadRequest {
		t.Errorf("a time of one's own: %d", out.Code)
	}
	if out := w.post(admin, "/impersonation/start", start); out.Code != http.StatusSeeOther {
		t.Fatalf("status %d", out.Code)
	}
	for _, page := range []string{"/sessions", "/users", "/audit", "/impersonation/stop", "/nowhere"} {
		body := w.get(admin, page).Body.String()
		if !strings.Contains(body, "you act as \u2068Bob\u2069. This ends") || !strings.Contains(body, `href="/impersonation/stop"`) {
			t.Errorf("%s does not say whom one acts as", page)
		}
	}
	if body := w.get(admin, "/users/show?key=idp%2Fbob").Body.String(); !strings.Contains(body, "Administrators who acted as this person") || !strings.Contains(body, "admin@example.com") {
		t.Error("the person's page does not say that somebody acts as them")
	}
	if out := w.post(admin, "/impersonation/stop", nil); out.Code != http.StatusSeeOther || w.actsAs(admin) != nil {
		t.Errorf("stop: %d", out.Code)
	}
	if out := w.post(admin, "/impersonation/stop", nil); out.Code != http.StatusConflict {
		t.Errorf("stop again: %d", out.Code)
	}
	if body := w.get(admin, "/sessions").Body.String(); strings.Contains(body, "/impersonation/stop") {
		t.Error("the notice stays")
	}
}

func TestAnOperatorStops(t *testing.T) {
	t.Parallel()
	w, admin, bob := newStage(t)
	if _, err := w.StartImpersonation(t.Context(), w.actorOfSession(admin), startRequest(bob, time.Hour)); err != nil {
		t.Fatal(err)
	}
	operator := Operator(0, "r")
	c := consolepb.NewImpersonationServiceClient(w.dial(&operator))
	if _, err := c.StopImpersonation(t.Context(), &consolepb.StopImpersonationRequest{}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no session: %v", err)
	}
	if _, err := c.StartImpersonation(t.Context(), startRequest(bob, time.Hour)); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("start: %v", err)
	}
	if _, err := c.StopImpersonation(t.Context(), &consolepb.StopImpersonationRequest{SessionId: admin}); err != nil || w.actsAs(admin) != nil {
		t.Errorf("stop: %v", err)
	}
}
