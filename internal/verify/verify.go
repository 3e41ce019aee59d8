package verify

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cardea-proxy/cardea/internal/pages"
)

// Options are the parts a Server is built from.
type Options struct {
	Pages *pages.Pages
	// Keys returns the key set (RFC 7517) that assertions are verified against,
	// as published under /.well-known/pomerium/jwks.json.
	Keys func(context.Context) ([]byte, error)
	Now  func() time.Time // nil means time.Now
}

// Settings are what a configuration says about the requests that arrive.
type Settings struct {
	// CookieName is the name of the session cookie; "" means "_pomerium".
	CookieName string
	// ClaimHeaders maps a request header to the claim it must agree with.
	ClaimHeaders map[string]string
}

// Server is the application. It may be used concurrently.
type Server struct {
	pages    *pages.Pages
	keys     func(context.Context) ([]byte, error)
	now      func() time.Time
	settings atomic.Pointer[Settings]
}

// New returns a Server with the zero Settings.
func New(o Options) (*Server, error) {
	if o.Pages == nil || o.Keys == nil {
		return nil, errors.New("verify: pages and keys are required")
	}
	s := &Server{pages: o.Pages, keys: o.Keys, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	s.Apply(Settings{})
	return s, nil
}

// Apply takes new settings; requests that have begun keep the old ones.
func (s *Server) Apply(settings Settings) {
	if settings.CookieName == "" {
		settings.CookieName = "_pomerium"
	}
	s.settings.Store(&settings)
}

// Handler answers every path and method with what arrived; /json and /headers
// always as JSON, /ws as a websocket that echoes, /sse as server-sent events.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/ws", echoServer())
	mux.HandleFunc("/sse", s.serveEvents)
	mux.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) { s.report(r).object().Send(w) })
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) {
		pages.Object(http.StatusOK, map[string]any{"headers": s.report(r).Request.Headers}).Send(w)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ws", "/sse", "/json", "/headers":
			mux.ServeHTTP(w, r)
			return
		}
		// Not through the mux: it would clean the path by a redirect, and what
		// arrived is what this application is there to show.
		v := s.report(r)
		if pages.Negotiate(pages.RequestOf(r)) == pages.HTML {
			v.page(s.pages).Send(w)
			return
		}
		v.object().Send(w)
	})
}
