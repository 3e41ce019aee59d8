package handoff

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
)

// ErrRedirect is returned for an address that a browser must not be sent to.
var ErrRedirect = errors.New("handoff: not an address to return to")

// CheckRedirect returns raw as a URL when it is an https address on host (with
// the port, if any, that the browser used), and ErrRedirect otherwise. What is
// returned prints as a browser would read raw: a text that the two could read
// differently is refused.
func CheckRedirect(raw, host string) (*url.URL, error) {
	u, err := parseStrict(raw)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "https" || canonicalHost(u) != strings.TrimSuffix(strings.ToLower(host), ":443") {
		return nil, ErrRedirect
	}
	return u, nil
}

// CheckProgramRedirect returns raw as a URL when it is an http or https address
// whose host name is in allowed. "localhost" there also means every loopback
// address.
func CheckProgramRedirect(raw string, allowed []string) (*url.URL, error) {
	u, err := parseStrict(raw)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return nil, ErrRedirect
	}
	name := strings.ToLower(u.Hostname())
	if slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, name) }) {
		return u, nil
	}
	if ip := net.ParseIP(name); ip != nil && ip.IsLoopback() && slices.Contains(allowed, "localhost") {
		return u, nil
	}
	return nil, ErrRedirect
}

// parseStrict refuses what browsers and Go read differently: backslashes,
// control characters and blanks, user info, an empty host, an opaque part.
func parseStrict(raw string) (*url.URL, error) {
	if len(raw) > maxLength {
		return nil, ErrRedirect
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c == '\\' || c == 0x7f {
			return nil, ErrRedirect
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Host == "" || u.Opaque != "" || strings.HasSuffix(u.Host, ":") {
		return nil, ErrRedirect
	}
	if strings.ContainsAny(u.Host, "@#?/%") || (u.Path != "" && u.Path[0] != '/') {
		return nil, ErrRedirect
	}
	return u, nil
}
