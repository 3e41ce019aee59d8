package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// The wishes of from.
const (
	wantFrom    = "an absolute https URL without a path, such as https://app.example.com"
	wantTCPFrom = "a tcp+https URL with a port, such as tcp+https://ssh.example.com:22"
)

// intoFrom reads the external address of a route. http is read as https: a
// listener decides how it is reached, a route does not.
func intoFrom(n *yaml.Node, p *From) (want string) {
	s, ok := text(n)
	if !ok {
		return wantFrom
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" || u.ForceQuery {
		return wantFrom
	}
	host, port, ok := splitHost(u.Host)
	if !ok || !validHost(host, true) {
		return wantFrom
	}
	f := From{Scheme: u.Scheme, Host: host, Port: port}
	switch u.Scheme {
	case "http", "https":
		f.Scheme = "https"
		if u.Path != "" && u.Path != "/" {
			return wantFrom + `; write the path under "prefix" or "path"`
		}
	case "tcp+https":
		if want := tcpTarget(&f, u.Path); want != "" {
			return want
		}
	case "udp+https", "ssh":
		return wantFrom + " or tcp+https; " + u.Scheme + " is " + notYet
	default:
		return wantFrom
	}
	*p = f
	return ""
}

// tcpTarget fills in what CONNECT must name: the host and port of the URL, or
// its path, when the URL names a proxy in front of several targets.
func tcpTarget(f *From, path string) (want string) {
	target := strings.TrimPrefix(path, "/")
	if target == "" {
		if f.Port == "" || strings.Contains(f.Host, "*") {
			return wantTCPFrom
		}
		f.Target = net.JoinHostPort(f.Host, f.Port)
		return ""
	}
	host, port, ok := splitHost(target)
	if !ok || port == "" || !validHost(host, false) {
		return wantTCPFrom + ", or with the target as its path"
	}
	f.Target = net.JoinHostPort(host, port)
	return ""
}

// splitHost splits host and optional port, lower case; an IPv6 address loses
// its brackets.
func splitHost(hostport string) (host, port string, ok bool) {
	u := url.URL{Host: hostport}
	host, port = strings.ToLower(u.Hostname()), u.Port()
	if port == "" {
		return host, "", !strings.HasSuffix(hostport, ":") && host != ""
	}
	n, err := strconv.Atoi(port)
	return host, strconv.Itoa(n), err == nil && n > 0 && n <= 65535 && host != ""
}

// validHost reports whether host is an IP address or a name in ASCII; wild
// allows "*" in it. Names in other letters are written in their xn-- form.
func validHost(host string, wild bool) bool {
	if len(host) > 253 {
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return !strings.Contains(host, "%")
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
			if !letter && c != '-' && c != '_' && (c != '*' || !wild) {
				return false
			}
		}
	}
	return true
}

// String writes f as it would stand in a configuration.
func (f From) String() string {
	if f.Host == "" {
		return ""
	}
	host := f.Host
	switch {
	case f.Port != "":
		host = net.JoinHostPort(f.Host, f.Port)
	case strings.Contains(f.Host, ":"):
		host = "[" + f.Host + "]"
	}
	s := f.Scheme + "://" + host
	if f.Target != "" && f.Target != host {
		s += "/" + f.Target
	}
	return s
}
