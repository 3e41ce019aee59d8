package config

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// wantTo is the wish of to.
const wantTo = "an absolute https URL (or http, h2c, tcp, unix or https+unix)"

// upstreams reads one destination or a list of them, nested lists included.
// Each may end in ",weight": all of them or none.
func (l *loading) upstreams(n *yaml.Node, p *[]Upstream, key string) {
	if !l.flatten(n, p, key, 0) {
		return
	}
	var weighted, total = 0, uint64(0)
	for _, u := range *p {
		if u.Weight > 0 {
			weighted++
		}
		total += uint64(u.Weight)
	}
	switch {
	case len(*p) == 0:
		l.refuse(key, "", "at least one destination")
	case weighted != 0 && weighted != len(*p):
		l.refuse(key, "", "a weight on every destination or on none")
	case total > math.MaxUint32: // Envoy adds them up in 32 bits
		l.refuse(key, "", "weights that add up to less than 4294967296")
	}
	kinds := make(map[string]bool)
	for _, u := range *p {
		kinds[u.kind()] = true
	}
	if len(kinds) > 1 {
		l.refuse(key, "", "destinations of one kind: all http (http, https, h2c), all tcp or all unix")
	}
}

// flatten adds every destination of n and reports whether all are good.
func (l *loading) flatten(n *yaml.Node, p *[]Upstream, key string, depth int) bool {
	if n.Kind == yaml.SequenceNode && depth < 8 {
		good := true
		for i, item := range n.Content {
			under := fmt.Sprintf("%s[%d]", key, i)
			l.lines[under] = item.Line
			good = l.flatten(item, p, under, depth+1) && good
		}
		return good
	}
	s, ok := text(n)
	if !ok {
		l.refuse(key, "", wantTo)
		return false
	}
	u, want := parseUpstream(s)
	if want != "" {
		l.refuse(key, "", want)
		return false
	}
	*p = append(*p, u)
	return true
}

// parseUpstream reads "URL" or "URL,weight".
func parseUpstream(s string) (u Upstream, want string) {
	address := strings.TrimSpace(s)
	if i := strings.LastIndexByte(address, ','); i >= 0 {
		weight, err := strconv.ParseUint(strings.TrimSpace(address[i+1:]), 10, 32)
		if err == nil && weight == 0 || err != nil && digits(address[i+1:]) {
			return u, "a weight from 1 to 4294967295"
		}
		if err == nil {
			u.Weight, address = uint32(weight), strings.TrimSpace(address[:i])
		}
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return u, wantTo
	}
	u.URL = parsed
	return u, u.check()
}

// digits reports whether s holds nothing else.
func digits(s string) bool {
	s = strings.TrimSpace(s)
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// check returns what would be accepted, "" when u is.
func (u Upstream) check() (want string) {
	switch u.URL.Scheme {
	case "unix", "https+unix":
		if u.URL.Host != "" || u.URL.Opaque != "" || !strings.HasPrefix(u.URL.Path, "/") {
			return "a socket's absolute path, such as unix:///run/app.sock"
		}
	case "http", "https", "h2c", "tcp":
		host, port, ok := splitHost(u.URL.Host)
		if !ok || !validHost(host, false) || u.URL.Opaque != "" {
			return wantTo
		}
		if u.URL.Scheme == "tcp" && (port == "" || strings.Trim(u.URL.Path, "/") != "") {
			return "a tcp URL with a port and no path, such as tcp://10.0.0.1:22"
		}
	case "udp", "ssh", "udp+https":
		return wantTo + "; " + u.URL.Scheme + " is " + notYet
	default:
		return wantTo
	}
	if u.URL.User != nil || u.URL.RawQuery != "" || u.URL.Fragment != "" || u.URL.ForceQuery {
		return "a destination without user, query and fragment"
	}
	return ""
}

// kind groups the schemes that one route may mix.
func (u Upstream) kind() string {
	switch u.URL.Scheme {
	case "tcp":
		return "tcp"
	case "unix", "https+unix":
		return u.URL.Scheme
	}
	return "http"
}

// Address returns the host and port to connect to; for a socket, its path and
// "". "localhost" is 127.0.0.1: resolvers disagree about what else it may be.
func (u Upstream) Address() (host, port string) {
	if u.kind() != "tcp" && u.kind() != "http" {
		return u.URL.Path, ""
	}
	host, port = u.URL.Hostname(), u.URL.Port()
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	switch {
	case port != "":
	case u.URL.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return host, port
}

// TLS reports whether u is spoken to over TLS.
func (u Upstream) TLS() bool {
	return slices.Contains([]string{"https", "https+unix"}, u.URL.Scheme)
}
