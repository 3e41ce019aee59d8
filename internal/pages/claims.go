package pages

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Claim is one row of a table of claims, ready to show.
type Claim struct {
	Name   string
	Values []string
	Time   time.Time // set for claims that are times
	Hidden bool      // holds a token or a secret, which no page shows
}

// claimBudget bounds the claims of a page, in bytes of HTML, so that a page
// stays under 40 KB whatever an identity provider sends.
const claimBudget = 12 << 10

// timeClaims are seconds since 1970 (RFC 7519, section 4.1; OpenID Connect Core,
// section 2).
var timeClaims = map[string]bool{
	"exp": true, "iat": true, "nbf": true, "auth_time": true, "updated_at": true,
}

// tokenName and tokenValue recognise what must not be on a screen, by the name
// of a claim or header and by the look of its value (three parts of base64url,
// the first of which begins a JSON object).
var (
	tokenName  = regexp.MustCompile(`(?i)token|secret|password|assertion|^authorization$|^proxy-authorization$|cookie`)
	tokenValue = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.`)
)

// claimRows orders claims by name and bounds them; more says that some were
// left out.
func claimRows(claims map[string]any, budget int) (rows []Claim, more bool) {
	names := make([]string, 0, len(claims))
	for name := range claims {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c := newClaim(name, claims[name])
		for _, s := range append(c.Values, c.Name) {
			budget -= cost(s) + 30
		}
		if budget < 0 {
			return rows, true
		}
		rows = append(rows, c)
	}
	return rows, false
}

func newClaim(name string, v any) Claim {
	c := Claim{Name: line(name)}
	list, ok := v.([]any)
	if !ok {
		if texts, isTexts := v.([]string); isTexts {
			for _, s := range texts {
				list = append(list, s)
			}
		} else {
			list = []any{v}
		}
	}
	for i, item := range list {
		if i == maxGroups {
			c.Values = append(c.Values, say("whoami.groups.more", len(list)-i))
			break
		}
		text := claimText(item)
		if tokenName.MatchString(name) || tokenValue.MatchString(text) {
			return Claim{Name: c.Name, Hidden: true}
		}
		c.Values = append(c.Values, clean(text, maxValue))
	}
	if n, ok := number(v); ok && timeClaims[name] && n > 0 && n < 1<<36 {
		c.Time = time.Unix(int64(n), 0)
	}
	return c
}

// claimText prints a claim: text as it is, anything else as JSON.
func claimText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	if n, ok := number(v); ok && n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		b, _ := json.Marshal(int64(n))
		return string(b)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the template escapes
	if err := e.Encode(v); err != nil {
		return "?"
	}
	return strings.TrimSpace(b.String())
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}
