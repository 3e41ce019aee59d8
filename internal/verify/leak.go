package verify

import (
	"net/http"
	"strings"
)

// hiddenValue stands where a credential stood.
const hiddenValue = "[not shown]"

// A cookie is one pair of a Cookie header. The standard library's reader drops
// what is malformed; a leak must be found there too.
type cookie struct{ name, value string }

func cookies(h http.Header) []cookie {
	var all []cookie
	for _, header := range h.Values("Cookie") {
		for pair := range strings.SplitSeq(header, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if name != "" || value != "" {
				all = append(all, cookie{strings.TrimSpace(name), value})
			}
		}
	}
	return all
}

// oursCookie reports whether a cookie called name belongs to Cardea: ours, one
// derived from it, or either with a prefix that browsers guard (RFC 6265bis,
// section 4.1.3).
func (s Settings) oursCookie(name string) bool {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "__Host-"), "__Secure-")
	return name == s.CookieName || strings.HasPrefix(name, s.CookieName+"_")
}

// leakedCookies returns the names of cookies that must not have arrived.
func (s Settings) leakedCookies(h http.Header) []string {
	var names []string
	for _, c := range cookies(h) {
		if s.oursCookie(c.name) {
			names = append(names, c.name)
		}
	}
	return names
}

// leakedCredentials returns where credentials for Cardea itself arrived: in the
// documented headers, or in the query.
func leakedCredentials(r *http.Request) []string {
	var places []string
	for _, v := range r.Header.Values("Authorization") {
		if oursAuthorization(v) {
			places = append(places, "Authorization")
		}
	}
	if len(r.Header.Values("X-Pomerium-Authorization")) > 0 {
		places = append(places, "X-Pomerium-Authorization")
	}
	if r.URL.Query().Has("pomerium_session") {
		places = append(places, "pomerium_session")
	}
	return places
}

// oursAuthorization reports whether v is addressed to Cardea: scheme Pomerium,
// or a bearer token that begins with Pomerium-. Schemes are compared without
// regard to case (RFC 9110, section 11.1).
func oursAuthorization(v string) bool {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(v), " ")
	rest = strings.TrimSpace(rest)
	return strings.EqualFold(scheme, "Pomerium") ||
		strings.EqualFold(scheme, "Bearer") && len(rest) >= 9 && strings.EqualFold(rest[:9], "Pomerium-")
}
