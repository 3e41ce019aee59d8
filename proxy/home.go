package proxy

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
)

// home shows who is signed in here.
func (s *Server) home(v visit) {
	p, err := s.who(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	own, err := s.devicesOf(v, p)
	if err != nil {
		s.fail(v, err)
		return
	}
	page := pages.WhoAmI{Frame: s.frame(v, p)}
	page.SessionURL = "" // it is this page
	if p.session == nil {
		page.SignInURL = s.o.Handoff.StartURL(v.r.Host, "https://"+v.r.Host+homePath)
	} else {
		page.SessionID, page.Provider = p.session.ID, v.Config.IDPProvider
		page.SignedInAt, page.ExpiresAt, page.Claims = p.session.IssuedAt, p.session.ExpiresAt, p.session.Claims
		page.Groups = p.user.Groups
		here := "https://" + v.r.Host
		page.WebAuthnURL = here + handoff.WebAuthnPath + "?" + url.Values{
			"pomerium_device_type": {policy.DeviceAny}, "pomerium_redirect_uri": {here + homePath},
		}.Encode()
		page.DevicesURL = v.base().String() + devicesPath
		page.RequestsURL = v.base().String() + requestsPath
		for _, d := range own {
			page.Devices = append(page.Devices, deviceRow(d))
		}
		s.addImpersonation(v, p, &page)
		if limit := v.Config.SessionIdleTimeout; limit > 0 {
			page.IdleUntil = s.o.Now().Add(limit)
		}
	}
	s.o.Pages.WhoAmI(page).Send(v.w)
}

// addImpersonation tells an administrator whom they act as and how to stop, and
// everybody when an administrator has acted as them.
func (s *Server) addImpersonation(v visit, p person, page *pages.WhoAmI) {
	for _, one := range slices.Backward(p.user.Impersonated) {
		page.Impersonated = append(page.Impersonated, pages.ImpersonatedRow{By: one.By, At: one.At, Until: one.Until})
	}
	if s.o.ActsAs == nil || p.session.Impersonates == nil {
		return
	}
	if page.ActsAs, page.ActsUntil = s.o.ActsAs(v.r.Context(), p.session.ID); page.ActsAs == "" {
		return
	}
	for _, r := range v.Config.Routes {
		if r.Console && !strings.Contains(r.From.Host, "*") {
			page.StopURL = r.From.String() + "/impersonation/stop"
			return
		}
	}
}

// frame is what stands around every page of ours on a route host.
func (s *Server) frame(v visit, p person) pages.Frame {
	f := pages.Frame{RequestID: v.requestID(), Host: v.r.Host}
	if p.session == nil {
		return f
	}
	f.Person.ID, f.Person.Name, f.Person.Email = p.session.UserID, p.user.Name, p.user.Email
	f.SessionURL, f.SignOutURL = "/.pomerium/", "/.pomerium/sign_out"
	if v.Config.Flag(config.FlagRoutesPortal) {
		f.RoutesURL = "/.pomerium/routes"
	}
	return f
}

// tokenClaims are about an assertion, not about the person.
var tokenClaims = []string{"iss", "aud", "exp", "iat", "jti"}

// user answers with the claims that an upstream would get. authorize has put
// the assertion on the request; Envoy has removed what a client sent by that name.
func (s *Server) user(v visit) {
	claims, err := claimsOf(v.r.Header.Get(assertion.Header))
	if err != nil {
		s.fail(v, err)
		return
	}
	for _, name := range tokenClaims {
		delete(claims, name)
	}
	v.json(http.StatusOK, claims)
}

// jwt answers with the assertion itself, where configuration allows it.
func (s *Server) jwt(v visit) {
	raw := v.r.Header.Get(assertion.Header)
	if !v.Config.Flag(config.FlagJWTEndpoint) || !v.passesIdentity() || raw == "" {
		s.fail(v, errNotFound)
		return
	}
	v.w.Header().Set("Content-Type", "application/jwt")
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = v.w.Write([]byte(raw)) // the client may be gone
}

// passesIdentity reports whether some route of this host gives its upstream
// assertions.
func (v visit) passesIdentity() bool {
	host := ticket.HostName(v.r.Host)
	for _, r := range v.Config.Routes {
		if r.From.Covers(host) && v.Config.PassIdentity(r) {
			return true
		}
	}
	return false
}

// claimsOf reads the claims of an assertion that this program made a moment
// ago; there is nothing to verify.
func claimsOf(raw string) (map[string]any, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, errNobody
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, errNobody
	}
	claims := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(string(payload)))
	decoder.UseNumber() // a large id keeps its digits
	if err := decoder.Decode(&claims); err != nil {
		return nil, errNobody
	}
	return claims, nil
}

// json answers with value as JSON.
func (v visit) json(status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		v.w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(body) // the client may be gone
}
