package authenticate

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/cardea-proxy/cardea/authenticate/idp"
	"github.com/cardea-proxy/cardea/authenticate/local"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// Paths of the sign-in host, beside those of package handoff.
const (
	callbackPath  = "/oauth2/callback"
	homePath      = "/.pomerium/"
	signedOutPath = "/.pomerium/signed_out"
	everywhere    = "/.pomerium/sign_out_everywhere"
)

// maxForm bounds a posted form in bytes.
const maxForm = 256 << 10 // an attestation may bring a chain of certificates

// A visit is one request with what every step needs of it.
type visit struct {
	*applied
	w http.ResponseWriter
	r *http.Request
}

// Handler serves the sign-in host.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, step func(visit)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, step) })
	}
	on("GET /{$}", func(v visit) { http.Redirect(v.w, v.r, homePath, http.StatusFound) })
	on("GET /robots.txt", func(v visit) { s.o.Pages.Robots().Send(v.w) })
	on("GET "+handoff.SignInPath, s.start)
	on("GET "+callbackPath, s.callback)
	on("POST "+callbackPath, s.callback)
	on("GET "+homePath+"{$}", s.home)
	on("GET "+handoff.SignOutPath, s.signOut)
	on("POST "+handoff.SignOutPath, s.signOutNow)
	on("POST "+everywhere, s.signOutEverywhere)
	on("GET "+signedOutPath, s.signedOut)
	on("GET "+handoff.WebAuthnPath, s.ceremony)
	on("POST "+handoff.WebAuthnPath, s.ceremonyAnswer)
	on("GET "+devicesPath, s.ownDevices)
	on("POST "+devicesPath, s.changeDevice)
	on("GET "+enrolledPath, s.deviceEnrolled)
	on("GET "+handoff.AccessPath, s.askAccess)
	on("POST "+handoff.AccessPath, s.askAccessNow)
	on("GET "+requestsPath, s.ownRequests)
	on("POST "+requestsPath, s.withdrawRequest)
	on(local.Path+"/", s.builtIn)
	on("/", func(v visit) { s.fail(v, errNotFound) })
	return mux
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, step func(visit)) {
	v := visit{applied: s.active.Load(), w: w, r: r}
	if v.applied == nil {
		s.o.Pages.Error(pages.RequestOf(r), pages.Problem{Kind: pages.CannotDecide, RequestID: r.Header.Get("X-Request-Id")}).Send(w)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	step(v)
}

// builtIn hands the paths of the built-in provider on.
func (s *Server) builtIn(v visit) {
	if v.local == nil {
		s.fail(v, errNotFound)
		return
	}
	v.local.Handler().ServeHTTP(v.w, v.r)
}

// asked returns the address as the browser asked for it.
func (v visit) asked() *url.URL {
	u := *v.r.URL
	u.Scheme, u.Host = "https", v.r.Host
	return &u
}

// cookie returns the first cookie of that name, "" for none.
func (v visit) cookie(name string) string {
	header := strings.Join(v.r.Header.Values("Cookie"), "; ")
	for value := range ticket.Cookies(header, name) {
		return value
	}
	return ""
}

// binder returns the value of this browser's binder cookie here, "" for none.
func (v visit) binder() string { return v.cookie(ticket.BinderName(v.config.CookieName)) }

// ensureBinder returns the browser's binder, and gives it one if it has none.
func (s *Server) ensureBinder(v visit, provider *idp.Provider) string {
	b, same := v.binder(), http.SameSiteLaxMode
	if provider.FormPost() {
		same = http.SameSiteNoneMode // the provider's POST comes from its own site
	}
	if b != "" && same == http.SameSiteLaxMode {
		return b
	}
	if b == "" {
		b = ticket.NewBinder()
	}
	// One that was given for another provider is given again: a POST of this
	// one's would come without it.
	http.SetCookie(v.w, &http.Cookie{
		Name: ticket.BinderName(v.config.CookieName), Value: b, Path: "/", Secure: true, HttpOnly: true, SameSite: same,
		MaxAge: 365 * 24 * 3600,
	})
	return b
}

// browser reports whether the request says that it comes from a browser.
func (v visit) browser() bool {
	h := v.r.Header
	return h.Get("Sec-Fetch-Site") != "" || h.Get("Sec-Fetch-Mode") != "" || h.Get("Sec-Fetch-Dest") != "" || h.Get("Sec-Fetch-User") != ""
}

// ownForm reports whether a POST comes from a page of this very host. Browsers
// name the origin of every POST (Fetch, section 3.2).
func (v visit) ownForm() bool {
	if site := v.r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin, err := url.Parse(v.r.Header.Get("Origin"))
	return err == nil && origin.Scheme == "https" && strings.EqualFold(origin.Host, v.r.Host)
}
