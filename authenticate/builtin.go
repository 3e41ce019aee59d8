package authenticate

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	"github.com/cardea-proxy/cardea/authenticate/local"
	"github.com/cardea-proxy/cardea/config"
)

// localClientID is what we call ourselves towards the built-in provider.
const localClientID = "cardea"

// localClientSecret is derived, so that every replica knows it.
func (s *Server) localClientSecret() config.Secret {
	secret, err := hkdf.Key(sha256.New, s.o.LocalKey[:], nil, "cardea/v1/local-client", 32)
	if err != nil {
		panic("authenticate: " + err.Error()) // only for lengths that are never asked
	}
	return config.Secret(base64.RawURLEncoding.EncodeToString(secret))
}

// prepareLocal makes the built-in provider, or keeps the one that serves when
// nothing that it is built from has changed.
func (s *Server) prepareLocal(next *applied) error {
	if err := local.CheckUsers(next.config.Users); err != nil {
		return err
	}
	if now := s.active.Load(); now != nil && now.local != nil && now.base.String() == next.base.String() &&
		now.config.CookieName == next.config.CookieName && now.config.CookieExpire == next.config.CookieExpire {
		next.local = now.local
		return nil
	}
	provider, err := local.New(local.Options{
		Issuer: next.base.String() + local.Path, ClientID: localClientID, ClientSecret: s.localClientSecret(),
		RedirectURIs:           []string{next.base.String() + callbackPath},
		PostLogoutRedirectURIs: []string{next.base.String() + signedOutPath},
		Key:                    s.o.LocalKey, Records: s.o.Broker, Pages: s.o.Pages,
		CookieName: next.config.CookieName + "_idp", Lifetime: next.config.CookieExpire,
		ClientAddress: clientAddress, Reveal: s.o.Reveal, Log: s.o.Log, Now: s.o.Now,
	})
	if err != nil {
		return err
	}
	next.local = provider
	return nil
}

// clientAddress is what Envoy found; the socket that requests come over is
// private, so nobody else can say it.
func clientAddress(r *http.Request) string { return r.Header.Get("X-Cardea-Client-Address") }
