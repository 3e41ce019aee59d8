package policy

import (
	"strings"
	"testing"
)

// Envoy joins the values of a header that is sent several times by commas. Whoever
// sends one twice must not get around what is said of one of them.
func TestARepeatedHeaderGetsNobodyAroundADenial(t *testing.T) {
	t.Parallel()
	for _, ppl := range []string{
		"{allow: {or: [{accept: }]}, deny: {or: [{http_header/x-env: test}]}}",
		"{allow: {or: [{accept: }]}, deny: {or: [{http_header/x-env: {in: [test, dev]}}]}}",
		"{allow: {or: [{accept: }]}, deny: {or: [{http_header/x-env: {starts_with: test}}]}}",
		"allow: {not: [{http_header/x-env: test}]}",
		"allow: {or: [{http_header/x-env: {not: test}}]}",
		"allow: {or: [{http_header/x-env: {not_in: [test]}}]}",
	} {
		p := program(t, ppl)
		for _, value := range []string{"test", "test,x", "x,test", "x, test", "x,\ttest", "test,test", strings.Repeat("x,", 30_000) + "test"} {
			r := get()
			r.Header = headers(map[string]string{"X-Env": value})
			if d := p.Decide(t.Context(), Facts{Request: r}); d.Outcome != Deny {
				t.Errorf("%s with %q: %v", ppl, value, d.Outcome)
			}
		}
		r := get()
		r.Header = headers(map[string]string{"X-Env": "prod, stage"})
		if d := p.Decide(t.Context(), Facts{Request: r}); d.Outcome != Allow {
			t.Errorf("%s keeps out prod, stage: %v", ppl, d.Outcome)
		}
	}
}
