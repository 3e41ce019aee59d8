package proxy

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
)

const (
	homePath    = "/.pomerium/"
	devicesPath = "/.pomerium/devices" // on the sign-in host

	requestsPath = "/.pomerium/requests" // there too

	// paramCredential names a device in an address.
	paramCredential = "pomerium_device_credential_id"
)

// maxReturn bounds the address to come back to, in bytes as they stand in a
// query, as authorize does: it travels in longer ones.
const maxReturn = 4500

// webAuthn sends the browser to the sign-in host, where a device is shown or
// registered, and from there back here.
func (s *Server) webAuthn(v visit) {
	p, err := s.who(v)
	if err == nil && p.session == nil {
		err = errNobody
	}
	var prompt handoff.Prompt
	if err == nil {
		prompt, err = s.prompted(v)
	}
	if err != nil {
		s.fail(v, err)
		return
	}
	v.redirect(s.o.Handoff.CeremonyURL(v.base(), handoff.Ceremony{
		Type: prompt.Type, UserVerification: prompt.UserVerification, SessionID: p.session.ID,
		Back: handoff.SignIn{
			RedirectURI: prompt.RedirectURI, CallbackURI: v.callbackURI(), ProviderID: p.session.IDPID,
			Binder: ticket.BinderHash(v.ensureBinder()),
		},
	}))
}

// prompted returns what the address asks for. What we signed holds even when it
// is old: a sign-in may have come between, and it only says where to go on to.
func (s *Server) prompted(v visit) (handoff.Prompt, error) {
	p, err := s.o.Handoff.ParsePrompt(v.asked())
	switch {
	case err == nil:
	case errors.Is(err, handoff.ErrExpired):
		if p, err = handoff.ReadPrompt(v.r.URL); err != nil {
			return p, err
		}
	case v.r.URL.Query().Has("pomerium_signature"):
		return p, err
	default:
		return s.unsigned(v)
	}
	if _, err := handoff.CheckRedirect(p.RedirectURI, v.r.Host); err != nil {
		return p, err
	}
	return p, checkType(p.Type)
}

// unsigned is prompted for an address that anybody may have written: a link of a
// page, or what a person typed. It leads to a page that asks the person, and
// from there to this host. Another site may lead a person here, by a navigation
// that they see, and not choose where they go on to: the redirect would come
// from us then, with the cookies that a browser keeps from other sites.
func (s *Server) unsigned(v visit) (handoff.Prompt, error) {
	p, err := handoff.ReadPrompt(v.r.URL)
	if err != nil {
		return p, err
	}
	home := "https://" + v.r.Host + homePath
	if p.Type == "" {
		p.Type = policy.DeviceAny
	}
	to, err := handoff.CheckRedirect(p.RedirectURI, v.r.Host)
	if err != nil || to.Path == handoff.WebAuthnPath || len(url.QueryEscape(p.RedirectURI)) > maxReturn {
		p.RedirectURI = home
	}
	switch h := v.r.Header; h.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		if h.Get("Sec-Fetch-Mode") != "navigate" || h.Get("Sec-Fetch-Dest") != "document" {
			return p, errCrossSite
		}
		p.RedirectURI = home
	}
	return p, checkType(p.Type)
}

func checkType(typ string) error {
	if typ != policy.DeviceAny && typ != policy.DeviceEnclave {
		return handoff.ErrShape
	}
	return nil
}

// enrolled says that a device was registered: the one that the address names,
// or else the last that was shown in this session.
func (s *Server) enrolled(v visit) {
	p, err := s.who(v)
	var own []*databroker.Device
	if err == nil {
		own, err = s.devicesOf(v, p)
	}
	if err != nil {
		s.fail(v, err)
		return
	}
	page := pages.Enrolled{Frame: s.frame(v, p), NextURL: homePath}
	id := v.r.URL.Query().Get(paramCredential)
	if id == "" && p.session != nil && len(p.session.Devices) > 0 {
		id = p.session.Devices[len(p.session.Devices)-1].DeviceID
	}
	if i := slices.IndexFunc(own, func(d *databroker.Device) bool { return d.ID == id }); i >= 0 {
		page.Device = deviceRow(own[i])
	}
	s.o.Pages.Enrolled(page).Send(v.w)
}

// devicesOf are the devices that a person has registered; none of nobody. What
// was deleted, or turns out to be somebody else's, is left out.
func (s *Server) devicesOf(v visit, p person) ([]*databroker.Device, error) {
	if p.session == nil {
		return nil, nil
	}
	var own []*databroker.Device
	for _, id := range p.user.DeviceIDs {
		d, err := s.o.Sessions.Device(v.r.Context(), id)
		switch {
		case isNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("read device: %w", err)
		case d.UserKey == p.session.UserKey():
			own = append(own, d)
		}
	}
	return own, nil
}

// grantsOf are the grants of a person.
func (s *Server) grantsOf(v visit, p person) ([]policy.Grant, error) {
	var own []policy.Grant
	for _, id := range p.user.GrantIDs {
		g, err := s.o.Sessions.Grant(v.r.Context(), id)
		switch {
		case isNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("read grant: %w", err)
		case g.UserKey == p.session.UserKey():
			own = append(own, policy.Grant{Name: g.Name, ExpiresAt: g.ExpiresAt})
		}
	}
	return own, nil
}

func deviceRow(d *databroker.Device) pages.DeviceRow {
	return pages.DeviceRow{
		ID: d.ID, Name: d.Name, Enclave: d.Type == policy.DeviceEnclave, Model: d.Model, Attested: d.Attested, Approved: d.Approved,
		Suspicious: !d.CounterWentBackAt.IsZero(), EnrolledAt: d.EnrolledAt, LastUsedAt: d.LastUsedAt,
	}
}
