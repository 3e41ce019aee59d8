package handoff

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// WebAuthnPath is where a person is asked for a device: on a route host, which
// sends them on, and on the sign-in host, where the ceremony is.
const WebAuthnPath = "/.pomerium/webauthn"

// ParamEnrollment is the parameter of the link by which an administrator lets a
// person enroll a device.
const ParamEnrollment = "pomerium_enrollment_token"

// ceremonyLifetime is how long a person may take over a ceremony: longer than
// the browser gives them.
const ceremonyLifetime = 20 * time.Minute

// A Prompt asks a route host to send the person on to where they can show or
// register a device.
type Prompt struct {
	Type        string // of the device that is asked for, as policies name it
	RedirectURI string // the URL first asked for
	// UserVerification says that the person has to prove to be there by PIN or
	// biometry.
	UserVerification bool
}

// PromptURL returns the signed address on the route host, which is given with
// its port.
func (s *Signer) PromptURL(host string, p Prompt) string {
	q := url.Values{}
	q.Set(paramDevice, p.Type)
	q.Set(paramRedirect, p.RedirectURI)
	setVerification(q, p.UserVerification)
	return s.sign(&url.URL{Scheme: "https", Host: host, Path: WebAuthnPath}, q)
}

// ParsePrompt checks u, as the browser asked for it, and returns what it says.
func (s *Signer) ParsePrompt(u *url.URL) (Prompt, error) {
	if u.Path != WebAuthnPath {
		return Prompt{}, ErrShape
	}
	q, err := s.Verify(u)
	if err != nil {
		return Prompt{}, err
	}
	p, err := promptOf(q)
	if err != nil || p.Type == "" || p.RedirectURI == "" || q.Has(paramSession) {
		return Prompt{}, ErrShape
	}
	return p, nil
}

// ReadPrompt returns what u says without a look at its signature, of which
// there may be none: what anybody may have written. What it leaves out is "".
func ReadPrompt(u *url.URL) (Prompt, error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(u.RawQuery) > maxLength {
		return Prompt{}, ErrShape
	}
	for _, name := range []string{paramDevice, paramRedirect, paramVerification} {
		if len(q[name]) > 1 {
			return Prompt{}, ErrShape
		}
	}
	return promptOf(q)
}

func promptOf(q url.Values) (p Prompt, err error) {
	p = Prompt{Type: q.Get(paramDevice), RedirectURI: q.Get(paramRedirect)}
	p.UserVerification, err = verification(q)
	return p, err
}

// verificationRequired is the one value of paramVerification, as WebAuthn calls
// it.
const verificationRequired = "required"

// setVerification sets the parameter only where it asks for something.
func setVerification(q url.Values, wanted bool) {
	if wanted {
		q.Set(paramVerification, verificationRequired)
	}
}

// verification reads what setVerification has set.
func verification(q url.Values) (bool, error) {
	switch q.Get(paramVerification) {
	case verificationRequired:
		return true, nil
	case "":
		if !q.Has(paramVerification) {
			return false, nil
		}
	}
	return false, ErrShape
}

// A Ceremony sends a person to the sign-in host to show a device, or to register
// one, and says where they go on to.
type Ceremony struct {
	// Type is that of the device, as policies name it.
	Type string
	// UserVerification says that the person has to prove to be there by PIN or
	// biometry.
	UserVerification bool
	// SessionID names the session that the browser has on the route host, and so
	// the person: whoever else is signed in at the sign-in host is refused.
	SessionID string
	// Back is how the browser gets back, and with what. It is no program's. With
	// no CallbackURI the ceremony began on the sign-in host and ends there.
	Back SignIn
	// Enrollment is the token of the link that an administrator has handed out,
	// "" for none.
	Enrollment string
}

// sealedCeremony is what of a Ceremony nobody reads on its way.
type sealedCeremony struct {
	SessionID string `json:"sid"`
	Binder    string `json:"bnd"`
}

// CeremonyURL returns the signed address on the sign-in host, which is given by
// scheme and host of base. The page posts to it too, so it holds longer than
// other handoffs.
func (s *Signer) CeremonyURL(base *url.URL, c Ceremony) string {
	u := &url.URL{Scheme: "https", Host: base.Host, Path: WebAuthnPath}
	q := url.Values{}
	q.Set(paramDevice, c.Type)
	q.Set(paramRedirect, c.Back.RedirectURI)
	q.Set(paramProvider, c.Back.ProviderID)
	setVerification(q, c.UserVerification)
	if c.Back.CallbackURI != "" {
		q.Set(paramCallback, c.Back.CallbackURI)
	}
	if c.Enrollment != "" {
		q.Set(ParamEnrollment, c.Enrollment)
	}
	plain, err := json.Marshal(sealedCeremony{c.SessionID, c.Back.Binder})
	if err != nil {
		panic("handoff: " + err.Error()) // texts can always be written
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, 256)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	sealed := s.aead.Seal(nonce, nonce, plain, []byte(WebAuthnPath+canonicalHost(u)))
	q.Set(paramSession, base64.RawURLEncoding.EncodeToString(sealed))
	return s.signFor(ceremonyLifetime, u, q)
}

// ParseCeremony checks u, as the browser asked for it, and returns what it says.
func (s *Signer) ParseCeremony(u *url.URL) (Ceremony, error) {
	if u.Path != WebAuthnPath {
		return Ceremony{}, ErrShape
	}
	q, err := s.Verify(u)
	if err != nil {
		return Ceremony{}, err
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(q.Get(paramSession))
	if err != nil || len(sealed) < chacha20poly1305.NonceSizeX {
		return Ceremony{}, ErrShape
	}
	nonce, body := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	plain, err := s.aead.Open(nil, nonce, body, []byte(WebAuthnPath+canonicalHost(u)))
	if err != nil {
		return Ceremony{}, ErrSignature
	}
	var in sealedCeremony
	if err := json.Unmarshal(plain, &in); err != nil || in.SessionID == "" {
		return Ceremony{}, ErrShape
	}
	c := Ceremony{Type: q.Get(paramDevice), SessionID: in.SessionID, Back: SignIn{
		RedirectURI: q.Get(paramRedirect), CallbackURI: q.Get(paramCallback), ProviderID: q.Get(paramProvider), Binder: in.Binder,
	}, Enrollment: q.Get(ParamEnrollment)}
	if c.UserVerification, err = verification(q); err != nil {
		return Ceremony{}, err
	}
	if c.Type == "" || c.Back.RedirectURI == "" || (c.Back.CallbackURI == "") != (c.Back.Binder == "") {
		return Ceremony{}, ErrShape
	}
	return c, nil
}
