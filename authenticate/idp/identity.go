package idp

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cardea-proxy/cardea/config"
)

// An Identity is a person as the provider vouches for them, with the tokens
// that came along.
type Identity struct {
	Subject string // sub, or the preset's claim in its place
	Email   string // "" when the provider names none
	Name    string
	Groups  []string // never nil
	// Claims are those of userinfo over those of the ID token.
	Claims map[string]any
	// ProvedAt is when the person last proved who they are, as the ID token says
	// (auth_time); zero when it does not.
	ProvedAt time.Time

	Tokens Tokens
}

// Tokens are secrets of the provider's.
type Tokens struct {
	ID            config.Secret
	Access        config.Secret
	Refresh       config.Secret // "" when the provider gave none
	IDExpires     time.Time     // zero when there is no ID token
	AccessExpires time.Time     // zero when the provider says not
}

// protocolClaims are about the token, not about the person.
var protocolClaims = []string{"iss", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "at_hash", "c_hash", "auth_time", "sid"}

// provedAt is the auth_time of an ID token's claims.
func provedAt(claims map[string]any) time.Time {
	n, _ := claims["auth_time"].(json.Number)
	seconds, err := n.Int64()
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// identityFrom makes a person of claims. An e-mail that the provider marks as
// unverified is refused whole: dropping it silently would sign in somebody
// whom no policy about e-mails can name.
func (p *Provider) identityFrom(m *metadata, subject string, claims map[string]any) (*Identity, error) {
	if name := p.preset.subjectClaim; name != "" {
		if s, _ := claims[name].(string); s != "" {
			subject = s
		}
	}
	if subject == "" || len(subject) > 255 || !printable(subject) { // OpenID Connect Core, section 2
		return nil, refuse("the answer names no proper subject")
	}
	id := &Identity{Subject: subject, Groups: []string{}, Claims: map[string]any{}}
	for name, value := range claims {
		if !slices.Contains(protocolClaims, name) {
			id.Claims[name] = value
		}
	}
	id.Email, _ = claims["email"].(string)
	if id.Email != "" && !(verified(claims) && (!m.anyTenant || ownedDomain(claims))) {
		return nil, ErrEmailUnverified
	}
	// Of "a@evil.example@example.com" each reader finds the domain that suits
	// them, and of blanks and invisible letters each another address.
	if strings.Count(id.Email, "@") > 1 || strings.Contains(id.Email, " ") || !printable(id.Email) || len(id.Email) > 320 {
		return nil, refuse("the e-mail address is malformed")
	}
	id.Name = nameOf(claims)
	for _, name := range p.preset.groupClaims {
		if groups := texts(claims[name]); len(groups) > 0 {
			id.Groups = groups
			break
		}
	}
	return id, nil
}

// verified reports whether nothing speaks against the e-mail. Many providers
// leave the claim out; some send it as text.
func verified(claims map[string]any) bool {
	switch v := claims["email_verified"].(type) {
	case nil:
		return true
	case bool:
		return v
	case string:
		return strings.EqualFold(v, "true")
	}
	return false
}

// ownedDomain reports whether a provider that serves tenants of strangers says
// that the tenant owns the domain of the e-mail. Without that, the
// administrator of any tenant writes whatever address they like into a token.
func ownedDomain(claims map[string]any) bool {
	switch v := claims["xms_edov"].(type) {
	case bool:
		return v
	case string:
		return v == "1" || strings.EqualFold(v, "true")
	case json.Number:
		return v == "1"
	}
	return false
}

// printable reports whether s holds nothing that a reader would not see.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func nameOf(claims map[string]any) string {
	for _, key := range []string{"name", "preferred_username", "nickname"} {
		if s, _ := claims[key].(string); s != "" {
			return s
		}
	}
	given, _ := claims["given_name"].(string)
	family, _ := claims["family_name"].(string)
	return strings.TrimSpace(given + " " + family)
}

// texts reads a claim that is one text or a list of texts.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case []any:
		var out []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}
