package config

import (
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/policy"
)

// checkAccess refuses keys that contradict each other, and entries that look
// like a protection and are none.
func (l *loading) checkAccess(r *Route, key string) {
	some := len(r.AllowedUsers)+len(r.AllowedDomains) > 0
	if r.AllowPublicUnauthenticatedAccess && (some || r.AllowAnyAuthenticatedUser) {
		l.refuse(key+".allow_public_unauthenticated_access", "",
			"no allow_any_authenticated_user, allowed_users or allowed_domains beside it")
	}
	if r.AllowAnyAuthenticatedUser && some {
		l.refuse(key+".allow_any_authenticated_user", "", "no allowed_users or allowed_domains beside it")
	}
	l.checkPeople(r.Policy.Shorthand, key)
	l.checkReached(r, key)
}

// checkPeople refuses entries of allowed_users, allowed_domains and
// allowed_idp_claims, of a route or of a policy of its own.
func (l *loading) checkPeople(s policy.Shorthand, key string) {
	for i, u := range s.Users {
		if strings.TrimSpace(u) == "" { // would be equal to a missing e-mail address
			l.refuse(l.item(key+".allowed_users", i), "", "an e-mail address or a user id")
		}
	}
	for i, d := range s.Domains {
		if !validHost(d, false) {
			l.refuse(l.item(key+".allowed_domains", i), "", "the domain of e-mail addresses, such as example.com")
		}
	}
	for _, claim := range all(s.Claims) {
		values := s.Claims[claim]
		if strings.TrimSpace(claim) == "" || len(values) == 0 || slices.Contains(values, "") {
			if under := key + ".allowed_idp_claims." + claim; !l.bad[under] {
				l.refuse(under, "", "a claim with at least one value, none empty")
			}
		}
	}
}

// checkReached warns of a route that lets nobody in.
func (l *loading) checkReached(r *Route, key string) {
	s := &r.Policy
	said, shadow := len(s.Documents) > 0 || len(s.Policies) > 0, len(s.Policies) > 0
	for _, p := range s.Policies {
		if !p.Shadow && l.allows(p) {
			return
		}
		shadow = shadow && p.Shadow
	}
	switch {
	case allows(s.Shorthand, s.Documents):
	case !said:
		l.warn(key, "nobody may use this route: it has no policy")
	case shadow && len(s.Documents) == 0:
		l.warn(key, "nobody may use this route: its policies are shadows, which let nobody in")
	default:
		l.warn(key, "nobody may use this route: no policy of it allows anything")
	}
}

func (l *loading) checkRouteHeaders(r *Route, key string) {
	l.checkSetHeaders(key+".set_request_headers", r.SetRequestHeaders, true)
	l.checkSetHeaders(key+".set_response_headers", r.SetResponseHeaders, false)
	for i, name := range r.RemoveRequestHeaders {
		if !isToken(name) || strings.EqualFold(name, "host") {
			l.refuse(l.item(key+".remove_request_headers", i), "", "a header name other than Host")
		}
	}
	for i, h := range r.RewriteResponseHeaders {
		under := l.item(key+".rewrite_response_headers", i)
		if !isToken(h.Header) && !l.bad[under+".header"] {
			l.refuse(under+".header", "", "a header name")
		}
		if strings.ContainsAny(h.Value+h.Prefix, "\r\n\x00") {
			l.refuse(under+".value", "", "text without line breaks")
		}
	}
	for i, u := range r.AllowUpgrades {
		l.checkUpgrade(l.item(key+".allow_upgrades", i), u)
	}
}
