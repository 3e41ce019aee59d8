package policy

import "testing"

func TestShorthand(t *testing.T) {
	t.Parallel()
	stranger := Facts{Request: get()}
	preflight := Facts{Request: get()}
	preflight.Request.Method = "OPTIONS"
	preflight.Request.Header = headers(map[string]string{"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"})
	for _, tc := range []struct {
		name  string
		s     Source
		facts Facts
		want  Outcome
	}{
		{"nothing said, nobody", Source{}, signedIn(ada()), Deny},
		{"nothing said, no stranger either", Source{}, stranger, Deny},
		{"public is for all", Source{Shorthand: Shorthand{Public: true}}, stranger, Allow},
		{"any user needs one", Source{Shorthand: Shorthand{AnyUser: true}}, stranger, SignIn},
		{"any user", Source{Shorthand: Shorthand{AnyUser: true}}, signedIn(ada()), Allow},
		{"a user by address", Source{Shorthand: Shorthand{Users: []string{"x", "ada@example.com"}}}, signedIn(ada()), Allow},
		{"a user by id", Source{Shorthand: Shorthand{Users: []string{"u-1"}}}, signedIn(ada()), Allow},
		{"another user", Source{Shorthand: Shorthand{Users: []string{"u-2"}}}, signedIn(ada()), Deny},
		{"an empty user is nobody", Source{Shorthand: Shorthand{Users: []string{""}, Domains: []string{""}}}, signedIn(PersonData{SessionID: "s"}), Deny},
		{"a domain", Source{Shorthand: Shorthand{Domains: []string{"Example.com"}}}, signedIn(ada()), Allow},
		{"another domain", Source{Shorthand: Shorthand{Domains: []string{"example.org"}}}, signedIn(ada()), Deny},
		{"a claim", Source{Shorthand: Shorthand{Claims: map[string][]string{"department": {"sales", "research"}}}}, signedIn(ada()), Allow},
		{"a claim at a path", Source{Shorthand: Shorthand{Claims: map[string][]string{"realm_access/roles": {"writer"}}}}, signedIn(ada()), Allow},
		{"one of several claims", Source{Shorthand: Shorthand{Claims: map[string][]string{"department": {"sales"}, "Case": {"kept"}}}}, signedIn(ada()), Allow},
		{"another value of a claim", Source{Shorthand: Shorthand{Claims: map[string][]string{"department": {"sales"}, "none": {}}}}, signedIn(ada()), Deny},
		{"a preflight goes through", Source{Shorthand: Shorthand{CORSPreflight: true, AnyUser: true}}, preflight, Allow},
		{"nothing else does", Source{Shorthand: Shorthand{CORSPreflight: true, AnyUser: true}}, stranger, SignIn},
		{"a document adds to it", Source{Shorthand: Shorthand{Domains: []string{"example.org"}},
			Documents: []*Document{nil, document(t, "allow: {or: [{groups: admins}]}")}}, signedIn(ada()), Allow},
		{"and its deny outranks it", Source{Shorthand: Shorthand{Public: true},
			Documents: []*Document{document(t, "deny: {or: [{source_ip: 192.0.2.7}]}")}}, stranger, Deny},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if d := compiled(t, tc.s).Decide(t.Context(), tc.facts); d.Outcome != tc.want {
				t.Errorf("Decide = %+v, want %v", d, tc.want)
			}
		})
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	base := func() Source {
		return Source{
			Shorthand: Shorthand{Users: []string{"a", "b"}, Claims: map[string][]string{"x": {"1"}, "y": {"2"}, "z": {"3"}}},
			Documents: []*Document{document(t, "deny: {or: [{source_ip: 10.0.0.0/8}]}")},
		}
	}
	digest := func(s Source) string { return compiled(t, s).Digest() }
	want := digest(base())
	for range 20 {
		if got := digest(base()); got != want {
			t.Fatalf("two digests of one source: %s, %s", want, got)
		}
	}
	same := base()
	same.Documents = []*Document{document(t, "# as before\n- deny:\n    or:\n      - source_ip: ['10.0.0.0/8']\n")}
	if got := digest(same); got != want {
		t.Error("another spelling has another digest")
	}
	if len(want) != 43 {
		t.Errorf("a digest of %d characters", len(want))
	}
	for name, change := range map[string]func(*Source){
		"a user less":          func(s *Source) { s.Shorthand.Users = s.Shorthand.Users[:1] },
		"a claim's other name": func(s *Source) { s.Shorthand.Claims = map[string][]string{"X": {"1"}} },
		"the certificate rule": func(s *Source) { s.DenyInvalidClientCertificate = true },
		"no document":          func(s *Source) { s.Documents = nil },
		"allow for deny": func(s *Source) {
			s.Documents = []*Document{document(t, "allow: {or: [{source_ip: 10.0.0.0/8}]}")}
		},
	} {
		s := base()
		change(&s)
		if digest(s) == want {
			t.Errorf("%s has the same digest", name)
		}
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		ppl  string
		want Reads
	}{
		{"[]", Reads{}},
		{"allow: {or: [{accept: }]}", Reads{}},
		{"allow: {or: [{email: a}]}", Reads{Session: true}},
		{"{allow: {or: [{email: a}]}, deny: {or: [{http_method: PUT}, {http_path: /a}]}}", Reads{Session: true, Method: true, Path: true}},
		{"allow: {or: [{source_ip: 10.0.0.1}]}", Reads{Address: true}},
		{"allow: {or: [{cors_preflight: }]}", Reads{Method: true, Headers: []string{"Access-Control-Request-Method", "Origin"}}},
		{"deny: {or: [{invalid_client_certificate: }]}", Reads{Certificate: true}},
		{"deny: {or: [{client_certificate: {san_dns: a}}]}", Reads{Certificate: true, CertificateLeaf: true}},
	} {
		got := program(t, tc.ppl).Reads()
		if got.Headers == nil {
			got.Headers = []string{}
		}
		if tc.want.Headers == nil {
			tc.want.Headers = []string{}
		}
		if g, w := sprint(got), sprint(tc.want); g != w {
			t.Errorf("%s reads %s, want %s", tc.ppl, g, w)
		}
	}
}
