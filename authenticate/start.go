package authenticate

import (
	"net/http"
	"net/url"

	"github.com/cardea-proxy/cardea/authenticate/idp"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// start answers a signed request of a route host: with the session that this
// browser has here, or by way of the identity provider.
func (s *Server) start(v visit) {
	in, err := s.o.Handoff.ParseSignIn(v.asked())
	if err != nil {
		s.fail(v, err)
		return
	}
	if !s.serves(v, in.CallbackURI) {
		s.fail(v, errForeignHost)
		return
	}
	if v.r.Header.Get("X-Requested-With") == "XMLHttpRequest" {
		s.fail(v, errNotNavigation)
		return
	}
	session, err := s.current(v, in.ProviderID)
	if err != nil {
		s.fail(v, err)
		return
	}
	if session != nil && !session.IssuedAt.Before(in.After) {
		s.handBack(v, in, session)
		return
	}
	s.toProvider(v, in)
}

// serves reports whether the callback of a signed request is at an address that
// routes are served on. A route host signs what its client asks for, and a
// client may write any port behind a host name; a session brought to another
// port would come to whoever listens there.
func (s *Server) serves(v visit, callbackURI string) bool {
	u, err := url.Parse(callbackURI)
	return err == nil && v.config.ServesHost(u.Host)
}

// toProvider sends the browser to the identity provider that in asks for.
func (s *Server) toProvider(v visit, in handoff.SignIn) {
	provider := v.providers[in.ProviderID]
	if provider == nil {
		s.fail(v, errNoProvider)
		return
	}
	binder := s.ensureBinder(v, provider)
	st := state{ProviderID: in.ProviderID, Binder: ticket.BinderHash(binder), SignIn: in}
	text, err := s.state.seal(&st)
	if err != nil {
		s.fail(v, err)
		return
	}
	nonce, verifier := s.state.secrets(st, binder)
	to, err := provider.AuthCodeURL(v.r.Context(), idp.Request{
		State: text, Nonce: nonce, Verifier: verifier, Fresh: !in.After.IsZero(),
	})
	if err != nil {
		s.fail(v, err)
		return
	}
	redirect(v, to)
}

// maxStart bounds the address of a further host, in bytes. What that host makes
// of it is a little longer and has to stay under 8000 octets.
const maxStart = 7400

// pageBefore is how many hosts are still to come when a page takes the place of
// a redirect. Each host takes four redirects, and browsers follow no more than
// twenty in a row; a page begins the count again.
const pageBefore = 2

// handBack brings the session to the route host that asked, by way of the
// further hosts that its route depends on.
func (s *Server) handBack(v visit, in handoff.SignIn, session *databroker.Session) {
	if in.CallbackURI == "" {
		redirect(v, in.RedirectURI) // of this host's own, see signInFirst
		return
	}
	if len(in.AdditionalHosts) > 0 {
		host := in.AdditionalHosts[0]
		in.AdditionalHosts = in.AdditionalHosts[1:]
		if to := s.o.Handoff.StartURL(host, s.o.Handoff.SignInURL(v.base, in)); len(to) <= maxStart {
			if len(in.AdditionalHosts) == pageBefore {
				s.o.Pages.Redirect(to).Send(v.w)
				return
			}
			redirect(v, to)
			return
		}
		// The further hosts cannot be visited with so long an address in tow; they
		// ask for themselves when they are opened.
	}
	to, err := s.o.Handoff.CallbackURL(in.CallbackURI, handoff.Callback{
		SessionID: session.ID, SessionVersion: session.Version, ProviderID: session.IDPID,
		Binder: in.Binder, Programmatic: in.Programmatic, RedirectURI: in.RedirectURI,
	})
	if err != nil {
		s.fail(v, err)
		return
	}
	redirect(v, to)
}

// redirect answers 302 without the body that http.Redirect writes: an address
// that holds a handoff belongs in no page.
func redirect(v visit, to string) {
	h := v.w.Header()
	h.Set("Location", to)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	v.w.WriteHeader(http.StatusFound)
}
