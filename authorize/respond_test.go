package authorize

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// signInOf reads the handoff out of a redirect, as authenticate does.
func (h *house) signInOf(got reply) handoff.SignIn {
	h.t.Helper()
	if got.status != http.StatusFound {
		h.t.Fatalf("status %d, want a redirect: %s", got.status, got.body)
	}
	u, err := url.Parse(got.headers["location"])
	if err != nil {
		h.t.Fatal(err)
	}
	if u.Scheme != "https" || u.Host != h.config.SignInHost() {
		h.t.Errorf("sent to %s://%s, want the sign-in host", u.Scheme, u.Host)
	}
	in, err := h.handoff.ParseSignIn(u)
	if err != nil {
		h.t.Fatalf("the sign-in host would refuse: %v", err)
	}
	return in
}

func TestRedirectToSignIn(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, func(c *config.Config) {
		c.Routes[0].DependsOn = []string{"api.example"}
	})
	got := h.ask(question{route: "app", host: "app.example:8443", path: "/a%20b?x=1&y=%26"})
	in := h.signInOf(got)
	if want := "https://app.example:8443/a%20b?x=1&y=%26"; in.RedirectURI != want {
		t.Errorf("comes back to %q, want %q", in.RedirectURI, want)
	}
	if want := "https://app.example:8443/.pomerium/callback/"; in.CallbackURI != want {
		t.Errorf("callback %q, want %q", in.CallbackURI, want)
	}
	if in.ProviderID != config.ProviderID(h.config, nil) || len(in.AdditionalHosts) != 1 || in.Programmatic {
		t.Errorf("handoff %+v: want the provider, one further host, no program", in)
	}
	cookie, err := http.ParseSetCookie(got.headers["set-cookie"])
	if err != nil {
		t.Fatal(err)
	}
	if cookie.Name != "__Host-_pomerium_binder" || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" ||
		cookie.Domain != "" || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("binder cookie %v", cookie)
	}
	if !ticket.SameBinder(in.Binder, cookie.Value) {
		t.Error("the handoff is bound to another browser than the one that gets the cookie")
	}
}

func TestBrowserKeepsItsBinder(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	got := h.ask(question{route: "app", cookie: "__Host-_pomerium_binder=" + testBinder})
	if set, ok := got.headers["set-cookie"]; ok {
		t.Errorf("sets %q although the browser has a binder: other tabs would lose theirs", set)
	}
	if !ticket.SameBinder(h.signInOf(got).Binder, testBinder) {
		t.Error("the handoff is not bound to the browser's binder")
	}
	long := h.ask(question{route: "app", cookie: "__Host-_pomerium_binder=" + strings.Repeat("x", maxBinder+1)})
	if long.headers["set-cookie"] == "" {
		t.Error("a binder that is none of ours is kept")
	}
}

func TestWhereAPersonComesBackTo(t *testing.T) {
	long := strings.Repeat("x", maxRedirect)
	for _, tc := range []struct {
		name string
		q    question
		want string
	}{
		{"to what was asked for", question{path: "/a?b=c"}, "https://app.example/a?b=c"},
		{"to the start page", question{path: "/"}, "https://app.example/"},
		{"from a form, to the page it is on", question{method: "POST", path: "/save",
			headers: map[string]string{"referer": "https://app.example/form?id=1"}}, "https://app.example/form?id=1"},
		{"from a form on another site, to the start page", question{method: "POST", path: "/save",
			headers: map[string]string{"referer": "https://evil.example/form"}}, "https://app.example/"},
		{"from a form without a referer, to the start page", question{method: "POST", path: "/save"}, "https://app.example/"},
		{"without a query that is too long", question{path: "/a?" + long}, "https://app.example/a"},
		{"to the start page when the path is too long", question{path: "/" + long}, "https://app.example/"},
		{"with a backslash written out", question{path: `/a?b=\c`}, "https://app.example/a?b=%5Cc"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
			tc.q.route = "app"
			if got := h.signInOf(h.ask(tc.q)).RedirectURI; got != tc.want {
				t.Errorf("comes back to %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRefusalsInTheFormatTheClientReads(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	h.signIn("s-eve", "eve", "eve@corp.example")
	eve := h.cookie("s-eve", "app.example")
	for _, tc := range []struct {
		name    string
		q       question
		status  int
		headers map[string]string
		body    string
	}{
		{"a page for a person", question{cookie: eve}, 403,
			map[string]string{"content-type": "text/html; charset=utf-8"}, "eve@corp.example"},
		{"an object for a program", question{cookie: eve, headers: map[string]string{"accept": "application/json", "sec-fetch-mode": "cors"}}, 403,
			map[string]string{"content-type": "application/problem+json"}, `"kind":"denied"`},
		{"trailers for gRPC", question{cookie: eve, method: "POST", headers: map[string]string{"content-type": "application/grpc", "accept": ""}}, 200,
			map[string]string{"content-type": "application/grpc", "grpc-status": "7"}, ""},
		{"trailers for gRPC when nobody is signed in", question{method: "POST", headers: map[string]string{"content-type": "application/grpc+proto"}}, 200,
			map[string]string{"grpc-status": "16"}, ""},
		{"a status of the Kubernetes API", question{cookie: eve, headers: map[string]string{"user-agent": "kubectl/v1 kubernetes/abc"}}, 403, nil, `"kind":"Status"`},
		{"crawlers are sent away", question{path: "/robots.txt"}, 200, nil, "Disallow: /"},
		{"a 401 says how to sign in", question{headers: map[string]string{"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}}, 401,
			map[string]string{"www-authenticate": `Pomerium realm="cardea"`}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.q.route = "app"
			got := h.ask(tc.q)
			if got.allowed || got.status != tc.status {
				t.Fatalf("allowed %v with %d, want %d", got.allowed, got.status, tc.status)
			}
			for name, want := range tc.headers {
				if got.headers[name] != want {
					t.Errorf("%s = %q, want %q", name, got.headers[name], want)
				}
			}
			if !strings.Contains(got.body, tc.body) {
				t.Errorf("the body lacks %q:\n%s", tc.body, got.body)
			}
		})
	}
}

// TestRefusalsTellAStrangerNothing reads every refusal for what is nobody's
// business: our code, our rules, our upstreams, our credentials.
func TestRefusalsTellAStrangerNothing(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	for o := outcomeFault; o <= outcomeMalformed; o++ {
		for _, accept := range []string{"text/html", "application/json", "text/plain"} {
			q := question{route: "app", headers: map[string]string{"accept": accept, "sec-fetch-mode": "cors"}}
			var r request
			h.read(&r, q)
			out := replyOf(h.refuse(t.Context(), h.state.Load().current, nil, &auditEntry{request: &r, verdict: verdict{outcome: o, reason: reasonPolicy, err: http.ErrAbortHandler}}))
			if out.allowed {
				t.Fatalf("outcome %v refused is allowed", o)
			}
			for _, leak := range []string{".go:", "EOF", "alice", "net/http", "email-", "upstream", "goroutine"} {
				if strings.Contains(out.body, leak) {
					t.Errorf("outcome %v, %s: the body holds %q", o, accept, leak)
				}
			}
		}
	}
}
