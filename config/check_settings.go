package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// checkSettings refuses what cannot be meant at the top level, subject by
// subject, and fills the finished fields of Config.
func (l *loading) checkSettings() {
	l.checkServices()
	l.checkAddresses()
	l.checkServiceURLs()
	l.checkSecrets()
	l.checkCertificates()
	l.checkClientCertificates()
	l.checkIdentityProvider()
	l.checkUsers()
	l.checkCookies()
	l.checkGlobalHeaders()
	l.checkHTTP()
	l.checkDNS()
	l.checkStorage()
	l.checkLogs()
	l.checkDecisionLog()
	l.checkFlags()
}

// services are the parts of the process; naming all of them is "all".
var services = []string{"authenticate", "authorize", "databroker", "proxy"}

func (l *loading) checkServices() {
	named := make(map[string]bool)
	for s := range strings.SplitSeq(strings.ToLower(l.c.Services), ",") {
		s = strings.TrimSpace(s)
		if s == "cache" { // what databroker was called once
			s = "databroker"
		}
		if s != "all" && !slices.Contains(services, s) {
			l.refuse("services", "", "all")
			return
		}
		named[s] = true
	}
	if !named["all"] && len(named) < len(services) {
		l.refuse("services", "single services are "+notYet, "all")
		return
	}
	l.c.Services = "all"
}

// wantAddress is the wish of every listener.
const wantAddress = `host:port, such as ":443" or "127.0.0.1:8443"`

func (l *loading) checkAddresses() {
	c := l.c
	c.HTTPRedirectAddr = strings.Trim(c.HTTPRedirectAddr, `"'`)
	debug := ""
	if c.DebugAddress != nil {
		debug = *c.DebugAddress
	}
	seen := make(map[string]string) // address -> key
	for _, a := range []struct{ key, address string }{
		{"address", c.Address},
		{"http_redirect_addr", c.HTTPRedirectAddr},
		{"grpc_address", c.GRPCAddress},
		{"debug_address", debug},
		{"health_check_addr", c.HealthCheckAddr},
		{"metrics_address", c.MetricsAddress},
		{"envoy_admin_address", c.EnvoyAdminAddress},
	} {
		if a.address == "" || l.bad[a.key] {
			continue
		}
		zero := a.key == "address" || a.key == "debug_address" || a.key == "health_check_addr"
		if !validAddress(a.address, zero) {
			l.refuse(a.key, "", wantAddress)
			continue
		}
		if other, taken := seen[a.address]; taken && !strings.HasSuffix(a.address, ":0") && a.key != "grpc_address" {
			l.refuse(a.key, "same address as "+other, "an address of its own")
		}
		if a.key != "grpc_address" { // not listened on yet
			seen[a.address] = a.key
		}
	}
	l.checkConsoleAddress(seen)
	if ip := c.EnvoyBindConfigSourceAddress; ip != "" {
		if _, err := netip.ParseAddr(ip); err != nil {
			l.refuse("envoy_bind_config_source_address", "", "an IP address")
		}
	}
}

// validAddress reports whether address is host:port; the host may be empty,
// and the port 0, any free one, where zero says so.
func validAddress(address string, zero bool) bool {
	host, port, found := cutPort(address)
	if !found || host != "" && !validHost(host, false) {
		return false
	}
	if port == 0 {
		return zero
	}
	return port > 0 && port <= 65535
}

// hostedHosts answer for the makers of the format we read, not for us.
var hostedHosts = []string{"authenticate.pomerium.app", "authenticate.staging.pomerium.app"}

func (l *loading) checkServiceURLs() {
	c := l.c
	const key, want = "authenticate_service_url", "an absolute https URL without a path, such as https://authenticate.example.com"
	switch u := c.AuthenticateServiceURL; {
	case l.bad[key]:
	case u.IsZero():
		l.refuse(key, "missing", want)
	case slices.Contains(hostedHosts, strings.ToLower(u.Hostname())):
		l.refuse(key, "a hosted service is "+notYet, "a host of your own, such as https://authenticate.example.com")
	case u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" || !validHost(u.Hostname(), false):
		l.refuse(key, "", want)
	}
	l.httpURL("signout_redirect_url", c.SignoutRedirectURL)
	if c.TLSDerive != nil && *c.TLSDerive != "" && !validHost(*c.TLSDerive, false) {
		l.refuse("tls_derive", "", "a domain name")
	}
}

// httpURL refuses a URL that a browser or an HTTP client cannot open.
func (l *loading) httpURL(key string, u URL) {
	if !u.IsZero() && u.Scheme != "https" && u.Scheme != "http" {
		l.refuse(key, "", "an absolute https or http URL")
	}
}

func (l *loading) checkDNS() {
	c := l.c
	for key, rate := range map[string]*time.Duration{
		"dns_refresh_rate":         c.DNSRefreshRate,
		"dns_failure_refresh_rate": c.DNSFailureRefreshRate,
	} {
		if rate != nil && *rate < time.Millisecond {
			l.refuse(key, "", "at least 1ms")
		}
	}
	for i, s := range c.DNSResolvers {
		u, err := url.Parse(s)
		if err == nil && (u.Scheme == "udp" || u.Scheme == "tcp") && u.Path == "" && u.User == nil {
			if _, err = netip.ParseAddrPort(u.Host); err == nil {
				continue
			}
		}
		l.refuse(l.item("dns_resolvers", i), "", "udp://ip:port or tcp://ip:port")
	}
}

func (l *loading) checkStorage() {
	c := l.c
	const key = "databroker_storage_connection_string"
	switch kind := strings.ToLower(c.DatabrokerStorageType); kind {
	case "file":
		c.DatabrokerStorageType = kind
		if s := c.DatabrokerStorageConnectionString.Reveal(); s != "" {
			dir, err := url.Parse(s)
			if err != nil || dir.Scheme != "file" || dir.Host != "" || !strings.HasPrefix(dir.Path, "/") || dir.RawQuery != "" {
				l.refuse(l.source(key), "", "a folder, such as file:///var/lib/cardea")
			}
		}
	case "memory":
		c.DatabrokerStorageType = kind
	case "postgres":
		l.refuse("databroker_storage_type", "postgres is "+notYet, "file or memory")
	default:
		l.refuse("databroker_storage_type", "", "file or memory")
	}
}
