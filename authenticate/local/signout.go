package local

import (
	"errors"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/cardea-proxy/cardea/internal/pages"
)

// endSession signs a person out here (OpenID Connect RP-Initiated Logout 1.0).
// Who shows an ID token of the sitting has the right to end it; without one the
// person is asked first, or any page on the net could sign everybody out.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.ParseForm() != nil || !once(r.Form) {
		p.problem(w, r, pages.BadRequest)
		return
	}
	asked, err := op.ParseEndSessionRequest(r, p.library.Decoder())
	if err != nil {
		p.problem(w, r, pages.BadRequest)
		return
	}
	out, err := op.ValidateEndSessionRequest(p.withIssuer(r).Context(), asked, p.library)
	if err != nil {
		p.problem(w, r, pages.BadRequest)
		return
	}
	id, hinted := sidOf(out)
	var c cookieSitting
	seated := p.readCookie(r, p.sittingCookie(), &c)
	if !hinted {
		id = c.ID
	}
	if !hinted && seated && !p.confirmed(r, c.ID) {
		p.askSignOut(w, r, c.ID)
		return
	}
	if id != "" {
		if err := p.endSitting(r.Context(), id); err != nil {
			p.fault(w, r, err, "end the sitting")
			return
		}
		p.o.Log.Info().Msg("signed out")
	}
	if seated && c.ID == id {
		p.setCookie(w, p.sittingCookie(), "", 0)
	}
	if asked.PostLogoutRedirectURI != "" && out.ClientID != "" { // then the library has compared it
		http.Redirect(w, r, out.RedirectURI, http.StatusSeeOther)
		return
	}
	p.o.Pages.SignedOut(pages.SignedOut{}).Send(w)
}

// sidOf returns the sitting that a valid ID token names. It may be an expired
// one: signing out late is signing out.
func sidOf(out *op.EndSessionRequest) (string, bool) {
	if out.IDTokenHintClaims == nil {
		return "", false
	}
	sid := out.IDTokenHintClaims.SessionID
	return sid, sid != ""
}

// askSignOut shows the question; its form posts back what was asked.
func (p *Provider) askSignOut(w http.ResponseWriter, r *http.Request, id string) {
	_, s, err := p.sittingOf(r)
	if err != nil && !errors.Is(err, errNoSitting) {
		p.fault(w, r, err, "read the sitting")
		return
	}
	v := pages.SignOutConfirm{
		Frame:  pages.Frame{RequestID: requestID(r), Host: r.Host},
		Action: Path + "/end_session",
		Hidden: []pages.Field{{Name: "csrf", Value: p.formToken("end "+id, p.browser(w, r))}},
	}
	if who := p.people.Load().bySub[s.Sub]; err == nil && who != nil {
		v.Person = pages.Person{Name: who.Name, Email: who.Email}
	}
	for _, name := range []string{"client_id", "post_logout_redirect_uri", "state"} {
		if value := r.Form.Get(name); value != "" {
			v.Hidden = append(v.Hidden, pages.Field{Name: name, Value: value})
		}
	}
	p.o.Pages.SignOutConfirm(v).Send(w)
}

// confirmed reports whether r is the answer to the question.
func (p *Provider) confirmed(r *http.Request, id string) bool {
	return r.Method == http.MethodPost && p.sameOrigin(r) && p.formTokenMatches(r, "end "+id, r.PostForm.Get("csrf"))
}
