package pages

import (
	"net/http"
	"time"
)

// SignIn is the form of the built-in identity provider.
type SignIn struct {
	RequestID string
	Host      string // where the person wants to go; "" leaves it out
	Action    string // path that the form is posted to
	Hidden    []Field
	Email     string // as typed before, or ""
	Failure   SignInFailure
	Wait      time.Duration // with Throttled: how long
	// FormOrigins are origins that a redirect after the form may pass and that
	// are not https, such as "http://127.0.0.1:8080"; for tests and loopback.
	FormOrigins []string
}

// SignInFailure is why the form is shown again. None of them tells whether an
// account exists.
type SignInFailure int

// The failures.
const (
	NoFailure SignInFailure = iota
	Wrong                   // e-mail or password, without saying which: 403
	Throttled               // too many attempts: 429
	Busy                    // too many people at once: 503
	Stale                   // the form's own token is too old: 400
)

func (f SignInFailure) status() int {
	switch f {
	case Wrong:
		return http.StatusForbidden // 401 would owe a WWW-Authenticate header
	case Throttled:
		return http.StatusTooManyRequests
	case Busy:
		return http.StatusServiceUnavailable
	case Stale:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

type signInView struct {
	SignIn
	Error string
}

// SignIn renders the form. A failure has its status, and Retry-After where
// waiting helps.
func (p *Pages) SignIn(v SignIn) Answer {
	view := signInView{SignIn: v}
	switch v.Failure {
	case Wrong:
		view.Error = say("signin.wrong")
	case Throttled:
		view.Error = say("signin.throttled", phrase(waitWords(v.Wait)))
	case Busy:
		view.Error = say("signin.busy")
	case Stale:
		view.Error = say("signin.stale")
	}
	title := say("signin.title")
	if view.Error != "" {
		title = say("signin.error.title") + title // screen readers read the title first
	}
	a := p.render(page{
		name: "signin", status: v.Failure.status(), title: title, view: view, app: true,
		policy: policy{forms: true, formOrigins: v.FormOrigins},
	})
	if v.Wait > 0 && (v.Failure == Throttled || v.Failure == Busy) {
		a.setRetry(v.Wait)
	}
	return a
}

// waitWords prints how long to wait, rounded up.
func waitWords(d time.Duration) string {
	s := max(seconds(d), 1)
	if s < 120 {
		return count(int(s), "second")
	}
	return count(int((s+59)/60), "minute")
}
