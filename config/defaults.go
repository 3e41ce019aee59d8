package config

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// applyDefaults fills in what was left out. It is the only place of defaults;
// the comments of the fields and docs/reference.md repeat them.
func (l *loading) applyDefaults() {
	c := l.c
	orElse(&c.Services, "all")
	orElse(&c.Address, ":443")
	orElse(&c.HealthCheckAddr, "127.0.0.1:28080")
	orElse(&c.DataDir, defaultDataDir())
	orElse(&c.CookieName, "_pomerium")
	orElse(&c.DatabrokerStorageType, "file")
	orElse(&c.CodecType, CodecAuto)
	orElse(&c.DownstreamMTLS.Enforcement, MTLSPolicyWithDefaultDeny)
	orElse(&c.JWTIssuerFormat, IssuerHostOnly)
	orElse(&c.PathWithEscapedSlashesAction, SlashesReject)
	orElse(&c.HeadersWithUnderscoresAction, UnderscoresReject)
	orElse(&c.DNSLookupFamily, DNSV4Preferred)
	orElse(&c.LogLevel, LogLevel("info"))
	orElse(&c.ProxyLogLevel, c.LogLevel)

	l.span("grpc_client_timeout", &c.GRPCClientTimeout, 10*time.Second)
	if c.GRPCClientTimeout == 0 { // a decision without an end would hold requests for ever
		c.GRPCClientTimeout = 30 * time.Second
	}
	l.span("cookie_expire", &c.CookieExpire, 14*time.Hour)
	l.span("timeout_read", &c.TimeoutRead, 30*time.Second)
	l.span("timeout_idle", &c.TimeoutIdle, 5*time.Minute)
	l.span("default_upstream_timeout", &c.DefaultUpstreamTimeout, 30*time.Second)
	l.span("console.max_grant", &c.Console.MaxGrant, 24*time.Hour)
	l.span("console.max_service_account", &c.Console.MaxServiceAccount, 8760*time.Hour)

	l.span("decision_log_max_age", &c.DecisionLogMaxAge, 24*time.Hour)
	if !l.has("decision_log_max_size") {
		c.DecisionLogMaxSize = 64 << 20
	}

	for key, on := range map[string]*bool{
		"cookie_http_only": &c.CookieHTTPOnly,
		"normalize_path":   &c.NormalizePath,
		"merge_slashes":    &c.MergeSlashes,
	} {
		if !l.has(key) {
			*on = true
		}
	}
	if !l.has("programmatic_redirect_domain_whitelist") {
		c.ProgrammaticRedirectDomainWhitelist = []string{"localhost"}
	}
	flags := defaultFlags()
	for name, on := range c.RuntimeFlags {
		flags[name] = on
	}
	c.RuntimeFlags = flags
	for _, r := range c.Routes {
		orElse(&r.LoadBalancingPolicy, LBRoundRobin)
	}
	l.defaultSignInHost()
}

// orElse sets *p where nothing is said, "" included.
func orElse[T ~string](p *T, to T) {
	if *p == "" {
		*p = to
	}
}

// span sets *p when key is absent; 0 is something said.
func (l *loading) span(key string, p *time.Duration, to time.Duration) {
	if !l.has(key) {
		*p = to
	}
}

// defaultDataDir is $XDG_DATA_HOME/cardea, else /var/lib/cardea for root, else
// the place the XDG base directory specification names for a user.
func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "cardea")
	}
	home, err := os.UserHomeDir()
	if os.Geteuid() == 0 || err != nil {
		return "/var/lib/cardea"
	}
	return filepath.Join(home, ".local", "share", "cardea")
}

// defaultSignInHost chooses authenticate.localhost when every route is on this
// machine: nobody else could reach it, and no name needs to be bought.
func (l *loading) defaultSignInHost() {
	c := l.c
	if l.has("authenticate_service_url") || c.InsecureServer {
		return
	}
	for _, r := range c.Routes {
		if host := r.From.Host; host != "" && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
			return
		}
	}
	host := "authenticate.localhost"
	if _, port, err := net.SplitHostPort(c.Address); err == nil && port != "443" {
		host = net.JoinHostPort(host, port)
	}
	var u URL
	if intoURL(scalar("!!str", "https://"+host, 0), &u) == "" {
		c.AuthenticateServiceURL = u
	}
}
