package signin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// call is a request of a program: no cookies, no fetch metadata. Headers are
// names and values in turn.
func (h *house) call(method, address string, headers ...string) view {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), method, address, nil)
	u := mustURL(h.t, address)
	r.URL.Scheme, r.URL.Host = "https", u.Host
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return view{url: u, status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
}

func loginAt(host, redirect string) string {
	return "https://" + host + "/.pomerium/api/v1/login?pomerium_redirect_uri=" + url.QueryEscape(redirect)
}

// handle signs a person in for a program and returns its handle.
func (h *house) handle(b *browser, redirect string) string {
	h.t.Helper()
	login := h.call(http.MethodGet, loginAt("app.corp.example", redirect))
	if login.status != http.StatusOK || !strings.HasPrefix(login.header.Get("Content-Type"), "text/plain") {
		h.t.Fatalf("login answers %d %s", login.status, login.header.Get("Content-Type"))
	}
	v := b.open(login.body)
	if want := mustURL(h.t, redirect); v.url.Host != want.Host || v.url.Path != want.Path {
		h.t.Fatalf("ended at %s, want %s", v.url, redirect)
	}
	return v.url.Query().Get("pomerium_jwt")
}

func TestAProgramGetsAHandleForItsPerson(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	const redirect = "http://localhost:8123/done?x=a%2Fb"
	handle := h.handle(b, redirect)
	if handle == "" {
		t.Fatal("no handle")
	}
	for name, headers := range map[string][]string{
		"Authorization: Pomerium":         {"Authorization", "Pomerium " + handle},
		"Authorization: Bearer Pomerium-": {"Authorization", "Bearer Pomerium-" + handle},
		"X-Pomerium-Authorization":        {"X-Pomerium-Authorization", handle},
	} {
		if v := h.call(http.MethodGet, appPage, headers...); v.status != http.StatusOK || !strings.HasSuffix(v.body, "for somebody") {
			t.Errorf("%s: %d %s", name, v.status, v.body)
		}
	}
	if v := h.call(http.MethodGet, appPage+"&pomerium_session="+handle); v.status != http.StatusOK {
		t.Errorf("in the query: %d", v.status)
	}
	// It is the sign-in host's session, and ends with it.
	if n := len(h.sessions()); n != 1 {
		t.Errorf("%d sessions", n)
	}
	h.must(h.client.DeleteSession(t.Context(), h.sessions()[0]))
	h.clock.advance(2 * time.Second)
	if v := h.call(http.MethodGet, appPage, "Authorization", "Pomerium "+handle); v.status != http.StatusUnauthorized {
		t.Errorf("after its session ended: %d", v.status)
	}
}

func TestAHandleCountsOnlyWhereItShould(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	handle := h.handle(b, "http://127.0.0.1:8123/")
	if v := h.call(http.MethodGet, "https://wiki.corp.example/", "Authorization", "Pomerium "+handle); v.status != http.StatusUnauthorized {
		t.Errorf("on another host: %d", v.status)
	}
	if v := h.call(http.MethodGet, appPage, "Cookie", "_pomerium="+handle); v.status == http.StatusOK {
		t.Error("a handle counts in a cookie")
	}
	if v := h.browser().fetch("app.corp.example", appPage+"&pomerium_session="+handle); v.status == http.StatusOK {
		t.Error("a link with a handle signs a browser in")
	}
	wantApp(t, b.open(appPage), appPage)
	cookie := b.cookie("app.corp.example", "_pomerium").Value
	if v := h.call(http.MethodGet, appPage, "Authorization", "Pomerium "+cookie); v.status == http.StatusOK {
		t.Error("a cookie's ticket counts as a handle")
	}
}

func TestAProgramIsSentOnlyToListedHosts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "programmatic_redirect_domain_whitelist: [localhost, tool.corp.example]\n")
	for redirect, status := range map[string]int{
		"http://localhost:8123/":               http.StatusOK,
		"http://127.0.0.1:1/":                  http.StatusOK,
		"http://[::1]:1/":                      http.StatusOK,
		"https://tool.corp.example/x":          http.StatusOK,
		"https://evil.example/":                http.StatusBadRequest,
		"https://tool.corp.example.evil.test/": http.StatusBadRequest,
		"https://evil.test/tool.corp.example":  http.StatusBadRequest,
		"https://tool.corp.example@evil.test/": http.StatusBadRequest,
		"https://tool.corp.example:x/":         http.StatusBadRequest,
		"//tool.corp.example/":                 http.StatusBadRequest,
		`https:\\tool.corp.example/`:           http.StatusBadRequest,
		"javascript://localhost/%0aalert(1)":   http.StatusBadRequest,
		"data:text/html,localhost":             http.StatusBadRequest,
		"http://localhost\t.evil.test/":        http.StatusBadRequest,
		"http://localhost%00.evil.test/":       http.StatusBadRequest,
		"http://0.0.0.0/":                      http.StatusBadRequest,
		"http://2130706433/":                   http.StatusBadRequest,
		"":                                     http.StatusBadRequest,
	} {
		if v := h.call(http.MethodGet, loginAt("app.corp.example", redirect)); v.status != status {
			t.Errorf("%q: %d, want %d", redirect, v.status, status)
		}
	}
	if v := h.call(http.MethodGet, "https://app.corp.example/.pomerium/api/v1/login"); v.status != http.StatusNotFound {
		t.Errorf("without the parameter: %d", v.status)
	}
	twice := loginAt("app.corp.example", "http://localhost/") + "&pomerium_redirect_uri=http://evil.test/"
	if v := h.call(http.MethodGet, twice); v.status != http.StatusBadRequest {
		t.Errorf("with the parameter twice: %d", v.status)
	}
	// A host that was struck off the list while the person was at the provider.
	login := h.call(http.MethodGet, loginAt("app.corp.example", "https://tool.corp.example/x"))
	h.config.ProgrammaticRedirectDomainWhitelist = []string{"localhost"}
	wantPage(t, h.browser().open(login.body), http.StatusBadRequest, "We do not follow this link")
}

func TestAProgramsSignInIsUsedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	login := h.call(http.MethodGet, loginAt("app.corp.example", "http://localhost:8123/"))
	v := b.open(login.body)
	link := v.hops[len(v.hops)-2]
	if !strings.Contains(link, "/.pomerium/callback/") {
		t.Fatalf("ended by way of %s", link)
	}
	wantPage(t, b.open(link), http.StatusBadRequest, "This link was already used")
	if n := h.far.Count(testidp.Token); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}
