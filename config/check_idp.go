package config

import (
	"encoding/base64"
	"fmt"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
)

// providers are the values of idp_provider; true where idp_provider_url has no
// default and must be given.
var providers = map[string]bool{
	"apple":    false,
	"auth0":    true,
	"azure":    false,
	"cognito":  true,
	"github":   false,
	"gitlab":   false,
	"google":   false,
	"local":    false,
	"oidc":     true,
	"okta":     true,
	"onelogin": false,
	"ping":     true,
}

func (l *loading) checkIdentityProvider() {
	c := l.c
	c.IDPProvider = strings.ToLower(c.IDPProvider)
	c.BearerTokenFormat = l.bearerFormat("bearer_token_format", c.BearerTokenFormat)
	l.httpURL("idp_provider_url", c.IDPProviderURL)
	for _, s := range c.IDPScopes {
		if s == "" || strings.ContainsAny(s, " \t\r\n\"\\") { // RFC 6749, section 3.3
			l.refuse("idp_scopes", "", "scopes without spaces")
			break
		}
	}
	needsURL, known := providers[c.IDPProvider]
	switch {
	case c.IDPProvider == "":
		if !l.bad["idp_provider"] {
			l.warn("idp_provider", "missing, so nobody can sign in")
		}
		return
	case c.IDPProvider == "hosted":
		l.refuse("idp_provider", "a hosted provider is "+notYet, "a provider of your own, or local")
		return
	case !known:
		l.refuse("idp_provider", "unknown provider"+didYouMean(c.IDPProvider, all(providers)), oneOf(all(providers)))
		return
	case c.IDPProvider == "local":
		return
	}
	if c.IDPClientID == "" && !l.bad["idp_client_id"] {
		l.refuse("idp_client_id", "missing", "the client id that the provider gave")
	}
	if u := c.IDPProviderURL; !u.IsZero() && u.Scheme == "http" && !loopback(u.Hostname()) {
		l.warn("idp_provider_url", "plain http, so whoever is on the way can sign in as anybody")
	}
	if needsURL && c.IDPProviderURL.IsZero() && !l.bad["idp_provider_url"] {
		l.refuse("idp_provider_url", "missing", "the provider's issuer URL")
	}
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// bearerFormat takes the one format there is, in each way it is written.
func (l *loading) bearerFormat(key, given string) string {
	f := strings.TrimPrefix(strings.ToLower(given), "bearer_token_format_")
	switch f {
	case "", "default", "unknown":
		return ""
	case "idp_access_token", "idp_identity_token", "jwt":
		l.refuse(key, f+" is "+notYet, "default")
	default:
		l.refuse(key, "", "default")
	}
	return ""
}

// checkUsers checks the people of the built-in provider.
func (l *loading) checkUsers() {
	c := l.c
	if len(c.Users) > 0 && c.IDPProvider != "local" {
		l.refuse("users", "idp_provider is not local", `"idp_provider: local" beside it`)
	}
	if c.IDPProvider == "local" && len(c.Users) == 0 && !l.bad["users"] {
		l.warn("users", "empty, so nobody can sign in")
	}
	seen := make(map[string]int)
	for i, u := range c.Users {
		key := l.item("users", i)
		if l.bad[key] || l.bad[key+".email"] {
			continue
		}
		email := strings.ToLower(u.Email)
		if !validEmail(u.Email) {
			l.refuse(key+".email", "", "an e-mail address, such as ada@example.com")
		} else if first, twice := seen[email]; twice {
			l.refuse(key+".email", fmt.Sprintf("same as users[%d], upper and lower case being equal", first), "an address of its own")
		} else {
			seen[email] = i
		}
		if slices.Contains(u.Groups, "") {
			l.refuse(key+".groups", "", "group names that are not empty")
		}
		if u.PasswordHash != "" && !validArgon2id(u.PasswordHash.Reveal()) {
			l.refuse(key+".password_hash", "", `an argon2id hash, as "cardea user hash" prints`)
		}
	}
}

// validEmail takes a bare address in ASCII with one @: a policy compares what
// follows it, and two readings of an address would be two answers.
func validEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s || strings.Count(s, "@") != 1 || len(s) > 254 {
		return false
	}
	_, domain, _ := strings.Cut(s, "@")
	return validHost(domain, false) && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' })
}

// validArgon2id checks the form $argon2id$v=19$m=..,t=..,p=..$salt$hash, with
// the least and the most that the built-in provider computes: m in KiB, 7 to
// 256 MiB, and 1 GiB written in all passes.
func validArgon2id(s string) bool {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v=19" {
		return false
	}
	var m, t, p uint32
	n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &t, &p)
	if err != nil || n != 3 || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", m, t, p) {
		return false
	}
	if m < 7<<10 || m > 256<<10 || t < 1 || t > 16 || uint64(m)*uint64(t) > 1<<20 || p < 1 || p > 8 {
		return false
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	hash, hashErr := base64.RawStdEncoding.DecodeString(parts[5])
	return saltErr == nil && hashErr == nil && len(s) <= 512 && len(salt) >= 8 && len(salt) <= 64 && len(hash) >= 16 && len(hash) <= 64
}
