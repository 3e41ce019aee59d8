package handoff

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"

	"golang.org/x/crypto/chacha20poly1305"
)

// Paths of the two smaller handoffs.
const (
	SignOutPath = "/.pomerium/sign_out" // on the sign-in host
	StartPath   = "/.pomerium/sign_in"  // on a route host, for depends_on
)

// A SignOut asks the sign-in host to end one session.
type SignOut struct {
	// SessionID is the session that the asking browser had on the route host.
	// Only the browser that has the same one on the sign-in host is signed out
	// at once: a link made by one person ends nobody else's session.
	SessionID string
	// RedirectURI is where the person wants to land, "" for the default.
	RedirectURI string
}

// SignOutURL returns the signed address on the sign-in host.
func (s *Signer) SignOutURL(base *url.URL, out SignOut) string {
	u := &url.URL{Scheme: "https", Host: base.Host, Path: SignOutPath}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, 128)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	sealed := s.aead.Seal(nonce, nonce, []byte(out.SessionID), []byte(SignOutPath+canonicalHost(u)))
	q := url.Values{}
	q.Set(paramSession, base64.RawURLEncoding.EncodeToString(sealed))
	if out.RedirectURI != "" {
		q.Set(paramRedirect, out.RedirectURI)
	}
	return s.sign(u, q)
}

// ParseSignOut checks u, as the browser asked for it, and returns what it says.
func (s *Signer) ParseSignOut(u *url.URL) (SignOut, error) {
	if u.Path != SignOutPath {
		return SignOut{}, ErrShape
	}
	q, err := s.Verify(u)
	if err != nil {
		return SignOut{}, err
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(q.Get(paramSession))
	if err != nil || len(sealed) < chacha20poly1305.NonceSizeX {
		return SignOut{}, ErrShape
	}
	nonce, body := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	id, err := s.aead.Open(nil, nonce, body, []byte(SignOutPath+canonicalHost(u)))
	if err != nil {
		return SignOut{}, ErrSignature
	}
	return SignOut{SessionID: string(id), RedirectURI: q.Get(paramRedirect)}, nil
}

// StartURL returns the signed address at which the route host begins a sign-in
// of its own and goes on to next. Hosts of depends_on are visited so: each sets
// its own binder first, and none takes a session that was pushed at it.
func (s *Signer) StartURL(host, next string) string {
	q := url.Values{}
	q.Set(paramRedirect, next)
	return s.sign(&url.URL{Scheme: "https", Host: host, Path: StartPath}, q)
}

// ParseStart checks u, as the browser asked for it, and returns where to go on to.
func (s *Signer) ParseStart(u *url.URL) (next string, err error) {
	if u.Path != StartPath {
		return "", ErrShape
	}
	q, err := s.Verify(u)
	if err != nil {
		return "", err
	}
	if q.Get(paramRedirect) == "" || q.Has(paramCallback) || q.Has(paramSession) {
		return "", ErrShape
	}
	return q.Get(paramRedirect), nil
}
