package proxy

import (
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// login tells a program where its person signs in: the program opens the
// address in a browser and waits for the handle at its own redirect address.
func (s *Server) login(v visit) {
	raw := v.r.URL.Query()["pomerium_redirect_uri"]
	if len(raw) == 0 {
		s.fail(v, errNotFound)
		return
	}
	if len(raw) > 1 {
		s.fail(v, handoff.ErrRedirect)
		return
	}
	to, err := handoff.CheckProgramRedirect(raw[0], v.Config.ProgrammaticRedirectDomainWhitelist)
	if err != nil {
		s.fail(v, err)
		return
	}
	address := s.o.Handoff.SignInURL(v.base(), handoff.SignIn{
		RedirectURI: to.String(), CallbackURI: v.callbackURI(), ProviderID: v.providerID(), Programmatic: true,
	})
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	v.w.Header().Set("Cache-Control", "no-store")
	_, _ = v.w.Write([]byte(address)) // the client may be gone
}

// start begins a sign-in here because a route of another host depends on this
// one, and goes on there afterwards.
func (s *Server) start(v visit) {
	next, err := s.o.Handoff.ParseStart(v.asked())
	if err != nil {
		s.fail(v, err)
		return
	}
	v.redirect(s.o.Handoff.SignInURL(v.base(), handoff.SignIn{
		RedirectURI: next, CallbackURI: v.callbackURI(), ProviderID: v.providerID(),
		Binder: ticket.BinderHash(v.ensureBinder()),
	}))
}

func (v visit) callbackURI() string { return "https://" + v.r.Host + handoff.CallbackPath }

// providerID names the provider of this host: that of its first route.
func (v visit) providerID() string {
	host := ticket.HostName(v.r.Host)
	for _, r := range v.Config.Routes {
		if r.From.Covers(host) {
			return config.ProviderID(v.Config, r)
		}
	}
	return config.ProviderID(v.Config, nil)
}
