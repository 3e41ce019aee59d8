package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/cardea-proxy/cardea/internal/assertion"
)

// algorithms are those that an assertion may be signed with. Neither "none" nor
// a shared secret is among them: a key that everybody can read must not sign.
var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.RS256, jose.EdDSA}

// leeway is how far the clocks of signer and verifier may be apart.
const leeway = time.Minute

// maxAssertion bounds an assertion, in bytes: Envoy takes no larger header.
const maxAssertion = 64 << 10

// errAbsent means that no assertion arrived: a public route, or one that passes
// no identity.
var errAbsent = errors.New("none arrived")

// An identity is what the assertion says.
type identity struct {
	claims map[string]any
	note   string // how it was verified, in words
	err    error  // why it was not; errAbsent when there was none
}

// identify verifies the assertion of r as an application should: the published
// key that it names, the signature, the times, and that it was made for this
// host. claims are set even where err is, to show what was claimed.
func (s *Server) identify(r *http.Request) identity {
	switch values := r.Header.Values(assertion.Header); {
	case len(values) == 0:
		return identity{err: errAbsent}
	case len(values) > 1:
		return identity{err: fmt.Errorf("%d assertions arrived, want one", len(values))}
	case len(values[0]) > maxAssertion:
		return identity{err: errors.New("it is too long")}
	default:
		return s.verify(r.Context(), values[0], hostOf(r))
	}
}

func (s *Server) verify(ctx context.Context, raw, host string) identity {
	token, err := jwt.ParseSigned(raw, algorithms)
	if err != nil {
		return identity{err: errors.New("it is not a token signed with an accepted algorithm")}
	}
	var id identity
	// Shown, and never used, when a check below fails.
	if err := token.UnsafeClaimsWithoutVerification(&id.claims); err != nil {
		return identity{err: errors.New("its claims are no JSON object")}
	}
	header := token.Headers[0]
	key, err := s.key(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		id.err = err
		return id
	}
	var standard jwt.Claims
	if err := token.Claims(key.Key, &standard); err != nil {
		id.err = errors.New("the signature does not match the published key")
		return id
	}
	now := s.now()
	if id.err = checkClaims(standard, host, now); id.err != nil {
		return id
	}
	id.note = fmt.Sprintf("%s by key %s for %s, good for %s more", header.Algorithm, short(key.KeyID), host,
		standard.Expiry.Time().Sub(now).Round(time.Second))
	return id
}

// key returns the one published key called id. An assertion that names none, or
// one that is not published, is refused: there is no key to fall back to.
func (s *Server) key(ctx context.Context, id, algorithm string) (jose.JSONWebKey, error) {
	document, err := s.keys(ctx)
	if err != nil {
		return jose.JSONWebKey{}, errors.New("the published keys cannot be read")
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(document, &set); err != nil {
		return jose.JSONWebKey{}, errors.New("the published keys are malformed")
	}
	found := set.Key(id)
	switch {
	case id == "":
		return jose.JSONWebKey{}, errors.New("it does not name its key")
	case len(found) == 0:
		return jose.JSONWebKey{}, errors.New("it names a key that is not published")
	case len(found) > 1:
		return jose.JSONWebKey{}, errors.New("several published keys bear that name")
	case found[0].Algorithm != "" && found[0].Algorithm != algorithm:
		return jose.JSONWebKey{}, errors.New("its algorithm is not the published key's")
	case !found[0].IsPublic():
		return jose.JSONWebKey{}, errors.New("the published key is not a public one")
	}
	return found[0], nil
}

// checkClaims holds the registered claims (RFC 7519, section 4.1) against this
// host and this moment.
func checkClaims(c jwt.Claims, host string, now time.Time) error {
	switch {
	case c.Expiry == nil:
		return errors.New("it does not say when it expires")
	case c.IssuedAt == nil:
		return errors.New("it does not say when it was issued")
	case !now.Before(c.Expiry.Time().Add(leeway)):
		return fmt.Errorf("it expired %s ago", now.Sub(c.Expiry.Time()).Round(time.Second))
	case c.IssuedAt.Time().After(now.Add(leeway)):
		return errors.New("it was issued in the future: the clocks do not agree")
	case c.NotBefore != nil && c.NotBefore.Time().After(now.Add(leeway)):
		return errors.New("it is not valid yet: the clocks do not agree")
	case !c.Audience.Contains(host):
		return fmt.Errorf("it was made for %q, not for this host, %q", strings.Join(c.Audience, ", "), host)
	case c.Issuer != host && c.Issuer != "https://"+host+"/":
		return fmt.Errorf("its issuer is %q, want this host, %q", c.Issuer, host)
	}
	return nil
}

// hostOf is the host that the person asked for, in lower case and without port.
// Envoy may have changed Host for the upstream; it keeps the original in
// X-Forwarded-Host, which it does not take from a client.
func hostOf(r *http.Request) string {
	host := r.Header.Get("X-Forwarded-Host")
	if host == "" {
		host = r.Host
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(host)
}

// short is enough of a key id to compare by eye.
func short(s string) string {
	if len(s) > 8 {
		return s[:8] + "…"
	}
	return s
}
