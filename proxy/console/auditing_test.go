package console

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/proxy/console/audit"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// did writes one change of ada's into the chain, from its beginning to its end.
func (w *world) did(action, object, id, detail string) {
	w.t.Helper()
	e := audit.Entry{
		Time: w.clock.now(), Change: action + id, Action: audit.ActionOf(action), ObjectType: object, ObjectID: id, Subject: "idp/" + id,
		Actor: audit.Actor{Email: "ada@example.com", Role: "admin", Via: "web"}, Details: map[string]string{"note": detail},
	}
	for _, e.Result = range []audit.Result{audit.Begun, audit.Done} {
		if _, err := w.chain.Append(w.t.Context(), e); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestTheAuditIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.signIn("admin", nil)
	for _, id := range []string{"one", "two", "<script>alert(1)</script>"} {
		w.did("RevokeSession", "session", id, id)
	}
	w.did("DisableUser", "user", "mallory", "")
	viewer, manager := as(RoleViewer), as(RoleManager)
	all, err := w.ListAudit(t.Context(), viewer, &consolepb.ListAuditRequest{Page: &consolepb.PageRequest{Size: 3}})
	if err != nil || all.Page.Total != 4 || len(all.Entries) != 3 || all.Entries[0].Action != "user.disable" || all.Entries[0].Outcome != "done" {
		t.Fatalf("%+v, %v", all, err)
	}
	rest, err := w.ListAudit(t.Context(), viewer, &consolepb.ListAuditRequest{Page: &consolepb.PageRequest{Size: 3, Cursor: all.Page.Next}})
	if err != nil || len(rest.Entries) != 1 || rest.Entries[0].ObjectId != "one" || rest.Page.Next != "" {
		t.Errorf("the next page: %+v, %v", rest, err)
	}
	some, err := w.ListAudit(t.Context(), viewer, &consolepb.ListAuditRequest{Action: "session.", Object: "session/two", Actor: "ADA"})
	if err != nil || len(some.Entries) != 1 || some.Entries[0].Details["note"] != "two" {
		t.Errorf("what was looked for: %+v, %v", some, err)
	}
	for _, bad := range []*consolepb.PageRequest{{Cursor: "x"}, {Cursor: "0"}, {Cursor: "-1"}, {Order: "time"}, {Descending: true}} {
		var invalid *Invalid
		if _, err := w.ListAudit(t.Context(), viewer, &consolepb.ListAuditRequest{Page: bad}); !errors.As(err, &invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := w.VerifyAudit(t.Context(), viewer, nil); !errors.Is(err, ErrForbidden) {
		t.Errorf("a viewer verifies: %v", err)
	}
	good, err := w.VerifyAudit(t.Context(), manager, nil)
	if err != nil || !good.Intact || good.Entries != 8 || len(good.HeadHash) != 64 {
		t.Errorf("verified: %+v, %v", good, err)
	}
	page := w.get(admin, "/audit")
	if body := page.Body.String(); page.Code != http.StatusOK || !strings.Contains(body, "session.revoke") || strings.Contains(body, "<script>alert") {
		t.Errorf("the page: %d", page.Code)
	}
	if page := w.get(admin, "/audit/verify"); page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "Intact") {
		t.Errorf("the page that verifies: %d", page.Code)
	}
}

func TestWhatIsMissingFromTheAuditIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.signIn("admin", nil)
	for _, id := range []string{"one", "two", "three"} {
		w.did("RevokeSession", "session", id, "")
	}
	page, err := w.client.List(t.Context(), "audit_entry", 10, nil)
	if err != nil || len(page.Records) != 6 {
		t.Fatalf("%d records, %v", len(page.Records), err)
	}
	if err := w.client.Remove(t.Context(), "audit_entry", page.Records[2].ID); err != nil {
		t.Fatal(err)
	}
	got, err := w.VerifyAudit(t.Context(), as(RoleManager), nil)
	if err != nil || got.Intact || len(got.Findings) == 0 {
		t.Fatalf("verified: %+v, %v", got, err)
	}
	body := w.get(admin, "/audit/verify").Body.String()
	if !strings.Contains(body, "Something was changed") {
		t.Errorf("the page says nothing of it:\n%s", body)
	}
}
