package authenticate

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
)

// askURL is the address that a route host offers to whom it has refused.
func (w *world) askURL(sessionID, route string, grants ...string) string {
	return w.signer.AccessURL(base, handoff.AskAccess{SessionID: sessionID, ProviderID: w.providerID(), RouteID: route, Grants: grants})
}

// requests are those of the person who signs in.
func (w *world) requests() []databroker.AccessRequest {
	w.t.Helper()
	list, err := w.client.AccessRequests(w.t.Context(), w.user().Key)
	if err != nil {
		w.t.Fatal(err)
	}
	return list.Requests
}

func TestARefusedPersonAsksForAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.Routes[0].Name = "Payroll <b>" })
	b := w.browser()
	c := b.signIn()
	at := w.askURL(c.SessionID, "app", "dba")
	p := b.get(at)
	wantPage(t, p, http.StatusOK, "Payroll &lt;b&gt;")
	if !strings.Contains(html.UnescapeString(p.body), `action="`+strings.TrimPrefix(at, base.String())+`"`) {
		t.Errorf("the form leads elsewhere:\n%s", p.body)
	}

	p = b.post(at, url.Values{"grant": {"dba"}, "reason": {" Incident\r\n  42 "}})
	if p.status != http.StatusSeeOther || p.location.Path != requestsPath {
		t.Fatalf("%d %v", p.status, p.location)
	}
	wantPage(t, b.get(base.String()+p.location.RequestURI()), http.StatusOK, "Incident 42")
	all := w.requests()
	if len(all) != 1 || all[0].Grant != "dba" || all[0].RouteID != "app" || all[0].Reason != "Incident 42" ||
		all[0].State != databroker.AccessWaiting || len(all[0].ID) < 20 || !all[0].CreatedAt.Equal(w.clock.now()) {
		t.Fatalf("%+v", all)
	}
	// The same once more is the one that waits.
	p = b.post(at, url.Values{"grant": {"dba"}, "reason": {"again"}})
	wantPage(t, b.get(base.String()+p.location.RequestURI()), http.StatusOK, "You have asked for this already")
	if again := w.requests(); len(again) != 1 || again[0].Reason != "Incident 42" {
		t.Errorf("%+v", again)
	}
	if p := b.get(at); p.status != http.StatusSeeOther || p.location.RequestURI() != requestsPath+"?done=again" {
		t.Errorf("asked for the same once more: %d %v", p.status, p.location)
	}
	wantPage(t, b.get(w.askURL(c.SessionID, "app", "dba", "ops")), http.StatusOK, `name="grant" value="ops"`)
	// Withdrawn, it can be asked for anew, and withdrawn once.
	form := url.Values{"action": {"withdraw"}, "id": {all[0].ID}}
	p = b.post(base.String()+requestsPath, form)
	wantPage(t, b.get(base.String()+p.location.RequestURI()), http.StatusOK, "Withdrawn")
	wantPage(t, b.post(base.String()+requestsPath, form), http.StatusNotFound, "")
	b.post(at, url.Values{"grant": {"dba"}, "reason": {"after all"}})
	if after := w.requests(); len(after) != 2 || after[0].State != databroker.AccessWithdrawn || after[1].State != databroker.AccessWaiting {
		t.Errorf("%+v", after)
	}
}

func TestWhatIsNotAskedFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		ask    func(w *world, b *browser, session string) page
	}{
		"another grant than the address names": {http.StatusBadRequest, func(w *world, b *browser, s string) page {
			return b.post(w.askURL(s, "app", "dba"), url.Values{"grant": {"root"}, "reason": {"x"}})
		}},
		"without a reason": {http.StatusBadRequest, func(w *world, b *browser, s string) page {
			return b.post(w.askURL(s, "app", "dba"), url.Values{"grant": {"dba"}, "reason": {" \r\n "}})
		}},
		"with a book for a reason": {http.StatusBadRequest, func(w *world, b *browser, s string) page {
			return b.post(w.askURL(s, "app", "dba"), url.Values{"grant": {"dba"}, "reason": {strings.Repeat("é", 501)}})
		}},
		"with a reason that acts on a terminal": {http.StatusBadRequest, func(w *world, b *browser, s string) page {
			return b.post(w.askURL(s, "app", "dba"), url.Values{"grant": {"dba"}, "reason": {"\x1b[2J"}})
		}},
		"with a reason that is no text": {http.StatusBadRequest, func(w *world, b *browser, s string) page {
			return b.post(w.askURL(s, "app", "dba"), url.Values{"grant": {"dba"}, "reason": {"\xff"}})
		}},
		"from a form of another site": {http.StatusForbidden, func(w *world, b *browser, s string) page {
			return b.post(w.askURL(s, "app", "dba"), url.Values{"grant": {"dba"}, "reason": {"x"}}, "Origin", "https://app.example", "Sec-Fetch-Site", "cross-site")
		}},
		"for a route that is gone": {http.StatusNotFound, func(w *world, b *browser, s string) page {
			return b.post(w.askURL(s, "gone", "dba"), url.Values{"grant": {"dba"}, "reason": {"x"}})
		}},
		"at an address that nobody signed": {http.StatusBadRequest, func(w *world, b *browser, s string) page {
			return b.post(w.askURL(s, "app", "dba")+"0", url.Values{"grant": {"dba"}, "reason": {"x"}})
		}},
		"at an address that is too old": {http.StatusBadRequest, func(w *world, b *browser, s string) page {
			at := w.askURL(s, "app", "dba")
			w.clock.advance(22 * time.Minute)
			return b.post(at, url.Values{"grant": {"dba"}, "reason": {"x"}})
		}},
		"for somebody else": {http.StatusForbidden, func(w *world, b *browser, _ string) page {
			other := w.put(&databroker.Session{ID: "other", UserID: "bob", IDPID: w.providerID()})
			return b.post(w.askURL(other.ID, "app", "dba"), url.Values{"grant": {"dba"}, "reason": {"x"}})
		}},
		"with a service account's session": {http.StatusForbidden, func(w *world, b *browser, _ string) page {
			w.put(&databroker.Session{ID: "robot", UserID: "sa-1", IDPID: databroker.AccountProvider})
			return b.post(w.askURL("robot", "app", "dba"), url.Values{"grant": {"dba"}, "reason": {"x"}})
		}},
		"by nobody": {http.StatusFound, func(w *world, _ *browser, s string) page {
			return w.browser().post(w.askURL(s, "app", "dba"), url.Values{"grant": {"dba"}, "reason": {"x"}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			b := w.browser()
			session := b.signIn().SessionID
			if p := tc.ask(w, b, session); p.status != tc.status {
				t.Errorf("%d, want %d:\n%s", p.status, tc.status, p.body)
			}
			if got := w.requests(); len(got) != 0 {
				t.Errorf("asked for all the same: %+v", got)
			}
		})
	}
}

func TestTenRequestsMayWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	session := b.signIn().SessionID
	var all sync.WaitGroup // they come at once, from as many tabs
	statuses := make([]int, 14)
	for n := range statuses {
		grant := fmt.Sprint("grant ", n)
		all.Go(func() {
			statuses[n] = b.post(w.askURL(session, "app", grant), url.Values{"grant": {grant}, "reason": {"x"}}).status
		})
	}
	all.Wait()
	asked := 0
	for _, status := range statuses {
		if status == http.StatusSeeOther {
			asked++
		} else if status != http.StatusTooManyRequests {
			t.Errorf("status %d", status)
		}
	}
	if asked != 10 || len(w.requests()) != 10 {
		t.Errorf("%d were asked for, %d wait", asked, len(w.requests()))
	}
}

func TestNobodyWithdrawsWhatAnotherAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	b.signIn()
	theirs := &databroker.AccessRequests{UserKey: databroker.UserKey(w.providerID(), "bob"), Requests: []databroker.AccessRequest{
		{ID: "THEIRS", State: databroker.AccessWaiting, RouteID: "app", Grant: "dba", Reason: "secret reason"},
	}}
	if err := w.client.PutAccessRequests(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	wantPage(t, b.post(base.String()+requestsPath, url.Values{"action": {"withdraw"}, "id": {"THEIRS"}}), http.StatusNotFound, "")
	if p := b.get(base.String() + requestsPath); strings.Contains(p.body, "secret reason") {
		t.Error("another's request is shown")
	}
	again, err := w.client.AccessRequests(t.Context(), theirs.UserKey)
	if err != nil || again.Requests[0].State != databroker.AccessWaiting {
		t.Errorf("%+v, %v", again, err)
	}
	wantPage(t, b.post(base.String()+requestsPath, url.Values{"action": {"approve"}, "id": {"THEIRS"}}), http.StatusNotFound, "")
	wantPage(t, b.post(base.String()+requestsPath, url.Values{"action": {"withdraw"}, "id": {"THEIRS"}}, "Origin", "https://app.example"), http.StatusForbidden, "")
}
