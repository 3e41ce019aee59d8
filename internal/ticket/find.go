package ticket

import (
	"net/url"
	"strings"
)

// maxCandidates bounds how many values of one request are opened: a sibling
// host can set cookies of our name too, and each costs a decryption.
const maxCandidates = 4

// A Source is where in a request a candidate stood.
type Source uint8

// The sources, in the order in which they are tried.
const (
	FromCookie Source = iota
	FromHeader        // X-Pomerium-Authorization, or Authorization with our scheme
	FromQuery         // pomerium_session
)

// A Candidate is a value that may be a ticket.
type Candidate struct {
	Value  string
	Source Source
}

// A Carrier is the part of a request that may hold tickets.
type Carrier struct {
	Cookie        string // all Cookie headers, joined by "; "
	XPomerium     string // X-Pomerium-Authorization
	Authorization string
	RawQuery      string
}

// Find returns what may be tickets: cookies called name, then the headers,
// then the query.
func Find(c Carrier, name string) []Candidate {
	var found []Candidate
	for value := range Cookies(c.Cookie, name) {
		if len(found) == maxCandidates {
			break
		}
		if value != "" {
			found = append(found, Candidate{value, FromCookie})
		}
	}
	if v := strings.TrimSpace(c.XPomerium); v != "" {
		found = append(found, Candidate{v, FromHeader})
	}
	if v := fromAuthorization(c.Authorization); v != "" {
		found = append(found, Candidate{v, FromHeader})
	}
	if strings.Contains(c.RawQuery, "pomerium_session") {
		if q, err := url.ParseQuery(c.RawQuery); err == nil {
			if v := q["pomerium_session"]; len(v) == 1 && v[0] != "" {
				found = append(found, Candidate{v[0], FromQuery})
			}
		}
	}
	return found
}

// fromAuthorization returns the handle in "Pomerium X" or "Bearer Pomerium-X".
// Schemes are compared without regard to case (RFC 9110, section 11.1).
func fromAuthorization(value string) string {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(value), " ")
	if !ok {
		return ""
	}
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Pomerium"):
		return rest
	case strings.EqualFold(scheme, "Bearer") && len(rest) > 9 && strings.EqualFold(rest[:9], "Pomerium-"):
		return rest[9:]
	}
	return ""
}

// Cookies yields the values of the cookies called name in a Cookie header, in
// their order. Names are compared with case, as browsers keep them (RFC 6265,
// section 5.4); a value in double quotes is yielded without them.
func Cookies(header, name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(header) > 0 {
			var pair string
			pair, header, _ = strings.Cut(header, ";")
			pair = strings.TrimSpace(pair)
			if len(pair) <= len(name) || pair[len(name)] != '=' || pair[:len(name)] != name {
				continue
			}
			value := pair[len(name)+1:]
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			if !yield(value) {
				return
			}
		}
	}
}
