package proxy

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// A visit is one request with what every step needs of it.
type visit struct {
	*State
	w     http.ResponseWriter
	r     *http.Request
	scope ticket.Scope
}

// Handler serves the reserved paths of every route host.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, step func(visit)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, step) })
	}
	on("GET /.pomerium", func(v visit) { http.Redirect(v.w, v.r, "/.pomerium/", http.StatusFound) })
	on("GET /.pomerium/{$}", s.home)
	on("GET /.pomerium/user", s.user)
	on("GET /.pomerium/jwt", s.jwt)
	on("GET /.pomerium/routes", s.portal)
	on("GET /.pomerium/api/v1/routes", s.portalJSON)
	on("GET /.pomerium/api/v1/login", s.login)
	on("GET "+handoff.StartPath, s.start)
	on("GET "+handoff.CallbackPath+"{$}", s.callback)
	on("GET "+handoff.WebAuthnPath, s.webAuthn)
	on("GET /.pomerium/device-enrolled", s.enrolled)
	on("GET /.pomerium/sign_out", s.signOut)
	on("POST /.pomerium/sign_out", s.signOut)
	on("GET /.well-known/pomerium", s.wellKnown)
	on("GET /.well-known/pomerium/jwks.json", s.keys)
	on("/ping", s.alive)
	on("/healthz", s.alive)
	on("/", func(v visit) { s.fail(v, errNotFound) })
	return mux
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, step func(visit)) {
	st := s.active.Load()
	if st == nil {
		s.o.Pages.Error(pages.RequestOf(r), pages.Problem{Kind: pages.CannotDecide, RequestID: r.Header.Get("X-Request-Id")}).Send(w)
		return
	}
	scope := ticket.ScopeOf(st.Config.CookieName, st.Config.CookieDomain, ticket.HostName(r.Host))
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	step(visit{State: st, w: w, r: r, scope: scope})
}

// alive answers for whoever watches from outside. What an installation thinks
// of its own health stands at health_check_addr.
func (s *Server) alive(v visit) {
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead {
		s.fail(v, errMethod)
		return
	}
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	v.w.Header().Set("Cache-Control", "no-store")
	_, _ = v.w.Write([]byte("OK")) // the client may be gone
}

// asked returns the address as the browser asked for it.
func (v visit) asked() *url.URL {
	u := *v.r.URL
	u.Scheme, u.Host = "https", v.r.Host
	return &u
}

func (v visit) requestID() string { return v.r.Header.Get("X-Request-Id") }

// cookies returns all Cookie headers as one.
func (v visit) cookies() string { return strings.Join(v.r.Header.Values("Cookie"), "; ") }

// binder returns the value of this browser's binder cookie here, "" for none.
func (v visit) binder() string {
	for value := range ticket.Cookies(v.cookies(), v.scope.Binder) {
		return value
	}
	return ""
}

// browser reports whether the request says that it comes from a browser.
func (v visit) browser() bool {
	h := v.r.Header
	return h.Get("Sec-Fetch-Site") != "" || h.Get("Sec-Fetch-Mode") != "" || h.Get("Sec-Fetch-Dest") != "" || h.Get("Sec-Fetch-User") != ""
}

// ensureBinder returns the browser's binder, and gives it one if it has none.
func (v visit) ensureBinder() string {
	if b := v.binder(); b != "" {
		return b
	}
	b := ticket.NewBinder()
	http.SetCookie(v.w, &http.Cookie{
		Name: v.scope.Binder, Value: b, Domain: v.scope.Domain, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // the callback arrives by navigation from the sign-in host
		MaxAge:   365 * 24 * 3600,
	})
	return b
}

// redirect answers 302 without a body: an address that holds a handoff belongs
// in no page.
func (v visit) redirect(to string) {
	h := v.w.Header()
	h.Set("Location", to)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	v.w.WriteHeader(http.StatusFound)
}
