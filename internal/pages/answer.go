package pages

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An Answer is a whole response, ready to be sent by whoever was asked: as it
// is by an http.Handler, or as the body of an ext_authz denial.
type Answer struct {
	Status int
	Header http.Header // canonical names; never nil
	Body   []byte      // UTF-8; nil for gRPC
}

// Send writes a to w. Headers that w already bears are replaced where a names
// them and kept otherwise.
func (a Answer) Send(w http.ResponseWriter) {
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.Status)
	// The client may be gone; nobody is left who could be told.
	_, _ = w.Write(a.Body)
}

// Object answers with v as JSON, for the few addresses of ours that programs
// read. v must be something that encoding/json can print.
func Object(status int, v any) Answer { return newAnswer(status, typeJSON, bareCSP, marshal(v)) }

// Text answers with plain text.
func Text(status int, text string) Answer {
	return newAnswer(status, typePlain, bareCSP, []byte(text))
}

// setRetry says when it makes sense to come back (RFC 9110, section 10.2.3).
func (a Answer) setRetry(d time.Duration) {
	a.Header.Set("Retry-After", strconv.FormatInt(seconds(d), 10))
}

// seconds rounds up: a client that comes back early is refused again.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// newAnswer returns an answer with the headers that every answer of ours bears.
// An answer is about one person at one moment, so nothing may store it; it is
// not framed, not sniffed, and a page of ours never tells its address to others.
//
// The referrer policy is same-origin rather than no-referrer, because the latter
// makes browsers send "Origin: null" with our own forms (Fetch, section 3.2),
// and those who check the origin could not tell ours from a stranger's.
func newAnswer(status int, contentType, csp string, body []byte) Answer {
	h := make(http.Header, 8)
	h.Set("Content-Type", contentType)
	h.Set("Content-Security-Policy", csp)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	return Answer{Status: status, Header: h, Body: body}
}

// bareCSP is the policy of everything that is not a page.
const bareCSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// The content types of our answers.
const (
	typeHTML    = "text/html; charset=utf-8"
	typePlain   = "text/plain; charset=utf-8"
	typeProblem = "application/problem+json"
	typeJSON    = "application/json"
)

// A policy is what a page may load and where its forms may go.
type policy struct {
	style, script string // hash sources; "" is none
	sameImages    bool   // images of this origin, besides data:
	forms         bool   // the page holds a form
	connects      bool   // its script asks this origin
	formOrigins   []string
}

// String prints the policy. data: images hold the icon of the tab and the logo.
//
// Where there is a form, form-action allows any https address: Chromium applies
// it to every redirect that follows a submission too, and a sign-in passes the
// sign-in host, the provider and the route host. formOrigins adds those of
// another scheme. A form cannot be planted here: nothing that is not ours is
// ever markup.
func (p policy) String() string {
	var b strings.Builder
	b.WriteString("default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
	b.WriteString("; img-src data:")
	if p.sameImages {
		b.WriteString(" 'self'")
	}
	if p.style != "" {
		b.WriteString("; style-src " + p.style)
	}
	if p.script != "" {
		b.WriteString("; script-src " + p.script)
	}
	if p.connects {
		b.WriteString("; connect-src 'self'")
	}
	b.WriteString("; form-action ")
	if !p.forms {
		b.WriteString("'none'")
		return b.String()
	}
	b.WriteString("'self' https:")
	for _, o := range p.formOrigins {
		if origin, ok := originOf(o); ok {
			b.WriteString(" " + origin)
		}
	}
	return b.String()
}
