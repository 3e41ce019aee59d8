package pages

import (
	"net/http"
	"time"
)

// A Kind is one thing that can go wrong, as far as a person needs to tell it
// apart from others. The zero Kind is Internal: what nobody named is our fault.
type Kind string

// The kinds. Those of one status are told apart because the next step differs.
const (
	Internal          Kind = ""
	BadRequest        Kind = "bad_request"
	RedirectRefused   Kind = "redirect_refused"   // an address outside our hosts
	LinkInvalid       Kind = "link_invalid"       // a signed link that was changed
	LinkExpired       Kind = "link_expired"       // a signed link that is too old
	LinkUsed          Kind = "link_used"          // a signed link that was followed before
	EnrollmentInvalid Kind = "enrollment_invalid" // an administrator's link that was altered, or taken back
	EnrollmentExpired Kind = "enrollment_expired" //
	EnrollmentUsed    Kind = "enrollment_used"    //
	ClockSkew         Kind = "clock_skew"         // a time so far off that a clock must be wrong
	SignInNeeded      Kind = "sign_in_needed"     // for those who cannot be redirected
	SignInRefused     Kind = "sign_in_refused"    // the provider or the person said no
	SignInFailed      Kind = "sign_in_failed"     // the provider's answer cannot be accepted
	TokenRefused      Kind = "token_refused"      // a handle or bearer token that is void
	Denied            Kind = "denied"             // policy said no
	AccountDisabled   Kind = "account_disabled"   //
	EmailUnverified   Kind = "email_unverified"   //
	OtherPerson       Kind = "other_person"       // a link made for somebody else
	TooManyAsked      Kind = "too_many_asked"     // requests for access that wait
	CrossSite         Kind = "cross_site"         // a form sent by another site
	NotFound          Kind = "not_found"          //
	MethodNotAllowed  Kind = "method_not_allowed" //
	RequestTimeout    Kind = "request_timeout"    // the client was too slow
	TooLarge          Kind = "too_large"          // the body
	AddressTooLong    Kind = "address_too_long"   //
	Misdirected       Kind = "misdirected"        // host and connection do not belong together
	TooManyRequests   Kind = "too_many_requests"  //
	HeadersTooLarge   Kind = "headers_too_large"  //
	DeviceNeeded      Kind = "device_needed"      // a device has to show itself, for those who cannot be redirected
	DeviceNotAllowed  Kind = "device_not_allowed" // those that have shown themselves will not do
	CertificateNeeded Kind = "certificate_needed" // absent or not valid
	NotSupported      Kind = "not_supported"      //
	BadGateway        Kind = "bad_gateway"        // the application's answer is broken
	Unavailable       Kind = "unavailable"        // the application does not answer
	CannotDecide      Kind = "cannot_decide"      // policy or sessions cannot be read
	ProviderDown      Kind = "provider_down"      // the identity provider does not answer
	GatewayTimeout    Kind = "gateway_timeout"    //
)

// other is a refusal by Envoy with a status that we have no words for.
const other Kind = "other"

// The statuses of our own that net/http has no name for.
const (
	StatusDeviceNotAllowed  = 450
	StatusCertificateNeeded = 495
)

// KindOf returns the general kind for a status; Internal for what it does not
// know.
func KindOf(status int) Kind {
	switch status {
	case http.StatusBadRequest:
		return BadRequest
	case http.StatusUnauthorized:
		return SignInNeeded
	case http.StatusForbidden:
		return Denied
	case http.StatusNotFound:
		return NotFound
	case http.StatusMethodNotAllowed:
		return MethodNotAllowed
	case http.StatusRequestTimeout:
		return RequestTimeout
	case http.StatusRequestEntityTooLarge:
		return TooLarge
	case http.StatusRequestURITooLong:
		return AddressTooLong
	case http.StatusMisdirectedRequest:
		return Misdirected
	case http.StatusTooManyRequests:
		return TooManyRequests
	case http.StatusRequestHeaderFieldsTooLarge:
		return HeadersTooLarge
	case StatusDeviceNotAllowed:
		return DeviceNotAllowed
	case StatusCertificateNeeded:
		return CertificateNeeded
	case http.StatusNotImplemented:
		return NotSupported
	case http.StatusBadGateway:
		return BadGateway
	case http.StatusServiceUnavailable:
		return Unavailable
	case http.StatusGatewayTimeout:
		return GatewayTimeout
	}
	return Internal
}

// A Problem is one refusal or failure, as told to whoever met it. It holds no
// upstream and no cause: those belong in the log, under the request id. Of rules
// it holds what Reasons, Notes and Details say.
type Problem struct {
	Kind      Kind
	RequestID string // "" leaves it out
	Host      string // the host that was asked for, "" leaves it out
	Person    string // who is signed in, as they would say it; "" for nobody
	// Detail is one sentence more that this reader may see, such as what an
	// operator wrote for those who are refused.
	Detail string
	// Reasons are the words of the policies for what decided, such as
	// "groups-unauthorized". The page tells each kind of them in a sentence that
	// holds no value of a rule. Like Notes and Details they are for a person who is
	// signed in: where Person is "", they are left out of every format.
	Reasons []string
	// Notes are what an administrator wrote for this case, at the policies that
	// decided.
	Notes []Note
	// Details adds, for specialists, the names of the policies and Reasons as they
	// are.
	Details bool
	// Device is what DeviceNeeded and DeviceNotAllowed tell of devices. It is for a
	// person who is signed in, too.
	Device DeviceProblem
	// Retry says when it makes sense to try again; it becomes Retry-After. 0 says
	// nothing.
	Retry time.Duration
	// Action is the one obvious next step; the zero value means the kind's own.
	Action Action
	// Other is a second, quieter step; the zero value is none.
	Other Action
	// Status, Title and Next override those of the kind when they are set, for a
	// caller that knows better what happened and what helps.
	Status int
	Title  string
	Next   string
	// Allow is the Allow header that MethodNotAllowed owes (RFC 9110, section
	// 15.5.6), such as "GET, HEAD".
	Allow string
}

// An Action is a link that says what it does.
type Action struct {
	Label string
	URL   string // http, https or a path; anything else is left out
}

// status returns the HTTP status of e.
func (e Problem) status() int {
	if e.Status != 0 {
		return e.Status
	}
	return e.words().status
}

// words returns the sentences of e. With a title of its own, the kind's reason
// would not fit and is left out.
func (e Problem) words() told {
	kind, ok := problems[e.Kind]
	if !ok {
		kind = problems[Internal]
	}
	w := told{problemWords: kind}
	if e.Title != "" {
		w.title, w.why = clean(e.Title, maxValue), ""
	}
	if e.Kind != DeviceNeeded { // the kind says it better: it is no refusal
		w.tell(e.Reasons)
	}
	if s := e.Device.advice(); s != "" && e.Kind == DeviceNotAllowed {
		w.next = s
	}
	if e.Next != "" {
		w.steps, w.next = "", clean(e.Next, maxValue)
	}
	return w
}

// action returns the next step of e, with a link that may stand in a page.
func (e Problem) action() Action {
	if u := href(e.Action.URL); u != "" {
		return Action{Label: line(e.Action.Label), URL: u}
	}
	if a := e.deviceAction(); a.URL != "" {
		return a
	}
	return e.words().action
}

// SignInAction, SwitchAction and RoutesAction are steps whose address only the
// caller knows, in the words of the pages.
func SignInAction(url string) Action { return Action{Label: say("error.signin"), URL: url} }

// SignInAgainAction leads to a new sign-in of somebody who is signed in.
func SignInAgainAction(url string) Action { return Action{Label: say("error.signin.again"), URL: url} }

// SwitchAction leads to signing in as somebody else.
func SwitchAction(url string) Action { return Action{Label: say("error.switch"), URL: url} }

// StandIn says that the person is not there: somebody acts as them. The page of
// the session, where the next step leads, says how to stop.
func (e *Problem) StandIn() {
	e.Detail, e.Next, e.Other = say("error.acting"), say("error.acting.next"), Action{}
}

// SessionAction leads to the page of one's session, which lists one's devices.
func SessionAction() Action { return session }

// RoutesAction leads to the portal.
func RoutesAction(url string) Action { return Action{Label: say("error.routes"), URL: url} }
