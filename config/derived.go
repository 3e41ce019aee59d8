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

// PassIdentity reports whether identity headers go upstream on r.
func (c *Config) PassIdentity(r *Route) bool {
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
