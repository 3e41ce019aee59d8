package authorize

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// The context extensions by which Envoy's route tells us which route it is.
const (
	extensionRoute    = "route_id"
	extensionPolicy   = "policy"
	extensionInternal = "internal"
	extensionLeash    = "leash"
)

// chainNamespace is the namespace of the dynamic metadata in which Envoy hands
// over the certificate chain of a client, and chainField the field in it: PEM,
// URL-encoded, leaf first.
const (
	chainNamespace = "cardea.client_certificate"
	chainField     = "chain"
)

// A request is one question of Envoy's, as far as a decision reads it. What is
// here is what goes upstream: Envoy normalised the path before it asked.
type request struct {
	id       string // X-Request-Id, made by Envoy
	checkID  string // Envoy's own number of the stream
	routeID  string
	digest   string // of the policy that Envoy's route was built with
	internal bool   // a path of our own
	held     bool   // every request of the route is held on a leash
	wire     string // the question in bytes, of which all texts here are parts

	method   string
	host     string // as sent, with its port
	hostname string // lower case, without port and without a final dot
	target   string // as sent, with query; "" for CONNECT
	rawPath  string // as sent, without query
	path     string // rawPath, decoded once
	rawQuery string
	headers  headerList // lower-case names; repeated ones joined by Envoy

	sourceIP string     // as Envoy wrote it
	ip       netip.Addr // the zero value when Envoy named none
	leaf     string     // the client's certificate, PEM, URL-encoded; "" for none
	chain    string     // the whole chain in the same form; "" for none

	binder  string // the value of the binder cookie; "" for none
	browser bool   // a Sec-Fetch-* header is there
}

// derive fills in what follows from what stands in the message. It reports
// false for a request whose path or host a decision and an upstream could read
// differently.
func (r *request) derive() bool {
	r.id = r.headers.get("x-request-id")
	r.rawPath, r.rawQuery, _ = strings.Cut(r.target, "?")
	r.ip = r.clientAddress()
	r.browser = r.headers.get("sec-fetch-mode") != "" || r.headers.get("sec-fetch-site") != "" ||
		r.headers.get("sec-fetch-dest") != "" || r.headers.get("sec-fetch-user") != ""

	var hostOK, pathOK bool
	r.hostname, hostOK = hostnameOf(r.host)
	r.path, pathOK = decodePath(r.rawPath, r.method)
	// TRACE makes a server repeat the request, identity headers and all (RFC
	// 9110, section 9.3.8); TRACK is another's name for it.
	return hostOK && pathOK && r.method != "TRACE" && r.method != "TRACK"
}

// headerExternalAddress is where Envoy says who the client is. It overwrites
// what a client sent by that name, on every request.
const headerExternalAddress = "x-envoy-external-address"

// clientAddress returns the address of the client. The message names the other
// end of the connection, which behind a load balancer is not the client; the
// header counts the trusted hops of xff_num_trusted_hops.
func (r *request) clientAddress() netip.Addr {
	if addr := sourceAddress(r.headers.get(headerExternalAddress)); addr.IsValid() {
		return addr
	}
	return sourceAddress(r.sourceIP)
}

// sourceAddress reads Envoy's idea of the client's address. IPv4 mapped into
// IPv6 is the IPv4 address, and a zone is dropped: a rule names neither.
func sourceAddress(text string) netip.Addr {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// maxHost bounds a host name with its port, in bytes (RFC 1035, section 2.3.4).
const maxHost = 255 + len(":65535")

// hostnameOf returns the name in host in the form in which tickets and rules
// know it. ok is false for what is no host name or address.
func hostnameOf(host string) (name string, ok bool) {
	if host == "" || len(host) > maxHost {
		return "", false
	}
	name = host
	if host[0] == '[' { // an IPv6 address (RFC 3986, section 3.2.2)
		inner, rest, found := strings.Cut(host[1:], "]")
		addr, err := netip.ParseAddr(inner)
		if !found || err != nil || addr.Zone() != "" || !portOK(rest) {
			return "", false
		}
		return inner, true
	}
	if colon := strings.IndexByte(host, ':'); colon >= 0 {
		if !portOK(host[colon:]) {
			return "", false
		}
		name = host[:colon]
	}
	name = strings.TrimSuffix(name, ".")
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return "", false
		}
	}
	return strings.ToLower(name), name != ""
}

// portOK reports whether s is empty or a colon and a port.
func portOK(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) < 2 || len(s) > 6 {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// decodePath returns raw, decoded once. It refuses what servers are known to
// read in different ways: no leading slash, a broken escape, NUL, and a segment
// that is a dot segment once its parameters are cut off ("/public/..;x=/admin"
// is /admin to some). Envoy has resolved honest dot segments before it asks.
func decodePath(raw, method string) (path string, ok bool) {
	if raw == "" {
		return "", method == "CONNECT"
	}
	if raw[0] != '/' {
		return "", raw == "*" && method == "OPTIONS"
	}
	path = raw
	if strings.IndexByte(raw, '%') >= 0 {
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			return "", false
		}
		path = decoded
	}
	if strings.IndexByte(path, 0) >= 0 || hasDotSegment(path) {
		return "", false
	}
	return path, true
}

// hasDotSegment reports whether a segment of path is "." or "..", parameters
// left aside. A backslash parts segments too, as it does for Windows servers.
func hasDotSegment(path string) bool {
	if !strings.Contains(path, "/.") && !strings.Contains(path, `\.`) {
		return false
	}
	for segment := range strings.FieldsFuncSeq(path, func(c rune) bool { return c == '/' || c == '\\' }) {
		segment, _, _ = strings.Cut(segment, ";")
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// hasParameters reports whether a segment of path has parameters (RFC 3986,
// section 3.3). Some servers cut them off before they look where a path leads:
// to them "/;x/admin" is /admin, to Envoy and to a policy it is not.
func hasParameters(path string) bool { return strings.IndexByte(path, ';') >= 0 }

// carrier returns what may hold tickets.
func (r *request) carrier() ticket.Carrier {
	return ticket.Carrier{
		Cookie:        r.headers.get("cookie"),
		XPomerium:     r.headers.get("x-pomerium-authorization"),
		Authorization: r.headers.get("authorization"),
		RawQuery:      r.rawQuery,
	}
}

// page returns the facts that choose the format of an answer. token says that
// the client brought credentials of its own.
func (r *request) page(token bool) pages.Request {
	return pages.Request{
		Method:         r.method,
		Path:           r.rawPath,
		Accept:         r.headers.get("accept"),
		ContentType:    r.headers.get("content-type"),
		SecFetchMode:   r.headers.get("sec-fetch-mode"),
		SecFetchDest:   r.headers.get("sec-fetch-dest"),
		XRequestedWith: r.headers.get("x-requested-with"),
		UserAgent:      r.headers.get("user-agent"),
		Upgrade:        r.headers.get("upgrade"),
		Token:          token,
	}
}

// maxBinder bounds the binder cookie, in bytes; ours has 26.
const maxBinder = 128

// readBinder finds the binder cookie called name.
func (r *request) readBinder(name string) {
	header := r.headers.get("cookie")
	if !strings.Contains(header, name) {
		return
	}
	for value := range ticket.Cookies(header, name) {
		if value != "" && len(value) <= maxBinder {
			r.binder = value
		}
		return // a second one of a __Host- name is not from a browser
	}
}
