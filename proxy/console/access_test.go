package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// asks writes a request for access as the sign-in host does, and waits until it
// is listed.
func (w *world) asks(who, id, grant string) {
	w.t.Helper()
	key := databroker.UserKey("idp", who)
	list, err := w.client.AccessRequests(w.t.Context(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	list.Requests = append(list.Requests, databroker.AccessRequest{
		ID: id, RouteID: "route-1", Grant: grant, Reason: "because of " + id, State: databroker.AccessWaiting, CreatedAt: w.clock.now(),
	})
	if err := w.client.PutAccessRequests(w.t.Context(), list); err != nil {
		w.t.Fatal(err)
	}
	w.settle("request "+id, func(m *summaries) bool { return m.requests[id] != nil })
}

func (w *world) request1(who, id string) databroker.AccessRequest {
	w.t.Helper()
	list, err := w.client.AccessRequests(w.t.Context(), databroker.UserKey("idp", who))
	if err != nil || list.Find(id) == nil {
		w.t.Fatalf("request %s: %v", id, err)
	}
	return *list.Find(id)
}

// held are the names of the grants that a person's record leads to.
func (w *world) held(who string) (names []string) {
	w.t.Helper()
	user, err := w.client.User(w.t.Context(), databroker.UserKey("idp", who))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, id := range user.GrantIDs {
		if g, err := w.client.Grant(w.t.Context(), id); err == nil && g.UserKey == user.Key {
			names = append(names, g.Name)
		}
	}
	return names
}

func approve(id string, d time.Duration) *consolepb.ApproveAccessRequestRequest {
	return &consolepb.ApproveAccessRequestRequest{Id: id, Duration: durationpb.New(d)}
}

func TestARequestIsApprovedAndEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn("ann", nil)
	w.asks("ann", "R1", "dba")
	manager := as(RoleManager)
	out, err := w.ApproveAccessRequest(t.Context(), manager, approve("R1", time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	g, err := w.client.Grant(t.Context(), out.Grant.Id)
	if err != nil || g.Name != "dba" || g.UserKey != "idp/ann" || !g.ExpiresAt.Equal(w.clock.now().Add(time.Hour)) || g.RequestID != "R1" ||
		g.GrantedBy != manager.Email || g.Reason != "because of R1" {
		t.Errorf("the grant: %+v, %v", g, err)
	}
	if got := w.held("ann"); len(got) != 1 || got[0] != "dba" {
		t.Errorf("held: %v", got)
	}
	if r := w.request1("ann", "R1"); r.State != databroker.AccessGranted || r.GrantID != g.ID || !r.Until.Equal(g.ExpiresAt) || r.DecidedBy != manager.Email {
		t.Errorf("the request: %+v", r)
	}
	entries := w.audit.take()
	if len(entries) != 1 || entries[0].Action != "ApproveAccessRequest" || entries[0].Subject != "idp/ann" || entries[0].Detail["grant"] != "dba" ||
		entries[0].Target != "access_request/R1" || entries[0].Outcome != OutcomeDone {
		t.Errorf("the audit: %+v", entries)
	}
	// Decided is decided.
	for name, again := range map[string]func() error{
		"approved again": func() error {
			_, err := w.ApproveAccessRequest(t.Context(), manager, approve("R1", time.Hour))
			return err
		},
		"refused": func() error {
			_, err := w.RefuseAccessRequest(t.Context(), manager, &consolepb.RefuseAccessRequestRequest{Id: "R1"})
			return err
		},
	} {
		if err := again(); !errors.Is(err, ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := w.held("ann"); len(got) != 1 {
		t.Errorf("held: %v", got)
	}
	if _, err := w.EndGrant(t.Context(), manager, &consolepb.EndGrantRequest{Id: g.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.Grant(t.Context(), g.ID); !errors.Is(err, databroker.ErrNotFound) || len(w.held("ann")) != 0 {
		t.Errorf("after its end: %v, held %v", err, w.held("ann"))
	}
	if r := w.request1("ann", "R1"); !r.Until.Equal(w.clock.now()) {
		t.Errorf("the request after the end: %+v", r)
	}
	if _, err := w.EndGrant(t.Context(), manager, &consolepb.EndGrantRequest{Id: g.ID}); !errors.Is(err, ErrNotFound) {
		t.Errorf("ended twice: %v", err)
	}
}

func TestNobodyLetsThemselvesIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn("ann", nil)
	w.signIn("twin", func(u *databroker.User) { u.Email = "twin@elsewhere.example" })
	if err := w.client.PutDirectoryUser(t.Context(), &databroker.DirectoryUser{Key: "idp/twin", Email: "ANN@example.com"}); err != nil {
		t.Fatal(err)
	}
	w.asks("ann", "R1", "dba")
	for name, a := range map[string]Actor{
		"by an account that a directory knows": {Role: RoleAdmin, Via: ViaWeb, UserKey: "idp/twin", Email: "twin@elsewhere.example"},
		"the person themself":                  {Role: RoleAdmin, Via: ViaWeb, UserKey: "idp/ann", Email: "ann@example.com"},
		"by an account elsewhere":              {Role: RoleAdmin, Via: ViaWeb, UserKey: "idp2/77", Email: "Ann@Example.com"},
		"by a service account of anybody":      {Role: RoleAdmin, Via: ViaGRPC, UserKey: "service-account/sa-1"},
		"by the page of a service account":     {Role: RoleManager, Via: ViaWeb, UserKey: "service-account/sa-1", Email: "other@example.com"},
	} {
		_, err := w.ApproveAccessRequest(t.Context(), a, approve("R1", time.Hour))
		var conflict *Conflict
		if !errors.As(err, &conflict) {
			t.Errorf("%s: %v", name, err)
		}
		_, err = w.CreateGrant(t.Context(), a, &consolepb.CreateGrantRequest{UserKey: "idp/ann", Name: "dba", Reason: "x", Duration: durationpb.New(time.Hour)})
		if !errors.As(err, &conflict) {
			t.Errorf("%s, by CreateGrant: %v", name, err)
		}
		if entries := w.audit.take(); len(entries) != 2 || entries[0].Outcome != OutcomeFailed {
			t.Errorf("%s: the audit: %+v", name, entries)
		}
	}
	if r := w.request1("ann", "R1"); r.State != databroker.AccessWaiting || len(w.held("ann")) != 0 {
		t.Errorf("%+v, held %v", r, w.held("ann"))
	}
	// Whoever has the socket has the store, and is nobody's account.
	if _, err := w.ApproveAccessRequest(t.Context(), Operator(0, ""), approve("R1", time.Hour)); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeGranted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn("ann", nil)
	w.signIn("shut", func(u *databroker.User) { u.Disabled = true })
	w.asks("ann", "R1", "dba")
	w.asks("shut", "R2", "dba")
	w.asks("gone", "R3", "dba") // has no record
	manager := as(RoleManager)
	for name, tc := range map[string]struct {
		id   string
		d    *durationpb.Duration
		want string
	}{
		"too long": {"R1", durationpb.New(24*time.Hour + time.Second), "duration: want"}, "too short": {"R1", durationpb.New(time.Millisecond), "duration: want"},
		"for ever": {"R1", nil, "duration: want"}, "backwards": {"R1", durationpb.New(-time.Hour), "duration: want"},
		"not a time": {"R1", &durationpb.Duration{Seconds: 1 << 60}, "duration: want"},
		"no request": {"R9", durationpb.New(time.Hour), "not there"}, "to whom is shut out": {"R2", durationpb.New(time.Hour), "shut out"},
		"to nobody": {"R3", durationpb.New(time.Hour), "not there"},
	} {
		_, err := w.ApproveAccessRequest(t.Context(), manager, &consolepb.ApproveAccessRequestRequest{Id: tc.id, Duration: tc.d})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for who, id := range map[string]string{"ann": "R1", "shut": "R2", "gone": "R3"} {
		if r := w.request1(who, id); r.State != databroker.AccessWaiting || r.GrantID != "" || !r.Until.IsZero() || r.DecidedBy != "" {
			t.Errorf("%s: %+v", id, r)
		}
	}
	page, err := w.client.List(t.Context(), databroker.TypeGrant, 0, nil)
	if err != nil || len(page.Records) != 0 {
		t.Errorf("%d grants are left over, %v", len(page.Records), err)
	}
}

// TestOneOfManyDecides: two administrators and the person, at the same moment.
func TestOneOfManyDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn("ann", nil)
	w.asks("ann", "R1", "dba")
	var all sync.WaitGroup
	errs := make([]error, 12)
	for n := range errs {
		all.Go(func() {
			if n%2 == 0 {
				_, errs[n] = w.ApproveAccessRequest(t.Context(), as(RoleManager), approve("R1", time.Hour))
			} else {
				_, errs[n] = w.RefuseAccessRequest(t.Context(), as(RoleAdmin), &consolepb.RefuseAccessRequestRequest{Id: "R1", Note: "no"})
			}
		})
	}
	all.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if !errors.Is(err, ErrConflict) {
			t.Error(err)
		}
	}
	granted := w.request1("ann", "R1").State == databroker.AccessGranted
	if done != 1 || granted != (len(w.held("ann")) == 1) {
		t.Errorf("%d have decided; granted %v, held %v", done, granted, w.held("ann"))
	}
	page, err := w.client.List(t.Context(), databroker.TypeGrant, 0, nil)
	if err != nil || len(page.Records) != len(w.held("ann")) {
		t.Errorf("%d grants, %v", len(page.Records), err)
	}
}

func TestGrantsThatHaveEndedAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn("ann", func(u *databroker.User) { u.GrantIDs = []string{"gone", "long-gone"} })
	make1 := func(name string) error {
		_, err := w.CreateGrant(t.Context(), as(RoleManager), &consolepb.CreateGrantRequest{UserKey: "idp/ann", Name: name, Reason: "x", Duration: durationpb.New(time.Hour)})
		return err
	}
	if err := make1("dba"); err != nil {
		t.Fatal(err)
	}
	if user, err := w.client.User(t.Context(), "idp/ann"); err != nil || len(user.GrantIDs) != 1 {
		t.Errorf("%+v, %v", user, err)
	}
	for range maxHeld - 1 {
		if err := make1("ops"); err != nil {
			t.Fatal(err)
		}
	}
	if err := make1("one too many"); !errors.Is(err, ErrConflict) {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", " ", "a\nb", strings.Repeat("x", 129), "\x1b[2J", "\xff"} {
		var invalid *Invalid
		if err := make1(bad); !errors.As(err, &invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestThePagesOfRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.signIn("manager", nil)
	w.signIn("ann", func(u *databroker.User) { u.Name = "Ann <i>" })
	w.settle("ann", func(m *summaries) bool { return m.users["idp/ann"] != nil })
	w.asks("ann", "R1", "dba")
	w.asks("ann", "R2", "ops<script>")
	w.asks("manager", "R3", "dba")
	list := w.get(manager, "/requests").Body.String()
	for _, want := range []string{"Ann &lt;i&gt;", "ops&lt;script&gt;", "because of R1", "/requests/approve?id=R1", "/requests/refuse?id=R1", "3 requests"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
	if strings.Contains(list, "/requests/approve?id=R3") {
		t.Error("one's own request is offered to be granted")
	}
	form := w.get(manager, "/requests/approve?id=R1").Body.String()
	for _, want := range []string{`value="900"`, `value="3600"`, `value="28800"`, `value="86400"`, "1 hour", "15 minutes", "1 day"} {
		if !strings.Contains(form, want) {
			t.Errorf("the form lacks %q", want)
		}
	}
	if out := w.post(manager, "/requests/approve", url.Values{"id": {"R1"}, "for": {"3600"}}); out.Code != http.StatusSeeOther {
		t.Fatalf("%d:\n%s", out.Code, out.Body)
	}
	if out := w.post(manager, "/requests/approve", url.Values{"id": {"R3"}, "for": {"3600"}}); out.Code != http.StatusConflict ||
		!strings.Contains(out.Body.String(), "somebody else has to") {
		t.Errorf("their own: %d:\n%s", out.Code, out.Body)
	}
	if out := w.post(manager, "/requests/refuse", url.Values{"id": {"R2"}, "note": {"Ask Bob."}}); out.Code != http.StatusSeeOther {
		t.Errorf("%d", out.Code)
	}
	if r := w.request1("ann", "R2"); r.State != databroker.AccessRefused || r.Note != "Ask Bob." {
		t.Errorf("%+v", r)
	}
	id := w.request1("ann", "R1").GrantID
	w.settle("the grant", func(m *summaries) bool {
		return m.grants[id] != nil && m.requests["R2"].State == databroker.AccessRefused
	})
	if out, err := w.ListAccessRequests(t.Context(), as(RoleViewer), &consolepb.ListAccessRequestsRequest{}); err != nil ||
		out.Requests[0].Id != "R3" || len(out.Requests) != 3 {
		t.Errorf("what waits is not in front: %v, %v", out, err)
	}
	waiting := consolepb.AccessRequestState_ACCESS_REQUEST_STATE_WAITING
	if out, err := w.ListAccessRequests(t.Context(), as(RoleViewer), &consolepb.ListAccessRequestsRequest{State: waiting, Search: "MANAGER"}); err != nil || len(out.Requests) != 1 {
		t.Errorf("%v, %v", out, err)
	}
	if body := w.get(manager, "/grants").Body.String(); !strings.Contains(body, "/grants/end?id="+id) || !strings.Contains(body, "Ann &lt;i&gt;") {
		t.Errorf("the grants:\n%s", body)
	}
	w.get(manager, "/grants/end?id="+id)
	if out := w.post(manager, "/grants/end", url.Values{"id": {id}}); out.Code != http.StatusSeeOther || len(w.held("ann")) != 0 {
		t.Errorf("%d, held %v", out.Code, w.held("ann"))
	}
}
