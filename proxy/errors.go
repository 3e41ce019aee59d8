package proxy

import (
	"errors"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
)

var (
	errNotFound = errors.New("proxy: no such page")
	errMethod   = errors.New("proxy: method not allowed")
	errNobody   = errors.New("proxy: nobody is signed in")

	errCrossSite = errors.New("proxy: another site asked for it behind the person's back")
)

// kindOf says what a stranger is told of err. What nobody named is our fault,
// and says nothing.
func kindOf(err error) pages.Kind {
	switch {
	case errors.Is(err, errNotFound):
		return pages.NotFound
	case errors.Is(err, errMethod):
		return pages.MethodNotAllowed
	case errors.Is(err, errNobody):
		return pages.SignInNeeded
	case errors.Is(err, errCrossSite):
		return pages.CrossSite
	case errors.Is(err, handoff.ErrRedirect):
		return pages.RedirectRefused
	case errors.Is(err, handoff.ErrClock):
		return pages.ClockSkew
	case errors.Is(err, handoff.ErrExpired), errors.Is(err, databroker.ErrNotFound):
		return pages.LinkExpired // also a session that ended before its ticket was fetched
	case errors.Is(err, handoff.ErrSignature), errors.Is(err, handoff.ErrShape):
		return pages.LinkInvalid
	case errors.Is(err, databroker.ErrUsed):
		return pages.LinkUsed
	case errors.Is(err, databroker.ErrUnavailable):
		return pages.CannotDecide
	}
	return pages.Internal
}

// noCookies answers a browser that keeps no cookies; it begins again at retry.
func (s *Server) noCookies(v visit, retry string) {
	s.o.Log.Info().Str("request_id", v.requestID()).Msg("browser returned no binder cookie")
	s.o.Pages.CookiesOff(pages.CookiesOff{Host: v.r.Host, RequestID: v.requestID(), RetryURL: retry}).Send(v.w)
}

// fail answers err and logs it. The page says what to do; the log says why.
func (s *Server) fail(v visit, err error) {
	problem := pages.Problem{Kind: kindOf(err), RequestID: v.requestID(), Host: v.r.Host}
	if problem.Kind == pages.MethodNotAllowed {
		problem.Allow = "GET, HEAD"
	}
	event := s.o.Log.Info()
	if problem.Kind == pages.Internal || problem.Kind == pages.CannotDecide {
		event = s.o.Log.Error()
	}
	event.Err(err).Str("request_id", v.requestID()).Str("path", v.r.URL.Path).Msg("reserved path refused")
	s.o.Pages.Error(pages.RequestOf(v.r), problem).Send(v.w)
}

func isNotFound(err error) bool { return errors.Is(err, databroker.ErrNotFound) }
