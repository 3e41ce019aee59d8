package e2e

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// opsRoute opens for whoever has been granted it, and for nobody else.
const opsRoute = "  - {from: 'https://ops.localhost', verify: true, name: Operations, policy: {allow: {or: [{grant: ops}]}}}\n"

// askLink is the address that a page of a refusal offers to ask at.
var askLink = regexp.MustCompile(`href="(https://authenticate\.localhost[^"]*/\.pomerium/requests/new\?[^"]+)"`)

// fill sends a form of the sign-in host as the browser that was shown it would.
func (c *client) fill(t testing.TB, address string, fields url.Values) answer {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return c.do(t, http.MethodPost, address, fields.Encode(), "Content-Type", "application/x-www-form-urlencoded",
		"Origin", "https://"+u.Host, "Sec-Fetch-Site", "same-origin", "Accept", "text/html")
}

// requestsOf asks the running instance for requests for access that wait.
func (in *instance) requestsOf(t testing.TB, search string) (ids []string) {
	t.Helper()
	var out struct{ Requests []struct{ ID string } }
	text := in.tool(t, 0, "request", "list", "--json", "--state", "waiting", "--search", search, "--config", in.file)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, r := range out.Requests {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestAccessIsAskedForAndGranted(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, consoleSettings, consoleRoute+opsRoute)
	ada := person{Sub: "ada", Email: "ada@example.com", Name: "Ada Admin"}
	wes := person{Sub: "wes", Email: "wes@elsewhere.example", Name: "Wes Worker"}
	c, admin := h.in.client(t, clientOptions{}), h.in.client(t, clientOptions{})
	refused := h.enter(t, c, wes, "ops.localhost/").want(t, http.StatusForbidden)
	h.enter(t, admin, ada, "console.localhost/requests").want(t, http.StatusOK)
	opens := func(t *testing.T, want bool) {
		t.Helper()
		eventually(t, inForce, fmt.Sprintf("ops.localhost opens: %v", want), func() error {
			a := c.get(t, h.in.at("ops.localhost/json"), "Accept", "text/html", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
			if want && a.status != http.StatusOK || !want && a.status != http.StatusForbidden {
				return fmt.Errorf("status %d", a.status)
			}
			refused = a
			return nil
		})
	}
	// ask asks by way of the page that refuses, and returns the id.
	ask := func(t *testing.T, reason string) string {
		t.Helper()
		m := askLink.FindStringSubmatch(refused.body)
		if m == nil {
			t.Fatalf("nothing to ask at:\n%s", refused.body)
		}
		at := html.UnescapeString(m[1])
		if page := c.browse(t, at).want(t, http.StatusOK); !strings.Contains(html.UnescapeString(page.body), "Operations") {
			t.Errorf("the page names no application:\n%s", page.body)
		}
		a := c.fill(t, at, url.Values{"grant": {"ops"}, "reason": {reason}}).want(t, http.StatusSeeOther)
		if own := c.browse(t, a.location(t).String()).want(t, http.StatusOK); !strings.Contains(own.body, reason[:4]) {
			t.Errorf("one's own requests:\n%s", own.body)
		}
		var ids []string
		eventually(t, inForce, "the request", func() error {
			if ids = h.in.requestsOf(t, reason[:4]); len(ids) != 1 {
				return fmt.Errorf("%d requests", len(ids))
			}
			return nil
		})
		return ids[0]
	}

	t.Run("somebody who is refused asks, and an administrator grants it", func(t *testing.T) {
		id := ask(t, "disk is full")
		list := admin.browse(t, h.in.at("console.localhost/requests")).want(t, http.StatusOK)
		if !strings.Contains(list.body, "disk is full") || !strings.Contains(list.body, "Wes Worker") {
			t.Errorf("the list:\n%s", list.body)
		}
		form := admin.browse(t, h.in.at("console.localhost/requests/approve?id="+id)).want(t, http.StatusOK)
		admin.post(t, form, "/requests/approve", url.Values{"id": {id}, "for": {"900"}}).want(t, http.StatusSeeOther)
		opens(t, true)
		if own := c.browse(t, h.in.at("authenticate.localhost/.pomerium/requests")).want(t, http.StatusOK); !strings.Contains(own.body, "Granted") {
			t.Errorf("one's own requests:\n%s", own.body)
		}
		told := h.in.tool(t, 0, "audit", "list", "--action", "access_request.approve", "--config", h.in.file)
		if strings.Count(told, "access_request/"+id) != 1 || !strings.Contains(told, "ada@example.com by web") || !strings.Contains(told, "done") {
			t.Errorf("the audit says %s", told)
		}
	})
	t.Run("a grant that is ended opens nothing any more", func(t *testing.T) {
		var out struct{ Grants []struct{ ID, Name string } }
		text := h.in.tool(t, 0, "grant", "list", "--json", "--config", h.in.file)
		if err := json.Unmarshal([]byte(text), &out); err != nil || len(out.Grants) != 1 || out.Grants[0].Name != "ops" {
			t.Fatalf("%v in %s", err, text)
		}
		form := admin.browse(t, h.in.at("console.localhost/grants/end?id="+out.Grants[0].ID)).want(t, http.StatusOK)
		admin.post(t, form, "/grants/end", url.Values{"id": {out.Grants[0].ID}}).want(t, http.StatusSeeOther)
		opens(t, false)
	})
	t.Run("one that the command has made ends by itself", func(t *testing.T) {
		id := ask(t, "once more")
		if said := h.in.tool(t, 0, "request", "approve", id, "--for", "3s", "--config", h.in.file); !strings.Contains(said, "granted ops to wes@elsewhere.example") {
			t.Errorf("it says %q", said)
		}
		opens(t, true)
		eventually(t, patience, "the end of the grant", func() error {
			if a := c.get(t, h.in.at("ops.localhost/json")); a.status != http.StatusForbidden {
				return fmt.Errorf("status %d", a.status)
			}
			return nil
		})
	})
	t.Run("what is refused is told with its note", func(t *testing.T) {
		opens(t, false)
		id := ask(t, "please\r\n"+strings.Repeat("é\U0001f511", 240))
		h.in.tool(t, 0, "request", "refuse", id, "--note", "Ask Bob first.", "--config", h.in.file)
		if own := c.browse(t, h.in.at("authenticate.localhost/.pomerium/requests")).want(t, http.StatusOK); !strings.Contains(own.body, "Ask Bob first.") {
			t.Errorf("one's own requests:\n%s", own.body)
		}
		opens(t, false)
	})
	t.Run("an administrator does not let in themself", func(t *testing.T) {
		page := admin.browse(t, h.in.at("ops.localhost/")).want(t, http.StatusForbidden)
		m := askLink.FindStringSubmatch(page.body)
		if m == nil {
			t.Fatalf("nothing to ask at:\n%s", page.body)
		}
		admin.fill(t, html.UnescapeString(m[1]), url.Values{"grant": {"ops"}, "reason": {"I may"}}).want(t, http.StatusSeeOther)
		var id string
		eventually(t, inForce, "the request", func() error {
			ids := h.in.requestsOf(t, "I may")
			if len(ids) != 1 {
				return fmt.Errorf("%d requests", len(ids))
			}
			id = ids[0]
			return nil
		})
		form := admin.browse(t, h.in.at("console.localhost/requests/approve?id="+id)).want(t, http.StatusOK)
		a := admin.post(t, form, "/requests/approve", url.Values{"id": {id}, "for": {"900"}}).want(t, http.StatusConflict)
		if !strings.Contains(html.UnescapeString(a.body), "you cannot decide about your own access") {
			t.Errorf("the page:\n%s", a.body)
		}
		// By the address of another, signed for their own session, it is nobody's.
		c.browse(t, html.UnescapeString(m[1])).want(t, http.StatusForbidden)
	})
}
