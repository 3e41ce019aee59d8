package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// The model says again, in plain Go and without any of the joining that the
// Rego is written with, what a document means. Random documents hold the two
// against each other.

// A modelCriterion is a criterion of the model's small language. test tells
// its truth for a request and, where session is set, for a person.
type modelCriterion struct {
	ppl     string
	ok, no  string
	session bool
	test    func(r Request, d PersonData) bool
}

var modelCriteria = []modelCriterion{
	{"accept: true", "accept", "", false, func(Request, PersonData) bool { return true }},
	{"reject: true", "", "reject", false, func(Request, PersonData) bool { return false }},
	{"authenticated_user: true", "user-ok", "user-unauthorized", true, func(Request, PersonData) bool { return true }},
	{"user: u-1", "user-ok", "user-unauthorized", true, func(_ Request, d PersonData) bool { return d.UserID == "u-1" }},
	{"email: a@x.example", emailOK, emailNo, true, func(_ Request, d PersonData) bool { return d.Email == "a@x.example" }},
	{"email: {in: [b@y.example, c@y.example]}", emailOK, emailNo, true, func(_ Request, d PersonData) bool { return d.Email == "b@y.example" }},
	{"email: {not: a@x.example}", emailOK, emailNo, true, func(_ Request, d PersonData) bool { return d.Email != "a@x.example" }},
	{"email: {starts_with: a, ends_with: example}", emailOK, emailNo, true, func(_ Request, d PersonData) bool { return d.Email == "a@x.example" }},
	{"domain: X.example", "domain-ok", "domain-unauthorized", true, func(_ Request, d PersonData) bool { return d.Email == "a@x.example" }},
	{"domain: {in: [y.example]}", "domain-ok", "domain-unauthorized", true, func(_ Request, d PersonData) bool { return d.Email == "b@y.example" }},
	{"groups: g", "groups-ok", "groups-unauthorized", true, func(_ Request, d PersonData) bool { return slices.Contains(d.Groups, "g") }},
	{"groups: h", "groups-ok", "groups-unauthorized", true, func(_ Request, d PersonData) bool { return slices.Contains(d.Groups, "h") }},
	{"groups: {exclude: g}", "groups-ok", "groups-unauthorized", true, func(_ Request, d PersonData) bool { return !slices.Contains(d.Groups, "g") }},
	{"claim/k: v", "claim-ok", "claim-unauthorized", true, func(_ Request, d PersonData) bool { return d.Claims["k"] == "v" }},
	{"claim/k: w", "claim-ok", "claim-unauthorized", true, func(_ Request, d PersonData) bool { return d.Claims["k"] == "w" }},
	{"claim/k.n: {exclude: v}", "claim-ok", "claim-unauthorized", true, func(Request, PersonData) bool { return true }},
	{"http_method: GET", methodOK, methodNo, false, func(r Request, _ PersonData) bool { return r.Method == "GET" }},
	{"http_method: {in: [PUT, POST]}", methodOK, methodNo, false, func(r Request, _ PersonData) bool { return r.Method == "PUT" }},
	{"http_path: {starts_with: /a}", pathOK, pathNo, false, func(r Request, _ PersonData) bool { return r.Path == "/a" }},
	{"http_path: {not_in: [/a]}", pathOK, pathNo, false, func(r Request, _ PersonData) bool { return r.Path != "/a" }},
	{"source_ip: 10.0.0.0/8", "source-ip-ok", "source-ip-unauthorized", false, func(r Request, _ PersonData) bool { return r.IP.As4()[0] == 10 }},
	{"source_ip: [192.0.2.1]", "source-ip-ok", "source-ip-unauthorized", false, func(r Request, _ PersonData) bool { return r.IP.As4()[0] == 192 }},
	{"cors_preflight: true", "cors-request", "non-cors-request", false, func(r Request, _ PersonData) bool {
		_, ok := r.header("Origin")
		return r.Method == "OPTIONS" && ok
	}},
	{"invalid_client_certificate: true", "client-certificate-required", "valid-client-certificate", false, func(r Request, _ PersonData) bool {
		return !r.ClientCertificate.Valid
	}},
}

// A modelGroup and a modelRules are a group and an object of the document.
type modelGroup struct {
	op       operator
	criteria []modelCriterion
}

type modelRules struct{ allow, deny []modelGroup }

func (rs modelRules) String() string {
	action := func(name string, gs []modelGroup) string {
		if len(gs) == 0 {
			return ""
		}
		var b strings.Builder
		fmt.Fprintf(&b, "  %s:\n", name)
		for _, g := range gs {
			fmt.Fprintf(&b, "    %s:\n", g.op)
			for _, c := range g.criteria {
				fmt.Fprintf(&b, "    - %s\n", c.ppl)
			}
		}
		return b.String()
	}
	return "-" + strings.TrimPrefix(action("allow", rs.allow)+action("deny", rs.deny), " ")
}

func randomDocument(r *rand.Rand) (rules []modelRules, text string) {
	groups := func() []modelGroup {
		var gs []modelGroup
		for _, i := range r.Perm(4)[:r.IntN(3)] {
			g := modelGroup{op: operator(operators[i])}
			for range 1 + r.IntN(3) {
				g.criteria = append(g.criteria, modelCriteria[r.IntN(len(modelCriteria))])
			}
			gs = append(gs, g)
		}
		return gs
	}
	for range 1 + r.IntN(3) {
		rs := modelRules{groups(), groups()}
		if len(rs.allow)+len(rs.deny) > 0 {
			rules = append(rules, rs)
			text += rs.String()
		}
	}
	if text == "" {
		text = "[]"
	}
	return rules, text
}

// modelResult is a truth and its reasons.
type modelResult struct {
	truth   bool
	reasons []string
}

func (c modelCriterion) result(r Request, d *PersonData) modelResult {
	if c.session && d == nil {
		return modelResult{false, reasons(nobody)}
	}
	var person PersonData
	if d != nil {
		person = *d
	}
	if c.test(r, person) {
		return modelResult{true, reasons(c.ok)}
	}
	return modelResult{false, reasons(c.no)}
}

// join is "or", or with all set "and", of results, and its reasons.
func join(all bool, results []modelResult) modelResult {
	out := modelResult{truth: all}
	for _, r := range results {
		if r.truth != all {
			out.truth = !all
		}
	}
	for _, r := range results {
		if out.truth == all || r.truth == out.truth {
			out.reasons = append(out.reasons, r.reasons...)
		}
	}
	return out
}

func modelAction(groups []modelGroup, deny bool, r Request, d *PersonData) modelResult {
	var results []modelResult
	for _, g := range groups {
		var each []modelResult
		session := false
		for _, c := range g.criteria {
			session = session || c.session
			each = append(each, c.result(r, d))
		}
		one := join(g.op == operatorAnd || g.op == operatorNor, each)
		if g.op.negated() {
			one.truth = !one.truth
			if session && d == nil && !deny {
				one.truth = false
			}
		}
		results = append(results, one)
	}
	return join(false, results)
}

// modelDecision is what the whole document means.
func modelDecision(rules []modelRules, r Request, d *PersonData) Decision {
	var allow, deny []modelGroup
	for _, rs := range rules {
		allow, deny = append(allow, rs.allow...), append(deny, rs.deny...)
	}
	a, n := modelAction(allow, false, r, d), modelAction(deny, true, r, d)
	sorted := func(s []string) []string { slices.Sort(s); return slices.Compact(s) }
	out := Decision{Allow: a.truth, Deny: n.truth, AllowReasons: sorted(a.reasons), DenyReasons: sorted(n.reasons), Reusable: true}
	both := append(slices.Clone(out.AllowReasons), out.DenyReasons...)
	switch {
	case slices.Contains(out.DenyReasons, "client-certificate-required"):
		out.Outcome = ClientCertificateRequired
	case slices.Contains(both, nobody):
		out.Outcome = SignIn
	case a.truth && !n.truth:
		out.Outcome = Allow
	}
	return out
}

// people and requests in which every criterion of the model varies.
var modelPeople = []*PersonData{
	nil,
	{SessionID: "1", UserID: "u-1", Email: "a@x.example", Groups: []string{"g"}, Claims: map[string]any{"k": "v"}},
	{SessionID: "2", UserID: "u-2", Email: "b@y.example", Groups: []string{"g", "h"}, Claims: map[string]any{"k": "w"}},
	{SessionID: "3", UserID: "u-3", Email: "d@z.example"},
}

func modelRequests() []Request {
	var out []Request
	for i, method := range []string{"GET", "PUT", "OPTIONS"} {
		for j, path := range []string{"/a", "/b"} {
			for k, ip := range []string{"10.1.1.1", "192.0.2.1"} {
				r := Request{Method: method, Path: path, IP: netip.MustParseAddr(ip)}
				if (i+j+k)%2 == 0 {
					r.Header = headers(map[string]string{"Origin": "https://x.example", "Access-Control-Request-Method": "GET"})
				}
				r.ClientCertificate.Valid = (i+j+k)%3 != 0
				out = append(out, r)
			}
		}
	}
	return out
}

func TestRandomDocumentsMeanWhatTheModelSays(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	people := make([]*Person, len(modelPeople))
	for i, d := range modelPeople {
		if d != nil {
			people[i] = NewPerson(*d)
		}
	}
	requests := modelRequests()
	documents := 120
	if testing.Short() {
		documents = 40
	}
	for range documents {
		rules, text := randomDocument(r)
		p := program(t, text)
		again := program(t, text)
		if p.Digest() != again.Digest() {
			t.Fatalf("two digests of\n%s", text)
		}
		for range 40 {
			i := r.IntN(len(people))
			f := Facts{Request: requests[r.IntN(len(requests))], Person: people[i]}
			want := modelDecision(rules, f.Request, modelPeople[i])
			compare(t, want, p.Evaluate(t.Context(), f))
			// From memory, after whatever was asked before.
			compare(t, want, p.Decide(t.Context(), f))
			compare(t, want, p.Decide(t.Context(), f))
			if t.Failed() {
				t.Fatalf("seed %d, person %d, request %+v:\n%s\n%s", seed, i, f.Request, text, p.Rego())
			}
		}
	}
}

func TestDenyBeatsAllowAndOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	requests := modelRequests()
	for range 60 {
		rules, text := randomDocument(r)
		docs := []*Document{document(t, text)}
		shuffled := slices.Clone(rules)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		var turned []*Document
		for _, rs := range shuffled {
			turned = append(turned, document(t, rs.String()))
		}
		all := document(t, "deny: {or: [{accept: }]}")
		one, other := compiled(t, Source{Documents: docs}), compiled(t, Source{Documents: turned})
		denied := compiled(t, Source{Documents: append(docs, all), Shorthand: Shorthand{Public: true}})
		for i, d := range modelPeople {
			f := Facts{Request: requests[r.IntN(len(requests))]}
			if d != nil {
				f.Person = NewPerson(*modelPeople[i])
			}
			compare(t, one.Decide(t.Context(), f), other.Decide(t.Context(), f))
			if d := denied.Decide(t.Context(), f); d.Outcome == Allow || !d.Deny {
				t.Errorf("a deny of everybody gives %+v", d)
			}
			if t.Failed() {
				t.Fatal(text)
			}
		}
	}
}
