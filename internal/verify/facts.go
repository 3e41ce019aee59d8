package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/internal/pages"
)

// request is what arrived, as the JSON form shows it. Credentials for Cardea
// itself, which should not be there, are left out; everything else is whole.
type request struct {
	Method   string              `json:"method"`
	Path     string              `json:"path"` // with the query, as received
	Host     string              `json:"host"`
	Protocol string              `json:"protocol"`
	Peer     string              `json:"peer,omitempty"`
	Headers  map[string][]string `json:"headers"`
	Body     body                `json:"body"`
}

// body is told by size and digest: a caller can compare what was sent.
type body struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"`
}

// maxBody bounds the bytes of a body that are read.
const maxBody = 64 << 20

func (s Settings) read(r *http.Request) request {
	q := request{
		Method: r.Method, Path: r.RequestURI, Host: r.Host, Protocol: r.Proto,
		Peer: r.Header.Get("X-Envoy-External-Address"), Headers: make(map[string][]string, len(r.Header)),
	}
	if r.URL.Query().Has("pomerium_session") {
		q.Path = r.URL.EscapedPath() + "?" + hiddenValue
	}
	if q.Peer == "" {
		q.Peer = r.Header.Get("X-Forwarded-For")
	}
	for name, values := range r.Header {
		list := make([]string, len(values))
		for i, v := range values {
			list[i] = s.harmless(name, v)
		}
		q.Headers[name] = list
	}
	q.Body = readBody(r.Body)
	return q
}

// harmless returns the value of a header without what opens a session here.
func (s Settings) harmless(name, value string) string {
	switch name {
	case "Authorization":
		if oursAuthorization(value) {
			return hiddenValue
		}
	case "X-Pomerium-Authorization":
		return hiddenValue
	case "Cookie":
		if len(s.leakedCookies(http.Header{"Cookie": {value}})) == 0 {
			return value
		}
		pairs := strings.Split(value, ";")
		for i, pair := range pairs {
			if name, _, _ := strings.Cut(strings.TrimSpace(pair), "="); s.oursCookie(strings.TrimSpace(name)) {
				pairs[i] = " " + name + "=" + hiddenValue
			}
		}
		return strings.TrimSpace(strings.Join(pairs, ";"))
	}
	return value
}

// readBody digests a body. A body that ends early counts as far as it came.
func readBody(r io.Reader) body {
	if r == nil {
		return body{}
	}
	sum := sha256.New()
	n, _ := io.Copy(sum, io.LimitReader(r, maxBody))
	if n == 0 {
		return body{}
	}
	return body{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}
}

// standard are headers that nearly every browser sends.
var standard = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Authorization": true, "Cache-Control": true,
	"Connection": true, "Content-Length": true, "Content-Type": true, "Cookie": true, "Dnt": true, "Expect": true,
	"If-Match": true, "If-Modified-Since": true, "If-None-Match": true, "Origin": true, "Pragma": true, "Priority": true,
	"Range": true, "Referer": true, "Te": true, "Upgrade": true, "Upgrade-Insecure-Requests": true, "User-Agent": true,
}

// group sorts headers for a reader: those that name a person, those of every
// browser, the rest. Values that are credentials are described, not shown.
func (s Settings) group(headers map[string][]string) (identity, common, other []pages.Header) {
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range headers[name] {
			h := pages.Header{Name: name, Value: describe(name, value)}
			switch {
			case s.isIdentity(name):
				identity = append(identity, h)
			case standard[name] || strings.HasPrefix(name, "Sec-"):
				common = append(common, h)
			default:
				other = append(other, h)
			}
		}
	}
	return identity, common, other
}

func (s Settings) isIdentity(name string) bool {
	if strings.HasPrefix(name, "X-Pomerium-") {
		return true
	}
	for h := range s.ClaimHeaders {
		if strings.EqualFold(h, name) {
			return true
		}
	}
	return false
}

// describe returns what a page may show of a header: no token, no cookie value,
// no credential, whoever it is for.
func describe(name, value string) string {
	switch name {
	case assertion.Header, "X-Pomerium-Jwt-Assertion-For":
		return fmt.Sprintf("a signed token of %d characters, not shown", len(value))
	case "Cookie":
		var names []string
		for _, c := range cookies(http.Header{"Cookie": {value}}) {
			names = append(names, c.name)
		}
		return strings.Join(names, ", ") + " (values not shown)"
	case "Authorization", "Proxy-Authorization":
		scheme, _, ok := strings.Cut(value, " ")
		if !ok {
			scheme = ""
		}
		return strings.TrimSpace(scheme + " (not shown)")
	}
	return value
}
