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
// its truth; where session is set, of a person. Those for which there is more
// to tell have verdict instead.
type modelCriterion struct {
	ppl     string
	ok, no  string
	session bool
	test    func(w modelWorld) bool
	// verdict tells the truth and its reason; doubt is the truth that leads
	// towards a denial.
	verdict func(w modelWorld, doubt bool) (bool, string)
}

var modelCriteria = slices.Concat(modelWorldCriteria, []modelCriterion{
	{"accept: true", "accept", "", false, func(w modelWorld) bool { return true }, nil},
	{"reject: true", "", "reject", false, func(w modelWorld) bool { return false }, nil},
	{"authenticated_user: true", "user-ok", "user-unauthorized", true, func(w modelWorld) bool { return true }, nil},
	{"user: u-1", "user-ok", "user-unauthorized", true, func(w modelWorld) bool { return w.person.UserID == "u-1" }, nil},
	{"email: a@x.example", emailOK, emailNo, true, func(w modelWorld) bool { return w.person.Email == "a@x.example" }, nil},
	{"email: {in: [b@y.example, c@y.example]}", emailOK, emailNo, true, func(w modelWorld) bool { return w.person.Email == "b@y.example" }, nil},
	{"email: {not: a@x.example}", emailOK, emailNo, true, func(w modelWorld) bool { return w.person.Email != "a@x.example" }, nil},
	{"email: {starts_with: a, ends_with: example}", emailOK, emailNo, true, func(w modelWorld) bool { return w.person.Email == "a@x.example" }, nil},
	{"domain: X.example", "domain-ok", "domain-unauthorized", true, func(w modelWorld) bool { return w.person.Email == "a@x.example" }, nil},
	{"domain: {in: [y.example]}", "domain-ok", "domain-unauthorized", true, func(w modelWorld) bool { return w.person.Email == "b@y.example" }, nil},
	{"groups: g", "groups-ok", "groups-unauthorized", true, func(w modelWorld) bool { return slices.Contains(w.person.Groups, "g") }, nil},
	{"groups: h", "groups-ok", "groups-unauthorized", true, func(w modelWorld) bool { return slices.Contains(w.person.Groups, "h") }, nil},
	{"groups: {exclude: g}", "groups-ok", "groups-unauthorized", true, func(w modelWorld) bool { return !slices.Contains(w.person.Groups, "g") }, nil},
	{"claim/k: v", "claim-ok", "claim-unauthorized", true, func(w modelWorld) bool { return w.person.Claims["k"] == "v" }, nil},
	{"claim/k: w", "claim-ok", "claim-unauthorized", true, func(w modelWorld) bool { return w.person.Claims["k"] == "w" }, nil},
	{"claim/k.n: {exclude: v}", "claim-ok", "claim-unauthorized", true, func(w modelWorld) bool { return true }, nil},
	{"http_method: GET", methodOK, methodNo, false, func(w modelWorld) bool { return w.request.Method == "GET" }, nil},
	{"http_method: {in: [PUT, POST]}", methodOK, methodNo, false, func(w modelWorld) bool { return w.request.Method == "PUT" }, nil},
	{"http_path: {starts_with: /a}", pathOK, pathNo, false, func(w modelWorld) bool { return w.request.Path == "/a" }, nil},
	{"http_path: {not_in: [/a]}", pathOK, pathNo, false, func(w modelWorld) bool { return w.request.Path != "/a" }, nil},
	{"source_ip: 10.0.0.0/8", "source-ip-ok", "source-ip-unauthorized", false, func(w modelWorld) bool { return w.request.IP.As4()[0] == 10 }, nil},
	{"source_ip: [192.0.2.1]", "source-ip-ok", "source-ip-unauthorized", false, func(w modelWorld) bool { return w.request.IP.As4()[0] == 192 }, nil},
	{"cors_preflight: true", "cors-request", "non-cors-request", false, func(w modelWorld) bool {
		_, ok := w.request.header("Origin")
		return w.request.Method == "OPTIONS" && ok
	}, nil},
	{"invalid_client_certificate: true", "client-certificate-required", "valid-client-certificate", false, func(w modelWorld) bool {
		return !w.request.ClientCertificate.Valid
	}, nil},
})

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

func (c modelCriterion) result(w modelWorld, doubt bool) modelResult {
	if c.session && w.person == nil {
		return modelResult{false, reasons(nobody)}
	}
	if c.verdict != nil {
		truth, reason := c.verdict(w, doubt)
		return modelResult{truth, reasons(reason)}
	}
	if c.test(w) {
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

func modelAction(groups []modelGroup, deny bool, w modelWorld) modelResult {
	var results []modelResult
	for _, g := range groups {
		var each []modelResult
		session := false
		for _, c := range g.criteria {
			session = session || c.session
			each = append(each, c.result(w, deny != g.op.negated()))
		}
		one := join(g.op == operatorAnd || g.op == operatorNor, each)
		if g.op.negated() {
			one.truth = !one.truth
			if session && w.person == nil && !deny {
				one.truth = false
			}
		}
		results = append(results, one)
	}
	return join(false, results)
}

// modelDecision is what the whole document means.
func modelDecision(rules []modelRules, w modelWorld) Decision {
	var allow, deny []modelGroup
	for _, rs := range rules {
		allow, deny = append(allow, rs.allow...), append(deny, rs.deny...)
	}
	a, n := modelAction(allow, false, w), modelAction(deny, true, w)
	sorted := func(s []string) []string { slices.Sort(s); return slices.Compact(s) }
	out := Decision{Allow: a.truth, Deny: n.truth, AllowReasons: sorted(a.reasons), DenyReasons: sorted(n.reasons), Reusable: true}
	both := append(slices.Clone(out.AllowReasons), out.DenyReasons...)
	if slices.Contains(both, reasonDeviceUnauthenticated) || slices.Contains(both, deviceNo) {
		all := append(allow, deny...)
		out.DeviceType, out.DeviceVerify = modelDeviceType(all), modelAsks(all, "user_verified: true")
		out.DeviceApproval = modelAsks(all, "device: {approved: true")
	}
	switch {
	case slices.Contains(out.DenyReasons, "client-certificate-required"):
		out.Outcome = ClientCertificateRequired
	case slices.Contains(both, nobody):
		out.Outcome = SignIn
	case !a.truth && !n.truth && slices.Contains(out.AllowReasons, reasonSignedInLongAgo),
		n.truth && slices.Contains(out.DenyReasons, reasonSignedInLongAgo):
		out.Outcome = SignInAgain
	case slices.Contains(both, reasonDeviceUnauthenticated):
		out.Outcome = DeviceNeeded
	case a.truth && !n.truth:
		out.Outcome = Allow
	}
	return out
}

// modelRequests are those in which every criterion of the model varies.
func modelRequests() []Request {
	var out []Request
	for i, method := range []string{"GET", "PUT", "OPTIONS"} {
		for j, path := range []string{"/a", "/b"} {
			for k, ip := range []string{"10.1.1.1", "192.0.2.1"} {
				r := Request{Method: method, Path: path, IP: netip.MustParseAddr(ip), RawQuery: modelQueries[len(out)%len(modelQueries)]}
				if (i+j+k)%2 == 0 {
					r.Header = headers(map[string]string{"Origin": "https://x.example", "Access-Control-Request-Method": "GET", "X-Env": path[1:]})
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
	worlds := newModelWorlds(t)
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
			w, f := worlds.next(r)
			want := modelDecision(rules, w)
			sameMeaning(t, want, p.Evaluate(t.Context(), f))
			// From memory, after whatever was asked before, at whatever time.
			sameMeaning(t, want, p.Decide(t.Context(), f))
			sameMeaning(t, want, p.Decide(t.Context(), f))
			if t.Failed() {
				t.Fatalf("seed %d, at %v, record %v, person %+v, request %+v:\n%s\n%s", seed, w.now, w.record, w.person, w.request, text, p.Rego())
			}
		}
	}
}

func TestDenyBeatsAllowAndOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	worlds := newModelWorlds(t)
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
		for range 8 {
			_, f := worlds.next(r)
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
