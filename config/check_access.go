package config

import (
	"slices"
	"strings"
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
	for i, u := range r.AllowedUsers {
		if strings.TrimSpace(u) == "" { // would be equal to a missing e-mail address
			l.refuse(l.item(key+".allowed_users", i), "", "an e-mail address or a user id")
		}
	}
	for i, d := range r.AllowedDomains {
		if !validHost(d, false) {
			l.refuse(l.item(key+".allowed_domains", i), "", "the domain of e-mail addresses, such as example.com")
		}
	}
	for _, claim := range all(r.AllowedIDPClaims) {
		values := r.AllowedIDPClaims[claim]
		if strings.TrimSpace(claim) == "" || len(values) == 0 || slices.Contains(values, "") {
			if under := key + ".allowed_idp_claims." + claim; !l.bad[under] {
				l.refuse(under, "", "a claim with at least one value, none empty")
			}
		}
	}
	said := r.AllowPublicUnauthenticatedAccess || r.AllowAnyAuthenticatedUser || some ||
		len(r.AllowedIDPClaims) > 0 || l.has(key+".policy")
	if !said {
		l.warn(key, "nobody may use this route: it has no policy")
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
