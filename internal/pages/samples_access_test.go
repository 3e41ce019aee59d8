package pages

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func sampleRequests() []AccessRow {
	return []AccessRow{
		{ID: "A", App: "Payroll", Grant: "payroll-office", Reason: "Year-end closing", State: AccessStateWaiting, Asked: sampleNow.Add(-time.Minute)},
		{ID: "B", App: "Database", Grant: "dba", Reason: "Incident 42", State: AccessStateGranted, Asked: sampleNow.Add(-time.Hour), Until: sampleNow.Add(time.Hour)},
		{ID: "C", App: "Database", Grant: "dba", Reason: "Incident 41", State: AccessStateOver, Asked: sampleNow.Add(-48 * time.Hour), Until: sampleNow.Add(-47 * time.Hour)},
		{ID: "D", App: "Wiki", Grant: "writers", Reason: "To write", State: AccessStateRefused, Asked: sampleNow.Add(-50 * time.Hour), Note: "Ask your manager first."},
		{ID: "E", App: "Wiki", Grant: "writers", Reason: "To write", State: AccessStateWithdrawn, Asked: sampleNow.Add(-51 * time.Hour)},
	}
}

// accessSamples are the pages of requests for access in every state.
func accessSamples(p *Pages) map[string]Answer {
	ask := AskAccess{
		Frame: sampleFrame(), App: "Payroll", Grants: []string{"payroll-office"}, BackURL: "https://payroll.analytical.example/",
		Action: "/.pomerium/requests/new?pomerium_signature=opaque",
	}
	several := ask
	several.Grants, several.Grant, several.Reason, several.BadReason = []string{"dba", "ops"}, "ops", strings.Repeat("x", 501), true
	return map[string]Answer{
		"ask":            p.AskAccess(ask),
		"ask-refused":    p.AskAccess(several),
		"requests":       p.AccessRequests(AccessRequests{Frame: sampleFrame(), Requests: sampleRequests(), Action: "/.pomerium/requests", Done: AccessAsked}),
		"requests-none":  p.AccessRequests(AccessRequests{Frame: sampleFrame(), Action: "/.pomerium/requests", Done: AccessWithdrawn}),
		"requests-again": p.AccessRequests(AccessRequests{Frame: sampleFrame(), Requests: sampleRequests()[:1], Action: "/.pomerium/requests", Done: AccessAgain}),
	}
}

// hostileAccess are the same, filled with s as far as others may choose it.
func hostileAccess(p *Pages, f Frame, s string) map[string]Answer {
	rows := make([]AccessRow, 60)
	for i := range rows {
		rows[i] = AccessRow{ID: "id", App: s, Grant: s, Reason: s, Note: s, URL: s, State: AccessStateWaiting, Asked: sampleNow, Until: sampleNow}
	}
	return map[string]Answer{
		"ask":      p.AskAccess(AskAccess{Frame: f, App: s, Grants: []string{"opaque", "other"}, Action: "/a", BackURL: s}),
		"requests": p.AccessRequests(AccessRequests{Frame: f, Requests: rows, Action: "/a"}),
	}
}

func TestARefusedReasonIsAskedForAgain(t *testing.T) {
	t.Parallel()
	a := newPages().AskAccess(AskAccess{Grants: []string{"dba"}, Action: "/a", Reason: "kept <b>", BadReason: true})
	if body := string(a.Body); a.Status != http.StatusBadRequest || !strings.Contains(body, "kept &lt;b&gt;") || !strings.Contains(body, words["ask.reason.bad"]) {
		t.Errorf("%d:\n%s", a.Status, body)
	}
}

// askSample is a denial that offers to ask for access.
func askSample(other Action) Problem {
	e := Problem{Reasons: []string{"grant-unauthorized"}, Other: other}
	e.OfferToAsk("https://login.analytical.example/.pomerium/requests/new?pomerium_signature=opaque")
	return e
}
