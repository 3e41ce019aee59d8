package authenticate

import (
	"errors"
	"net/http"
	"regexp"

	"github.com/cardea-proxy/cardea/authenticate/device"
	"github.com/cardea-proxy/cardea/authenticate/idp"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
)

var (
	errNotFound      = errors.New("authenticate: no such page")
	errMethod        = errors.New("authenticate: method not allowed")
	errNotNavigation = errors.New("authenticate: a script cannot sign in")
	errNoProvider    = errors.New("authenticate: no such identity provider")
	errNoCookies     = errors.New("authenticate: browser returned no binder cookie")
	errForeignForm   = errors.New("authenticate: form of another site")
	errForeignHost   = errors.New("authenticate: callback at an address that no route has")
	errDisabled      = errors.New("authenticate: user is disabled")
	errRemoved       = errors.New("authenticate: user was removed")
	errNotAgain      = errors.New("authenticate: the provider did not ask the person again who they are")
	errOtherPerson   = errors.New("authenticate: another person is signed in here")
	errNoDevices     = errors.New("authenticate: devices cannot be registered at this host")
	errTooManyAsked  = errors.New("authenticate: too many requests for access wait")
	errIdle          = errors.New("authenticate: session was not used for too long")
)

// A providerError is what the provider says instead of a code (RFC 6749,
// section 4.1.2.1). Its description is a stranger's text and is not kept.
type providerError struct{ code string }

var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

func (e *providerError) Error() string {
	if !errorCode.MatchString(e.code) {
		return "authenticate: identity provider answered with a malformed error"
	}
	return "authenticate: identity provider answered " + e.code
}

// personal reports whether it was the person, or the provider's view of them,
// that said no; anything else is a fault between us and the provider.
func (e *providerError) personal() bool {
	return e.code == "access_denied" || e.code == "unauthorized_client"
}

// kindOf says what a stranger is told of err. What nobody named is our fault,
// and says nothing.
func kindOf(err error) pages.Kind {
	var clock *idp.ClockError
	var refused *idp.Refusal
	var answer *providerError
	switch {
	case errors.Is(err, errNotFound):
		return pages.NotFound
	case errors.Is(err, device.ErrNotYours):
		return pages.NotFound
	case errors.Is(err, errOtherPerson), errors.Is(err, device.ErrLinkOther):
		return pages.OtherPerson
	case errors.Is(err, device.ErrLink):
		return pages.EnrollmentInvalid
	case errors.Is(err, device.ErrLinkUsed):
		return pages.EnrollmentUsed
	case errors.Is(err, device.ErrLinkEnded):
		return pages.EnrollmentExpired
	case errors.Is(err, errTooManyAsked):
		return pages.TooManyAsked
	case errors.Is(err, errNoDevices):
		return pages.NotSupported
	case errors.Is(err, errMethod):
		return pages.MethodNotAllowed
	case errors.Is(err, errNotAgain):
		return pages.SignInFailed
	case errors.Is(err, errNotNavigation):
		return pages.SignInNeeded
	case errors.Is(err, handoff.ErrClock), errors.As(err, &clock):
		return pages.ClockSkew
	case errors.Is(err, handoff.ErrExpired), errors.Is(err, errStateExpired):
		return pages.LinkExpired
	case errors.Is(err, handoff.ErrSignature), errors.Is(err, handoff.ErrShape), errors.Is(err, errState), errors.Is(err, errForeignHost):
		return pages.LinkInvalid
	case errors.Is(err, databroker.ErrUsed):
		return pages.LinkUsed
	case errors.Is(err, errStateTooLong):
		return pages.AddressTooLong
	case errors.Is(err, errForeignForm):
		return pages.CrossSite
	case errors.Is(err, errDisabled):
		return pages.AccountDisabled
	case errors.Is(err, errNoProvider):
		return pages.NotSupported
	case errors.Is(err, idp.ErrUnavailable):
		return pages.ProviderDown
	case errors.Is(err, databroker.ErrUnavailable):
		return pages.CannotDecide
	case errors.Is(err, idp.ErrEmailUnverified):
		return pages.EmailUnverified
	case errors.As(err, &refused), errors.Is(err, idp.ErrRevoked):
		return pages.SignInFailed
	case errors.As(err, &answer) && answer.personal():
		return pages.SignInRefused
	case errors.As(err, &answer):
		return pages.SignInFailed
	}
	return pages.Internal
}

// fail answers err and logs it. The page says what to do; the log says why.
func (s *Server) fail(v visit, err error) { s.failAt(v, err, "") }

// failAt is fail with the address at which trying again makes sense, "" for
// the one that was asked for.
func (s *Server) failAt(v visit, err error, again string) {
	if errors.Is(err, errNoCookies) {
		s.o.Pages.CookiesOff(pages.CookiesOff{Host: v.r.Host, RequestID: v.requestID(), RetryURL: again}).Send(v.w)
		return
	}
	problem := pages.Problem{Kind: kindOf(err), RequestID: v.requestID(), Host: v.r.Host}
	if problem.Kind == pages.MethodNotAllowed {
		problem.Allow = http.MethodGet
	}
	if again != "" {
		problem.Action = pages.SignInAction(again)
	}
	if problem.Kind == pages.OtherPerson {
		problem.Other = pages.SwitchAction("/.pomerium/sign_out")
	}
	event := s.o.Log.Info()
	if problem.Kind == pages.Internal || problem.Kind == pages.CannotDecide {
		event = s.o.Log.Error()
	}
	event.Err(err).Str("request_id", v.requestID()).Str("path", v.r.URL.Path).Msg("sign-in step refused")
	s.o.Pages.Error(pages.RequestOf(v.r), problem).Send(v.w)
}
