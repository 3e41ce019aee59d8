package authorize

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/assertion"
)

// headerRoutingKey is what Envoy hashes to choose an upstream by session.
const headerRoutingKey = "x-pomerium-routing-key"

// headerAssertion is the assertion's header as Envoy spells it.
var headerAssertion = strings.ToLower(assertion.Header)

// A setHeader is one key of set_request_headers, ready to be filled in.
type setHeader struct {
	name  string // lower case
	value template
}

// parseSetHeaders returns the headers that hold a reference, in the order of
// their names, so that the same configuration makes the same answers. A value
// without a dollar sign is the same for everybody: Envoy sets it by itself.
func parseSetHeaders(headers map[string]string) []setHeader {
	var set []setHeader
	for name, value := range headers {
		if !strings.Contains(value, "$") {
			continue
		}
		set = append(set, setHeader{strings.ToLower(name), parseTemplate(value)})
	}
	slices.SortFunc(set, func(a, b setHeader) int { return strings.Compare(a.name, b.name) })
	return set
}

// A claimHeader is one entry of jwt_claims_headers.
type claimHeader struct{ name, claim string }

func sortClaimHeaders(headers config.ClaimHeaders) []claimHeader {
	var list []claimHeader
	for name, claim := range headers {
		list = append(list, claimHeader{strings.ToLower(name), claim})
	}
	slices.SortFunc(list, func(a, b claimHeader) int { return strings.Compare(a.name, b.name) })
	return list
}

// claimsFor returns the claims of an assertion about p for the upstream behind
// host. The names are those of the product we replace; nothing that a provider
// claims can take the place of one of ours.
func claimsFor(g *generation, rt *route, p *person, host string, now time.Time) map[string]any {
	issuer := host
	if rt.issuer == config.IssuerURI {
		issuer = "https://" + host + "/"
	}
	claims := map[string]any{
		"iss": issuer, "aud": host, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertion.Lifetime).Unix(),
		"sub": p.session.UserID, "user": p.session.UserID, "sid": p.session.ID,
		"email": p.email, "name": p.name, "groups": p.groups,
	}
	if p.acting != nil {
		claims[claimActor] = map[string]any{"sub": p.acting.own.session.UserID}
	}
	for _, h := range g.claimHeaders {
		if _, ours := claims[h.claim]; ours {
			continue
		}
		if v, ok := lookUpProvided(p, h.claim); ok {
			claims[h.claim] = claimText(v)
		}
	}
	return claims
}

// claimHeaderValue returns what the header of h says about p: "" when there is
// no such claim, so that an upstream never sees somebody else's.
func claimHeaderValue(claims map[string]any, p *person, h claimHeader) string {
	v, ok := claims[h.claim]
	switch {
	case ok:
	case isActor(h.claim):
		v, _ = lookUpClaim(map[string]any{claimActor: claims[claimActor]}, h.claim)
	default:
		v, _ = lookUpProvided(p, h.claim)
	}
	return headerText(claimText(v))
}

// lookUpProvided is lookUpClaim of what providers say about p. Of who acts as p
// they say nothing.
func lookUpProvided(p *person, name string) (any, bool) {
	if isActor(name) {
		return nil, false
	}
	return lookUpClaim(p.claims, name)
}

// isActor reports whether a claim called name is claimActor or a part of it.
func isActor(name string) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(strings.ReplaceAll(name, "/", "."), "."), ".")
	return first == claimActor
}

// mint returns the assertion about p with the headers that belong to it.
func mint(g *generation, rt *route, p *person, host string, now time.Time) (jwt string, headers []*corev3.HeaderValueOption, err error) {
	claims := claimsFor(g, rt, p, host, now)
	if jwt, err = g.minter.Sign(claims); err != nil {
		return "", nil, fmt.Errorf("assertion for route %q: %w", rt.id, err)
	}
	headers = append(headers, overwrite(headerAssertion, jwt))
	for _, h := range g.claimHeaders {
		headers = append(headers, overwrite(h.name, claimHeaderValue(claims, p, h)))
	}
	return jwt, headers, nil
}

// overwrite returns a header that takes the place of every one of that name.
func overwrite(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// forUpstream returns a header of the client as an upstream may see it: without
// our cookies and without credentials that were meant for us.
func (r *request) forUpstream(name, cookieName string) string {
	value := r.headers.get(name)
	switch name {
	case "x-pomerium-authorization":
		return ""
	case "cookie":
		return otherCookies(value, cookieName)
	case "authorization":
		scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
		rest = strings.TrimSpace(rest)
		const marked = "Pomerium-"
		if strings.EqualFold(scheme, "Pomerium") ||
			strings.EqualFold(scheme, "Bearer") && len(rest) >= len(marked) && strings.EqualFold(rest[:len(marked)], marked) {
			return ""
		}
	}
	return value
}

// otherCookies returns the cookies in header that are not ours.
func otherCookies(header, cookieName string) string {
	var kept []string
	for pair := range strings.SplitSeq(header, ";") {
		name, _, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if !isOurs(strings.TrimSpace(name), cookieName) {
			kept = append(kept, strings.TrimSpace(pair))
		}
	}
	return strings.Join(kept, "; ")
}
