package policy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// Whatever lint proves is held against the real program with random facts: a
// proof that a request refutes is a failure.

var lintFingerprint = func() string {
	sum := sha256.Sum256([]byte("certificate"))
	return hex.EncodeToString(sum[:])
}()

// lintCriteria are chosen so that many of them imply or exclude each other.
var lintCriteria = []string{
	"accept: ", "reject: ", "authenticated_user: ", "cors_preflight: ", "invalid_client_certificate: ",
	"user: u-1", "user: {not: u-1}", "user: {starts_with: u}",
	"email: a@x.example", "email: {in: [a@x.example, B@y.example]}", "email: {not: a@x.example}",
	"email: {not_in: [a@x.example, c@x.example]}", "email: {ends_with: '@x.example'}", "email: {ends_with: example}",
	"email: {contains: 'a@'}", "email: {starts_with: a@x}", "email: {starts_with: a, not: a@x.example}", "email: {is: a@x.example, starts_with: b}",
	"domain: X.example", "domain: {in: [x.example, y.example]}", "domain: {ends_with: .example}", "domain: {not: x.example}", "domain: {contains: y}",
	"groups: g", "groups: h", "groups: {is: g}", "groups: {is: h}", "groups: {exclude: g}", "groups: {has: g, exclude: h}", "groups: {is: g, exclude: g}",
	"claim/k: v", "claim/k: {is: v}", "claim/k: {is: w}", "claim/k: {has: w, is: v}", "claim/k: {exclude: v}", "claim/m.n: {exclude: v}", "claim/m.n: v",
	"http_method: GET", "http_method: {in: [GET, POST]}", "http_method: {not: GET}", "http_method: {not_in: [GET, OPTIONS]}", "http_method: OPTIONS",
	"http_path: /a", "http_path: {starts_with: /a}", "http_path: {starts_with: /a/b}", "http_path: {ends_with: b, not: /a/b}", "http_path: {contains: a}", "http_path: {starts_with: /b, is: /a}",
	"source_ip: 10.0.0.0/8", "source_ip: [10.0.0.0/9, 10.128.0.0/9]", "source_ip: [0.0.0.0/0, '::/0']", "source_ip: [192.0.2.1, '2001:db8::/32']", "source_ip: 10.200.0.1",
	"client_certificate: {fingerprint: '" + lintFingerprint + "'}", "client_certificate: {san_dns: {not: x}}", "client_certificate: {san_dns: a.example}",
}

func lintDocument(r *rand.Rand) string {
	var b strings.Builder
	for _, action := range []string{"allow", "deny"} {
		count := r.IntN(3)
		if action == "allow" {
			count++
		}
		for _, i := range r.Perm(4)[:count] {
			fmt.Fprintf(&b, "- %s:\n    %s:\n", action, operators[i])
			for range 1 + r.IntN(3) {
				fmt.Fprintf(&b, "    - %s\n", lintCriteria[r.IntN(len(lintCriteria))])
			}
		}
	}
	return b.String()
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func lintFacts(r *rand.Rand) Facts {
	q := Request{Method: pick(r, "GET", "POST", "PUT", "OPTIONS", ""), Path: pick(r, "/a", "/a/b", "/ab", "/b", "b", "/c", "")}
	if ip := pick(r, "10.0.0.1", "10.200.0.1", "192.0.2.1", "2001:db8::1", "2001:db9::1", ""); ip != "" {
		q.IP = netip.MustParseAddr(ip)
	}
	if r.IntN(2) == 0 {
		q.Header = headers(map[string]string{"Origin": "https://x.example", "Access-Control-Request-Method": "GET"})
	}
	q.ClientCertificate.Valid = r.IntN(2) == 0
	if q.ClientCertificate.Presented = r.IntN(2) == 0; q.ClientCertificate.Presented {
		q.ClientCertificate.Leaf = &x509.Certificate{Raw: []byte(pick(r, "certificate", "other")), DNSNames: pick(r, nil, []string{"a.example"}, []string{"x"})}
	}
	if r.IntN(4) == 0 {
		return Facts{Request: q}
	}
	d := PersonData{
		SessionID: "s", UserID: pick(r, "u-1", "u-2", "v"),
		Email:  pick(r, "a@x.example", "A@X.example", "B@y.example", "c@x.example", "a@y.example@x.example", "a", "", "d@z.test"),
		Groups: pick(r, nil, []string{"g"}, []string{"h"}, []string{"g", "h"}, []string{"i"}),
		Claims: map[string]any{},
	}
	if r.IntN(3) == 0 {
		d.DirectoryGroups = []DirectoryGroup{{ID: "g", Name: "h"}}
	}
	if v := pick[any](r, nil, "v", "w", []any{"v", "w"}, []any{}, map[string]any{"v": "v"}); v != nil {
		d.Claims["k"] = v
	}
	if v := pick[any](r, nil, "v", map[string]any{"n": "v"}); v != nil {
		d.Claims["m"] = v
	}
	return Facts{Request: q, Person: NewPerson(d)}
}

// alone is the rule as the only one of a document.
func (r *lintRule) alone() *Document {
	g := group{operator: r.operator}
	if g.operator == "" {
		g.operator = operatorOr
	}
	for _, c := range r.criteria {
		g.criteria = append(g.criteria, c.criterion)
	}
	if r.deny {
		return &Document{rules: []ruleSet{{deny: []group{g}}}}
	}
	return &Document{rules: []ruleSet{{allow: []group{g}}}}
}

func (r *lintRule) samples(t *testing.T, c *Compiler, facts []Facts) []bool {
	t.Helper()
	p, err := c.Compile(t.Context(), Source{Documents: []*Document{r.alone()}})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]bool, len(facts))
	for i, f := range facts {
		d := p.Evaluate(t.Context(), f)
		if out[i] = d.Allow; r.deny {
			out[i] = d.Deny
		}
	}
	return out
}

func TestWhatLintProvesNoRequestRefutes(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	facts := make([]Facts, 100)
	for i := range facts {
		facts[i] = lintFacts(r)
	}
	documents := 60
	if testing.Short() {
		documents = 15
	}
	var compiler Compiler
	codes := map[string]int{}
	for range documents {
		text := lintDocument(r)
		doc := document(t, text)
		l := &linter{}
		l.add("", true, Shorthand{}, []*Document{doc})
		proofs(t, l, &compiler, facts)
		p := program(t, text)
		var decisions []Decision
		for _, f := range facts {
			decisions = append(decisions, p.Evaluate(t.Context(), f))
		}
		for _, f := range Lint(Source{Documents: []*Document{doc}}) {
			codes[f.Code]++
			for i, d := range decisions {
				if refutes(f, l, facts[i], d) {
					t.Errorf("seed %d: %+v is refuted by %+v: %+v", seed, f, facts[i].Request, d)
				}
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, text)
		}
	}
	if !testing.Short() && len(codes) < 10 {
		t.Errorf("only these were found: %v", codes)
	}
}

// refutes reports whether one decision shows a finding about all of them to be
// wrong.
func refutes(f Finding, l *linter, facts Facts, d Decision) bool {
	switch f.Code {
	case codeNobody, codeDenyEverybody:
		return d.Outcome == Allow
	case codeSignIn:
		return facts.Person == nil && d.Outcome == Allow
	}
	return false
}

// proofs holds the truth of each rule, and of each pair, against samples.
func proofs(t *testing.T, l *linter, c *Compiler, facts []Facts) {
	t.Helper()
	rules := slices.Concat(l.allow, l.deny)
	samples := make([][]bool, len(rules))
	for i, r := range rules {
		samples[i] = r.samples(t, c, facts)
	}
	check := func(what string, a, b int, yes func(i int) bool, proof bool) {
		for i := 0; proof && i < len(facts); i++ {
			if yes(i) {
				t.Errorf("%s of %s and %s is refuted by %+v", what, rules[a], rules[b], facts[i].Request)
				return
			}
		}
	}
	for i, a := range rules {
		known := a.knowsWho() || a.asksWho()
		isNever, isAlways := impossible(a.yes), impossible(a.no)
		notOfStrangers, ofEveryUser := impossible(a.yes, strangers), impossible(a.no, somebody)
		for k, f := range facts {
			signedIn := f.Person != nil
			if isNever && samples[i][k] || isAlways && !samples[i][k] ||
				notOfStrangers && samples[i][k] && !signedIn || ofEveryUser && !samples[i][k] && signedIn {
				t.Errorf("what is proved of %s is refuted by %+v", a, f.Request)
			}
			if !known && !signedIn {
				f.Person = NewPerson(ada())
				if again := a.samples(t, c, []Facts{f})[0]; again != samples[i][k] {
					t.Errorf("%s cares who it is: %+v", a, f.Request)
				}
				known = true // one is enough
			}
		}
		for j, b := range rules {
			check("never both", i, j, func(k int) bool { return samples[i][k] && samples[j][k] }, impossible(a.yes, b.yes))
			check("implication", i, j, func(k int) bool { return samples[i][k] && !samples[j][k] }, impossible(a.yes, b.no))
			check("never neither", i, j, func(k int) bool { return !samples[i][k] && !samples[j][k] }, impossible(a.no, b.no))
		}
	}
}
