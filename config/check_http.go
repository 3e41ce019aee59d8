package config

import (
	"fmt"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// isToken reports whether s is an HTTP token (RFC 9110, section 5.6.2), as
// names of headers and cookies are.
func isToken(s string) bool { return httpguts.ValidHeaderFieldName(s) }

// item is the key of an element of a list.
func (l *loading) item(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

func (l *loading) checkCookies() {
	c := l.c
	host := strings.HasPrefix(strings.ToLower(c.CookieName), "__host-")
	switch {
	case l.bad["cookie_name"]:
	case !isToken(c.CookieName):
		l.refuse("cookie_name", "", "letters, digits and signs without spaces")
	case host && c.CookieDomain != "": // browsers drop such a cookie, and sign-in would go in circles
		l.refuse("cookie_domain", `a cookie named "__Host-..." has none`, "no cookie_domain")
	}
	if c.CookieDomain != "" && !validHost(strings.TrimPrefix(c.CookieDomain, "."), false) {
		l.refuse("cookie_domain", "", "a domain name")
	}
	if l.has("cookie_expire") && c.CookieExpire == 0 && !l.bad["cookie_expire"] {
		l.refuse("cookie_expire", "", "a duration above 0, such as 14h")
	}
}

func (l *loading) checkHTTP() {
	c := l.c
	for i, u := range c.AllowUpgrades {
		l.checkUpgrade(l.item("allow_upgrades", i), u)
	}
	for i, host := range c.ProgrammaticRedirectDomainWhitelist {
		if !validHost(host, false) {
			l.refuse(l.item("programmatic_redirect_domain_whitelist", i), "", "a host name, without scheme and port")
		}
	}
}

// checkUpgrade refuses what is no name of a protocol (RFC 9110, section 7.8),
// and CONNECT, which has routes of its own.
func (l *loading) checkUpgrade(key, name string) {
	protocol, version, hasVersion := strings.Cut(name, "/")
	if !isToken(protocol) || hasVersion && !isToken(version) || strings.EqualFold(name, "connect") || strings.EqualFold(name, "connect-udp") {
		l.refuse(key, "", "the name of an upgrade, such as websocket")
	}
}

func (l *loading) checkGlobalHeaders() {
	c := l.c
	l.checkSetHeaders("set_response_headers", c.SetResponseHeaders, false)
	for _, name := range all(c.JWTClaimsHeaders) {
		l.checkClaimHeader("jwt_claims_headers."+name, name, c.JWTClaimsHeaders[name])
	}
}

// checkClaimHeader keeps claims out of headers that mean something else to us
// or to the connection.
func (l *loading) checkClaimHeader(key, name, claim string) {
	switch {
	case !isToken(name):
		l.refuse(key, "", "a header name: letters, digits and signs without spaces")
	case claim == "":
		l.refuse(key, "", "the name of a claim")
	case framing(name) || strings.EqualFold(name, "host") || strings.EqualFold(name, "cookie"):
		l.refuse(key, "", "a header that is not host, cookie, content-length or transfer-encoding")
	}
}

// framing reports whether a header says where a message ends: whoever sets it
// by hand can make two programs disagree about that.
func framing(name string) bool {
	name = strings.ToLower(name)
	return name == "content-length" || name == "transfer-encoding"
}

// checkSetHeaders checks the names and values of headers that are set, in
// requests or in responses. Case does not make two headers of one.
func (l *loading) checkSetHeaders(key string, headers map[string]string, request bool) {
	seen := make(map[string]string, len(headers))
	for _, name := range all(headers) {
		under, lower := key+"."+name, strings.ToLower(name)
		if first, twice := seen[lower]; twice {
			l.refuse(under, "same header as "+first, "each header once, whatever its case")
		}
		seen[lower] = name
		switch {
		case l.bad[under]:
		case !isToken(name):
			l.refuse(under, "", "a header name: letters, digits and signs without spaces")
		case framing(name):
			l.refuse(under, "", "a header that does not say where a message ends")
		case request && lower == "host":
			l.refuse(under, "", "host_rewrite for the Host header")
		case !httpguts.ValidHeaderFieldValue(headers[name]):
			l.refuse(under, "", "a header value without line breaks and control characters")
		case request:
			l.checkTokens(under, headers[name])
		}
	}
}
