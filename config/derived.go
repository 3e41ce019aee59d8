package config

import "strings"

// IsTCP reports whether r is a tunnel opened by CONNECT.
func (r *Route) IsTCP() bool { return r.From.Scheme == "tcp+https" }

// Upgrades returns the HTTP upgrades that r lets through, lower case: the
// route's list, else the global one, with the two booleans added.
func (r *Route) Upgrades(c *Config) map[string]bool {
	list := c.AllowUpgrades
	if r.AllowUpgrades != nil {
		list = r.AllowUpgrades
	}
	up := make(map[string]bool, len(list)+2)
	for _, u := range list {
		up[strings.ToLower(u)] = true
	}
	if r.AllowWebsockets {
		up["websocket"] = true
	}
	if r.AllowSPDY {
		up["spdy/3.1"] = true
	}
	return up
}

// PassIdentity reports whether identity headers go upstream on r. The console
// always gets them: it knows people by nothing else.
func (c *Config) PassIdentity(r *Route) bool {
	if r.Console {
		return true
	}
	if r.PassIdentityHeaders != nil {
		return *r.PassIdentityHeaders
	}
	return c.PassIdentityHeaders != nil && *c.PassIdentityHeaders
}

// SignInHost returns the host (with its port, if any) of the sign-in pages.
func (c *Config) SignInHost() string {
	if c.AuthenticateServiceURL.IsZero() {
		return ""
	}
	return strings.ToLower(c.AuthenticateServiceURL.Host)
}

// ServesHost reports whether hostport, a host with or without a port, is the
// address of a route. A route that names a port is served there alone; one that
// names none is served on the default port and, with match_any_incoming_port,
// on every other. The port of a tunnel is its target's: the pages to sign in
// with are on any.
func (c *Config) ServesHost(hostport string) bool {
	host, port := strings.ToLower(hostport), ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host, port = host[:i], host[i+1:]
	}
	if port == "443" {
		port = ""
	}
	for _, r := range c.Routes {
		want := r.From.Port
		if want == "443" {
			want = ""
		}
		portOK := port == want || r.IsTCP() || r.From.Port == "" && c.Flag(FlagAnyIncomingPort)
		if portOK && r.From.Covers(host) {
			return true
		}
	}
	return false
}

// Covers reports whether host, a name in lower case, is From's: the same, or,
// where that holds a "*", one with some text in its place.
func (f From) Covers(host string) bool {
	before, after, wild := strings.Cut(f.Host, "*")
	if !wild {
		return before == host
	}
	return len(host) > len(before)+len(after) && strings.HasPrefix(host, before) && strings.HasSuffix(host, after)
}
