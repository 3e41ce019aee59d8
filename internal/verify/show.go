package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/internal/pages"
)

// A report is everything known about one request; its JSON form is what tests
// and scripts read.
type report struct {
	Verdict  string         `json:"verdict"` // vouched, anonymous, suspect
	Checks   []checkObject  `json:"checks"`
	Verified bool           `json:"verified"`
	Reason   string         `json:"reason,omitempty"` // why the assertion is not verified
	Claims   map[string]any `json:"claims,omitempty"` // of the assertion; trust them only when verified
	Leaks    []string       `json:"leaks"`            // cookies and credentials that must not have arrived
	Request  request        `json:"request"`

	settings Settings
	checks   []pages.Check
	verdict  pages.Verdict
}

type checkObject struct {
	Name   string `json:"name"`
	Result string `json:"result"` // passed, failed, skipped
	Note   string `json:"note,omitempty"`
}

// report judges r.
func (s *Server) report(r *http.Request) report {
	settings := *s.settings.Load()
	id := s.identify(r)
	leaked, credentials := settings.leakedCookies(r.Header), leakedCredentials(r)
	v := report{
		settings: settings, Request: settings.read(r), Claims: id.claims, Verified: id.err == nil,
		Leaks: slices.Concat([]string{}, leaked, credentials),
	}
	if id.err != nil {
		v.Reason = id.err.Error()
	}
	v.checks = []pages.Check{
		identityCheck(id),
		settings.agreement(r.Header, id),
		absence("No session cookie", leaked, fmt.Sprintf("none of %d cookies is ours", len(cookies(r.Header)))),
		absence("No credentials for Cardea", credentials, "neither in a header nor in the address"),
	}
	v.judge()
	return v
}

// judge sums up the checks: one failure is enough.
func (v *report) judge() {
	v.Verdict, v.verdict = "anonymous", pages.Anonymous
	if v.Verified {
		v.Verdict, v.verdict = "vouched", pages.Vouched
	}
	results := map[pages.CheckResult]string{pages.Failed: "failed", pages.Passed: "passed", pages.Skipped: "skipped"}
	for _, c := range v.checks {
		if c.Result == pages.Failed {
			v.Verdict, v.verdict = "suspect", pages.Suspect
		}
		v.Checks = append(v.Checks, checkObject{c.Name, results[c.Result], c.Note})
	}
}

func identityCheck(id identity) pages.Check {
	c := pages.Check{Name: "Signed identity", Result: pages.Passed, Note: id.note}
	switch {
	case errors.Is(id.err, errAbsent):
		c.Result, c.Note = pages.Skipped, id.err.Error()
	case id.err != nil:
		c.Result, c.Note = pages.Failed, id.err.Error()
	}
	return c
}

func absence(name string, found []string, fine string) pages.Check {
	if len(found) == 0 {
		return pages.Check{Name: name, Result: pages.Passed, Note: fine}
	}
	return pages.Check{Name: name, Note: "arrived: " + strings.Join(found, ", ")}
}

// agreement holds the plain identity headers against the signed identity. One
// that says more than the signature came from a client.
func (s Settings) agreement(h http.Header, id identity) pages.Check {
	c := pages.Check{Name: "Identity headers agree", Result: pages.Skipped, Note: "none arrived"}
	for header, claim := range s.ClaimHeaders {
		values := h.Values(header)
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1 || id.err == nil && values[0] != claimText(id.claims[claim]):
			return pages.Check{Name: c.Name, Note: fmt.Sprintf("%s is not what the signed identity says", header)}
		case id.err != nil && values[0] != "":
			return pages.Check{Name: c.Name, Note: fmt.Sprintf("%s came without a signed identity", header)}
		}
		c.Result, c.Note = pages.Passed, "each is what the signed identity says"
	}
	for header := range h {
		if _, known := s.ClaimHeaders[strings.ToLower(header)]; known || !strings.HasPrefix(header, "X-Pomerium-Claim-") {
			continue
		}
		if id.err != nil {
			return pages.Check{Name: c.Name, Note: fmt.Sprintf("%s came without a signed identity", header)}
		}
	}
	return c
}

// claimText prints a claim as an identity header does: several values joined by
// commas, nothing for a missing claim.
func claimText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		texts := make([]string, len(v))
		for i, item := range v {
			texts[i] = claimText(item)
		}
		return strings.Join(texts, ",")
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// object is the report as JSON.
func (v report) object() pages.Answer { return pages.Object(http.StatusOK, v) }

// page is the report for a person.
func (v report) page(p *pages.Pages) pages.Answer {
	identity, common, other := v.settings.group(v.Request.Headers)
	view := pages.Received{
		Verdict: v.verdict, Checks: v.checks, Claims: v.Claims,
		Method: v.Request.Method, Path: v.Request.Path, Host: v.Request.Host, Protocol: v.Request.Protocol, Peer: v.Request.Peer,
		Identity: identity, Standard: common, Other: other, JSONURL: "/json",
	}
	if ids := v.Request.Headers["X-Request-Id"]; len(ids) == 1 {
		view.RequestID = ids[0]
	}
	if v.Verified { // an unverified name is no name
		text := func(name string) string { s, _ := v.Claims[name].(string); return s }
		view.Person = pages.Person{Name: text("name"), Email: text("email"), ID: text("sub")}
	}
	return p.Received(view)
}
