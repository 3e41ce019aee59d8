package pages

import (
	"net/http"
	"strconv"
	"strings"
)

// A Format is the shape of an error answer.
type Format int

// The formats. The zero value is HTML, what a person reads.
const (
	HTML       Format = iota
	JSON              // application/problem+json, RFC 9457
	Plain             // text/plain
	GRPC              // trailers-only answer: grpc-status and grpc-message
	Kubernetes        // a Status object of the Kubernetes API
	Robots            // "disallow all", whatever went wrong
)

// String returns the name of the format.
func (f Format) String() string {
	switch f {
	case JSON:
		return "json"
	case Plain:
		return "plain"
	case GRPC:
		return "grpc"
	case Kubernetes:
		return "kubernetes"
	case Robots:
		return "robots"
	}
	return "html"
}

// A Request holds the facts that choose a format. Header values are joined with
// ", " when a header came more than once. The zero value is a plain GET.
type Request struct {
	Method         string // "" counts as GET
	Path           string // without query
	Accept         string
	ContentType    string
	SecFetchMode   string
	SecFetchDest   string
	XRequestedWith string
	UserAgent      string
	Upgrade        string
	// Token says that a session handle or a bearer token came in a header or in
	// the query: such a client is a program that holds its own credentials.
	Token bool
}

// robotsPath is asked for by crawlers, and answered even where all is denied.
const robotsPath = "/robots.txt"

// RequestOf reads the facts from r. It does not set Token.
func RequestOf(r *http.Request) Request {
	get := func(name string) string { return strings.Join(r.Header.Values(name), ", ") }
	return Request{
		Method:         r.Method,
		Path:           r.URL.Path,
		Accept:         get("Accept"),
		ContentType:    get("Content-Type"),
		SecFetchMode:   get("Sec-Fetch-Mode"),
		SecFetchDest:   get("Sec-Fetch-Dest"),
		XRequestedWith: get("X-Requested-With"),
		UserAgent:      get("User-Agent"),
		Upgrade:        get("Upgrade"),
	}
}

// MaySignIn reports whether the client may be sent to the sign-in host by a
// redirect: only what shows a page to a person can make use of one. A program
// would follow it, get a sign-in page with status 200 and take it for data.
//
// A browser says what it is doing in Sec-Fetch-Mode (Fetch Metadata, section
// 2.3), and then that decides. Without those headers the best match of Accept
// does, and a client that names nothing (plain curl) counts as a person.
func (r Request) MaySignIn() bool {
	if r.isGRPC() || r.isKubernetes() || r.Token || r.isUpgrade() || r.isXHR() {
		return false
	}
	if r.Path == robotsPath {
		return false // a crawler that is sent away has been told nothing
	}
	switch strings.ToUpper(r.Method) {
	case "", http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		return false // no link and no form sends these; OPTIONS is a preflight
	}
	switch mode, dest := lower(r.SecFetchMode), lower(r.SecFetchDest); {
	case mode == "navigate":
		return true
	case dest != "":
		return isFrame(dest)
	case mode != "":
		return false
	}
	if isJSON(mediaType(r.ContentType)) {
		return false // a form cannot send it
	}
	best, how := bestMatch(r.Accept)
	return how == silent || how != unmet && best == HTML
}

// Negotiate chooses the format of an error for r.
func Negotiate(r Request) Format {
	switch {
	case r.isGRPC():
		return GRPC
	case r.isKubernetes():
		return Kubernetes
	case r.Path == robotsPath:
		return Robots
	case lower(r.SecFetchMode) == "navigate" && !r.isXHR():
		return HTML
	}
	// "*/*" says nothing: a page for a person, an object for a program.
	best, how := bestMatch(r.Accept)
	if how == named {
		return best
	}
	switch {
	case r.MaySignIn():
		return HTML
	case isJSON(mediaType(r.ContentType)), r.isXHR(), r.Token:
		return JSON
	case lower(r.SecFetchDest) == "empty", lower(r.SecFetchMode) == "cors":
		return JSON
	case lower(r.SecFetchDest) != "" || r.isUpgrade():
		return Plain // an image, a script, a socket: nobody reads it
	case how == unmet:
		return Plain
	}
	return best
}

func (r Request) isGRPC() bool {
	return strings.HasPrefix(mediaType(r.ContentType), "application/grpc")
}

func (r Request) isKubernetes() bool { return strings.Contains(r.UserAgent, "kubernetes/") }

func (r Request) isXHR() bool { return lower(r.XRequestedWith) == "xmlhttprequest" }

// isUpgrade reports whether the client asks for another protocol. h2c is left
// out: curl offers it with ordinary requests.
func (r Request) isUpgrade() bool {
	if lower(r.SecFetchMode) == "websocket" {
		return true
	}
	up := lower(r.Upgrade)
	return up != "" && up != "h2c"
}

// isFrame reports whether dest is a place where a document is shown.
func isFrame(dest string) bool {
	switch dest {
	case "document", "iframe", "frame", "embed", "object":
		return true
	}
	return false
}

func lower(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// mediaType returns type/subtype in lower case, without parameters.
func mediaType(s string) string {
	t, _, _ := strings.Cut(s, ";")
	return lower(t)
}

func isJSON(t string) bool {
	return t == "application/json" || t == "text/json" ||
		strings.HasPrefix(t, "application/") && strings.HasSuffix(t, "+json")
}

// offered are the formats that an Accept header can choose, best liked first.
var offered = [...]Format{HTML, JSON, Plain, GRPC}

// maxAccept bounds the ranges that are read of one Accept header: a browser
// sends about eight.
const maxAccept = 32

// How an Accept header came to its best match.
type matched int

const (
	silent matched = iota // absent, or nothing in it can be understood
	unmet                 // understood, and none of ours is wanted
	wild                  // by a wildcard
	named                 // by its name
)

// bestMatch returns the offered format that accept likes best (RFC 9110,
// section 12.5.1); HTML when it likes none. On a tie a format that was named
// outranks one that a wildcard covers, then the earlier of offered wins: a
// program that asks for "application/json, */*" wants JSON.
func bestMatch(accept string) (best Format, how matched) {
	var weights [len(offered)]weight
	ranges := strings.Split(accept, ",")
	for _, part := range ranges[:min(len(ranges), maxAccept)] {
		name, params, _ := strings.Cut(part, ";")
		if name = lower(name); strings.Contains(name, "/") {
			how = unmet
		}
		for i, f := range offered {
			s := specificity(name, f)
			if s == 0 || s < weights[i].specific {
				continue
			}
			q := quality(params)
			if s == weights[i].specific {
				q = max(q, weights[i].q)
			}
			weights[i] = weight{specific: s, q: q}
		}
	}
	var top weight
	for i, f := range offered {
		w := weights[i]
		if w.q > top.q || w.q > 0 && w.q == top.q && w.specific == rangeExact && top.specific != rangeExact {
			top, best = w, f
		}
	}
	switch {
	case top.specific == rangeExact:
		return best, named
	case top.specific > 0:
		return best, wild
	}
	return HTML, how
}

// A weight is what the most specific range so far gives a format.
type weight struct {
	specific int
	q        float64
}

// How specific a range is; the more specific one outranks the others.
const (
	rangeAll    = 1 // */*
	rangeFamily = 2 // text/*
	rangeExact  = 3 // text/html
)

// specificity returns how closely name means f, 0 when it does not.
func specificity(name string, f Format) int {
	family := "application/*"
	if f == HTML || f == Plain {
		family = "text/*"
	}
	switch {
	case name == "*/*", name == "*":
		return rangeAll
	case name == family && f != GRPC:
		return rangeFamily
	case f == HTML && (name == "text/html" || name == "application/xhtml+xml"),
		f == JSON && isJSON(name),
		f == Plain && name == "text/plain",
		f == GRPC && strings.HasPrefix(name, "application/grpc"):
		return rangeExact
	}
	return 0
}

// quality reads the q parameter; a malformed one counts as 0: what cannot be
// understood is not preferred.
func quality(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		k, v, _ := strings.Cut(p, "=")
		if lower(k) != "q" {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}
