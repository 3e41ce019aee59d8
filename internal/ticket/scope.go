package ticket

import "strings"

// A Scope says where the tickets of one host are good and which cookies go
// with them. It follows from the name and the domain that cookies are
// configured with.
type Scope struct {
	// Host is what a Ticket is issued for: the host itself, or the domain that
	// cookie_domain makes it share with others.
	Host string
	// Domain is the attribute of the cookies, "" for host-only.
	Domain string
	// Binder is the name of the binder cookie. Where tickets are shared, so is
	// it, and then the sibling hosts are trusted by configuration.
	Binder string
}

// ScopeOf returns the Scope of a host name (lower case, without port).
func ScopeOf(cookieName, cookieDomain, host string) Scope {
	domain := strings.ToLower(strings.TrimPrefix(cookieDomain, "."))
	if domain == "" || host != domain && !strings.HasSuffix(host, "."+domain) {
		return Scope{Host: host, Binder: BinderName(cookieName)}
	}
	return Scope{Host: domain, Domain: domain, Binder: "__Secure-" + cookieName + "_binder"}
}

// HostName returns the host name in a Host header: lower case, without port
// and without the dot that may end it.
func HostName(host string) string {
	host = strings.ToLower(host)
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") && strings.IndexByte(host[i+1:], ']') < 0 {
		host = host[:i]
	}
	return strings.TrimSuffix(host, ".")
}
