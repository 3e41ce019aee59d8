package authenticate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cardea-proxy/cardea/authenticate/idp"
	"github.com/cardea-proxy/cardea/databroker"
)

// maxClockSkew is how far the provider's clock may be behind ours.
const maxClockSkew = 2 * time.Minute

// callback takes the provider's answer. Of all the checks the binding to the
// browser comes first: an answer that another browser began is nobody's.
func (s *Server) callback(v visit) {
	answer, err := s.answer(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	st, err := s.state.open(one(answer, "state"))
	if err != nil {
		s.fail(v, err)
		return
	}
	binder := v.binder()
	if !st.matches(binder) {
		s.strayed(v, st, binder)
		return
	}
	if code := one(answer, "error"); code != "" {
		s.failAt(v, &providerError{code: code}, s.again(v, st))
		return
	}
	provider := v.providers[st.ProviderID]
	if provider == nil {
		s.fail(v, errNoProvider)
		return
	}
	// Used up before the code is, so that of two requests with one answer only
	// one gets as far as the provider.
	if err := s.o.Broker.UseOnce(v.r.Context(), "state", st.ID, time.Unix(st.Expires, 0)); err != nil {
		s.used(v, st, err)
		return
	}
	nonce, verifier := s.state.secrets(st, binder)
	identity, err := provider.Exchange(v.r.Context(), idp.Return{Code: one(answer, "code"), Issuer: one(answer, "iss")}, nonce, verifier)
	if err != nil {
		s.failAt(v, err, s.again(v, st))
		return
	}
	// The wish to prove it again goes through the browser, which can leave it out.
	if at := identity.ProvedAt; !at.IsZero() && at.Add(maxClockSkew).Before(st.SignIn.After) {
		s.failAt(v, errNotAgain, s.again(v, st))
		return
	}
	after, err := s.signInAfter(v.r.Context(), databroker.UserKey(st.ProviderID, identity.Subject))
	if err != nil {
		s.failAt(v, err, s.again(v, st))
		return
	}
	if st.SignIn.After.Before(after) && identity.ProvedAt.Before(after) {
		// What the provider remembers is from before an administrator ended it.
		in := st.SignIn
		in.After = after
		redirect(v, s.o.Handoff.SignInURL(v.base, in))
		return
	}
	session, err := s.signIn(v, st.ProviderID, identity, st.SignIn.After)
	if err != nil {
		s.failAt(v, err, s.again(v, st))
		return
	}
	s.handBack(v, st.SignIn, session)
}

// signInAfter is from when on the person must have proved who they are; zero is
// any time.
func (s *Server) signInAfter(ctx context.Context, userKey string) (time.Time, error) {
	var latest time.Time
	for _, id := range []string{userKey, databroker.Everybody} {
		var one databroker.SignInAfter
		_, err := s.o.Broker.GetJSON(ctx, databroker.TypeSignInAfter, id, &one)
		if err != nil && !errors.Is(err, databroker.ErrNotFound) {
			return time.Time{}, fmt.Errorf("read from when on to sign in: %w", err)
		}
		if one.At.After(latest) {
			latest = one.At
		}
	}
	return latest, nil
}

// answer returns the parameters that the browser brought: in the query, or in
// the body where the provider posts.
func (s *Server) answer(v visit) (url.Values, error) {
	if v.r.Method != http.MethodPost {
		return v.r.URL.Query(), nil
	}
	for _, p := range v.providers {
		if p.FormPost() {
			if err := v.r.ParseForm(); err != nil {
				return nil, errState
			}
			return v.r.PostForm, nil
		}
	}
	return nil, errMethod
}

// one returns the parameter if it came exactly once.
func one(q url.Values, name string) string {
	if v := q[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// strayed answers a callback whose state names another browser, or this one
// before several tabs raced for its first binder. Nothing of the answer is
// used; the sign-in begins again, and ends at once if another tab has finished.
func (s *Server) strayed(v visit, st state, binder string) {
	if binder == "" {
		s.failAt(v, errNoCookies, s.again(v, st))
		return
	}
	if st.SignIn.CallbackURI == "" {
		redirect(v, st.SignIn.RedirectURI) // a page of this host's own, which begins anew
		return
	}
	redirect(v, s.o.Handoff.SignInURL(v.base, st.SignIn))
}

// again is where a person begins anew who got stuck: reloading the provider's
// answer would only bring up a used one. A program's sign-in begins here, any
// other where the person wanted to go.
func (s *Server) again(v visit, st state) string {
	if st.SignIn.Programmatic {
		return s.o.Handoff.SignInURL(v.base, st.SignIn)
	}
	return st.SignIn.RedirectURI
}

// used answers a callback that came a second time, as a reload of the page
// does: with the session that the first one made, if it is this browser's.
func (s *Server) used(v visit, st state, err error) {
	if !errors.Is(err, databroker.ErrUsed) {
		s.fail(v, err)
		return
	}
	session, currentErr := s.current(v, st.ProviderID)
	if currentErr != nil || session == nil {
		s.failAt(v, err, s.again(v, st))
		return
	}
	s.handBack(v, st.SignIn, session)
}
