package handoff

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/url"

	"golang.org/x/crypto/chacha20poly1305"
)

// AccessPath is where, on the sign-in host, somebody who was refused asks for
// access.
const AccessPath = "/.pomerium/requests/new"

// maxGrants bounds the grants of one AskAccess.
const maxGrants = 8

// An AskAccess sends somebody who was refused to the sign-in host, to ask for what
// would let them in.
type AskAccess struct {
	// SessionID names the session that was refused, and so the person: whoever
	// else is signed in at the sign-in host is refused.
	SessionID  string `json:"sid"`
	ProviderID string `json:"idp"`
	RouteID    string `json:"rte"`
	// Grants are the names, as policies have them, of which any one would do:
	// 1 to 8.
	Grants []string `json:"grt"`
}

// AccessURL returns the signed address on the sign-in host, which is given by
// scheme and host of base. It holds as long as that of a ceremony. All of a is
// sealed: what rules ask for is nobody's to read from an address.
func (s *Signer) AccessURL(base *url.URL, a AskAccess) string {
	u := &url.URL{Scheme: "https", Host: base.Host, Path: AccessPath}
	a.Grants = a.Grants[:min(len(a.Grants), maxGrants)]
	plain, err := json.Marshal(a)
	if err != nil {
		panic("handoff: " + err.Error()) // texts can always be written
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, 512)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	sealed := s.aead.Seal(nonce, nonce, plain, []byte(AccessPath+canonicalHost(u)))
	return s.signFor(ceremonyLifetime, u, url.Values{paramSession: {base64.RawURLEncoding.EncodeToString(sealed)}})
}

// ParseAccess checks u, as the browser asked for it, and returns what it says.
func (s *Signer) ParseAccess(u *url.URL) (AskAccess, error) {
	if u.Path != AccessPath {
		return AskAccess{}, ErrShape
	}
	q, err := s.Verify(u)
	if err != nil {
		return AskAccess{}, err
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(q.Get(paramSession))
	if err != nil || len(sealed) < chacha20poly1305.NonceSizeX {
		return AskAccess{}, ErrShape
	}
	nonce, body := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	plain, err := s.aead.Open(nil, nonce, body, []byte(AccessPath+canonicalHost(u)))
	if err != nil {
		return AskAccess{}, ErrSignature
	}
	var a AskAccess
	if json.Unmarshal(plain, &a) != nil || a.SessionID == "" || a.RouteID == "" || len(a.Grants) == 0 || len(a.Grants) > maxGrants {
		return AskAccess{}, ErrShape
	}
	return a, nil
}
