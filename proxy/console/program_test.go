package console

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// routes are as many as there are positions.
func (f fakePolicies) Routes(context.Context) ([]*consolepb.Route, error) {
	var out []*consolepb.Route
	for i := range 3 {
		out = append(out, &consolepb.Route{
			Id: fmt.Sprint("r", i), From: "https://" + f.w.text, Matches: f.w.text, Name: f.w.text, Description: f.w.text, To: []string{f.w.text},
			File: f.w.text, Line: 7, Policies: []string{f.w.text, "p"}, Rules: int32(3 - i), Position: int32(i + 1), ShadowDisagreements: uint64(i),
		})
	}
	return out, nil
}

func (f fakePolicies) Route(_ context.Context, id string) (*consolepb.GetRouteResponse, error) {
	if id == "" {
		return nil, ErrNotFound
	}
	x := explanation(f.w.text)
	return &consolepb.GetRouteResponse{
		Route: &consolepb.Route{Id: id, From: f.w.text, Name: f.w.text, To: []string{f.w.text}, File: f.w.text}, Allow: x.Allow, Deny: x.Deny,
		Policies: []*consolepb.RoutePolicy{{Name: f.w.text, File: f.w.text, Explanation: f.w.text, Remediation: f.w.text}},
		Shadows:  []*consolepb.ShadowDisagreement{{Policy: f.w.text, Outcome: f.w.text, Would: "allow", Count: 3}}, Rego: f.w.text + "\n" + f.w.text,
		Coverage: &consolepb.Coverage{Tests: 3, Failed: 1, Touched: 4, Branches: 6, Untouched: []*consolepb.UntouchedRule{
			{File: f.w.text, Line: 9, Policy: f.w.text, Rule: f.w.text, Never: "true"},
		}},
	}, nil
}

// PolicyTests are three in two files, of which the last failed.
func (f fakePolicies) PolicyTests(context.Context) (*consolepb.ListPolicyTestsResponse, error) {
	test := func(name string, line int32, problem string) *consolepb.PolicyTest {
		return &consolepb.PolicyTest{Name: name + " " + f.w.text, File: "b" + f.w.text, Line: line, Subject: "policy " + name, Want: "allow", Problem: problem}
	}
	return &consolepb.ListPolicyTestsResponse{
		Tests:    []*consolepb.PolicyTest{test("z", 9, ""), test("y", 3, ""), test("x", 20, "want allow, got deny "+f.w.text)},
		Coverage: &consolepb.Coverage{Tests: 3, Failed: 1, Touched: 4, Branches: 6}, Faults: []string{f.w.text}, Whole: true,
	}, nil
}

// Replay finds the text of the configuration wrong where it says so.
func (f fakePolicies) Replay(ctx context.Context, r *consolepb.ReplayConfigRequest) (*consolepb.ReplayConfigResponse, error) {
	switch string(r.Config) {
	case "wrong":
		return &consolepb.ReplayConfigResponse{Problems: []string{f.w.text}}, nil
	case "long":
		close(f.w.begun)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &consolepb.ReplayConfigResponse{
		Decisions: 5, Same: 2, Flipped: 1, CannotTell: 1, PassedOver: 1,
		Flips: []*consolepb.Flip{{
			Person: f.w.text, Route: f.w.text, Before: f.w.text, After: "allow", Why: []string{f.w.text}, Count: 1, RequestId: f.w.text,
			Time: r.Since, Method: f.w.text, Path: f.w.text,
		}},
		Doubts: []*consolepb.Doubt{{Why: f.w.text, Count: 1}},
	}, nil
}

func (f fakePolicies) Status(context.Context) *consolepb.GetStatusResponse {
	return &consolepb.GetStatusResponse{
		Instance: f.w.text, Streams: &consolepb.Streams{Open: 2, Begun: 5, Ended: map[string]uint64{"closed": 2, "revoked": 1}},
		Version: f.w.text, StartedAt: timestamppb.New(f.w.clock.now()), Generation: 3, Routes: 3, Files: []string{f.w.text},
		LastReload: &consolepb.Reload{At: timestamppb.New(f.w.clock.now()), Errors: []string{f.w.text}},
		Envoy:      &consolepb.Envoy{Restarts: 1, Refusal: f.w.text}, Recording: &consolepb.Recording{On: true, Dropped: 1},
		Certificates: []*consolepb.Certificate{{Names: []string{f.w.text}, ExpiresAt: timestamppb.New(f.w.clock.now().Add(time.Hour))}},
	}
}

// upload sends a file with the form of a session.
func (w *world) upload(session, target, content string) *http.Request {
	w.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	_ = m.WriteField("token", w.server.token(Actor{SessionID: session})) // a buffer does not fail
	part, err := m.CreateFormFile("config", "config.yaml")
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = part.Write([]byte(content))
	_ = m.Close()
	r := w.request(session, http.MethodPost, target, nil)
	r.Header.Set("Content-Type", m.FormDataContentType())
	out := r.Clone(r.Context())
	out.Body, out.ContentLength = http.NoBody, int64(body.Len())
	out.Body = readCloser{&body}
	return out
}

type readCloser struct{ *bytes.Buffer }

func (readCloser) Close() error { return nil }

func TestRoutesAreListedAsTheyAreTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.text = "app.example.com"
	for order, want := range map[string]string{"": "r0 r1 r2", "rules": "r0 r1 r2", "shadow": "r2 r1 r0"} {
		out, err := w.ListRoutes(t.Context(), as(RoleViewer), &consolepb.ListRoutesRequest{Page: &consolepb.PageRequest{Order: order}, Search: "APP", Policy: "p"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range out.Routes {
			got = append(got, r.Id)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("by %q: %v", order, got)
		}
	}
	if out, err := w.ListRoutes(t.Context(), as(RoleViewer), &consolepb.ListRoutesRequest{Policy: "none"}); err != nil || len(out.Routes) > 0 {
		t.Errorf("%v, %v", out, err)
	}
	viewer := w.signIn("viewer", nil)
	page := w.get(viewer, "/routes/show?id=r1")
	for _, want := range []string{"3 tests, 1 failed. They touched 4 of 6 branches", "app.example.com:9", "What allows", "app.example.com:3"} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("no %q:\n%s", want, page.Body)
		}
	}
	if gone := w.get(viewer, "/routes/show"); gone.Code != http.StatusNotFound {
		t.Errorf("a route that is none: status %d", gone.Code)
	}
}

func TestPolicyTestsAreListedWithWhatFailedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.text = "ops_test.yaml"
	for _, tc := range []struct {
		request *consolepb.ListPolicyTestsRequest
		want    string
	}{
		{&consolepb.ListPolicyTestsRequest{}, "x y z"},
		{&consolepb.ListPolicyTestsRequest{Failed: true}, "x"},
		{&consolepb.ListPolicyTestsRequest{Search: "Y OPS"}, "y"},
		{&consolepb.ListPolicyTestsRequest{Page: &consolepb.PageRequest{Order: "subject", Descending: true}}, "z y x"},
		{&consolepb.ListPolicyTestsRequest{Page: &consolepb.PageRequest{Size: 2}}, "x y"},
	} {
		out, err := w.ListPolicyTests(t.Context(), as(RoleViewer), tc.request)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, one := range out.Tests {
			got = append(got, one.Name[:1])
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%v: %v, want %s", tc.request, got, tc.want)
		}
	}
	page := w.get(w.signIn("viewer", nil), "/routes/tests?failed=1").Body.String()
	for _, want := range []string{"4 of 6 branches", "want allow, got deny", "Some files are no tests"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q:\n%s", want, page)
		}
	}
}

func TestActivityIsCountedByTheHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.advance(w.clock.now().Truncate(time.Hour).Add(90 * time.Minute).Sub(w.clock.now()))
	at := func(hours int) *timestamppb.Timestamp {
		return timestamppb.New(w.clock.now().Add(-time.Duration(hours) * time.Hour))
	}
	for _, d := range []*consolepb.Decision{
		{Time: at(50), Outcome: "deny"}, {Time: at(23), Outcome: "allow"}, {Time: at(1), Outcome: "sign-in"}, {Time: at(1), Outcome: "sign-in-again"},
		{Time: at(0), Outcome: "deny", Reasons: []string{"groups-unauthorized"}}, {Time: at(0), Outcome: "deny", Reasons: []string{"groups-unauthorized", "x"}},
		{Time: at(0), Outcome: "not-found", Reasons: []string{"route-not-found"}},
	} {
		w.decide(d)
	}
	w.shown(w.signIn("ada", nil)) // an hour ago
	out, err := w.GetActivity(t.Context(), as(RoleViewer), &consolepb.GetActivityRequest{})
	if err != nil || !out.Whole || len(out.Hours) != 24 {
		t.Fatalf("%v, %v", out, err)
	}
	first, before, last := out.Hours[0], out.Hours[22], out.Hours[23]
	if first.Allowed != 1 || before.Asked != 2 || before.SignIns != 1 || last.Refused != 3 || !last.Start.AsTime().Equal(w.clock.now().Truncate(time.Hour)) {
		t.Errorf("%v %v %v", first, before, last)
	}
	var got []string
	for _, r := range out.Refusals {
		got = append(got, fmt.Sprint(r.Reason, " ", r.Count))
	}
	if diff := cmp.Diff([]string{"groups-unauthorized 2", "not-found 1"}, got); diff != "" {
		t.Error(diff)
	}
	// It serves for a while: a page that many look at costs once.
	w.decide(&consolepb.Decision{Time: at(0), Outcome: "allow"})
	if again, err := w.GetActivity(t.Context(), as(RoleViewer), &consolepb.GetActivityRequest{}); err != nil || again.Hours[23].Allowed != 0 {
		t.Errorf("%v, %v", again, err)
	}
	w.clock.advance(countKept)
	if again, err := w.GetActivity(t.Context(), as(RoleViewer), &consolepb.GetActivityRequest{}); err != nil || again.Hours[23].Allowed != 1 {
		t.Errorf("%v, %v", again, err)
	}
}

func TestTheOverviewSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.text = "config.yaml:7: routes: no such thing"
	w.decide(&consolepb.Decision{Outcome: "deny", Time: timestamppb.New(w.clock.now())})
	page := w.get(w.signIn("viewer", nil), "/")
	body := page.Body.String()
	for _, want := range []string{
		say("overview.unwell"), w.text, say("overview.envoy.away"), say("overview.store.away"), "ends at", "<svg", "<rect", "<table", "started again 1 times", "2 open, 5 begun", "2 closed, 1 revoked",
	} {
		if page.Code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("status %d, no %q:\n%s", page.Code, want, body)
		}
	}
}

func TestReplayShowsWhoFlips(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.text = "ada@example.com"
	manager, viewer := w.signIn("manager", nil), w.signIn("viewer", nil)
	out := w.serve(w.upload(manager, "/replay", "routes: []"))
	if body := out.Body.String(); out.Code != http.StatusOK || !strings.Contains(body, "1 request would be decided otherwise") || !strings.Contains(body, "ada@example.com") {
		t.Errorf("status %d:\n%s", out.Code, body)
	}
	w.text = "uploaded.yaml:3: policy_dir: <b>"
	if out := w.serve(w.upload(manager, "/replay", "wrong")); out.Code != http.StatusUnprocessableEntity || !strings.Contains(out.Body.String(), "3: policy_dir: &lt;b&gt;") {
		t.Errorf("status %d:\n%s", out.Code, out.Body)
	}
	if out := w.serve(w.upload(viewer, "/replay", "routes: []")); out.Code != http.StatusForbidden {
		t.Errorf("a viewer: status %d", out.Code)
	}
	for name, content := range map[string]string{"nothing": "", "too much": strings.Repeat("#", maxConfig+1), "far too much": strings.Repeat("#", 5<<20)} {
		if out := w.serve(w.upload(manager, "/replay", content)); out.Code != http.StatusBadRequest && out.Code != http.StatusForbidden {
			t.Errorf("%s: status %d", name, out.Code)
		}
	}
}

func TestOneReplayAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.begun = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := w.ReplayConfig(ctx, as(RoleManager), &consolepb.ReplayConfigRequest{Config: []byte("long")})
		done <- err
	}()
	<-w.begun
	_, err := w.ReplayConfig(t.Context(), as(RoleManager), &consolepb.ReplayConfigRequest{Config: []byte("ok")})
	if status.Code(statusOf(err)) != codes.FailedPrecondition {
		t.Errorf("a second one: %v", err)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("no error after the end of the context")
	}
	if _, err := w.ReplayConfig(t.Context(), as(RoleManager), &consolepb.ReplayConfigRequest{Config: []byte("ok")}); err != nil {
		t.Errorf("after its end: %v", err)
	}
}

// TestTheOverviewStandsWithoutRecords: it is opened because something is wrong.
func TestTheOverviewStandsWithoutRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bare := &Service{o: w.o, index: newIndex(w.client, w.o.Log, w.o.Now)} // nobody runs it
	out, err := bare.GetStatus(t.Context(), as(RoleViewer), &consolepb.GetStatusRequest{})
	if err != nil || out.Sessions != -1 || out.Generation != 3 {
		t.Errorf("%v, %v", out, err)
	}
	if act, err := bare.GetActivity(t.Context(), as(RoleViewer), &consolepb.GetActivityRequest{}); err != nil || act.Whole {
		t.Errorf("%v, %v", act, err)
	}
}
