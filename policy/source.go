package policy

// A Source is everything said about who may use one route. All of it is one
// union: any allow suffices, any deny outranks every allow, and an empty
// Source lets nobody in.
type Source struct {
	Shorthand Shorthand
	Documents []*Document
	// Policies are the named ones that the route uses, those that are enforced
	// on every route included. One with Shadow set decides nothing.
	Policies []*Policy
	// DenyInvalidClientCertificate adds the rule of downstream_mtls that
	// refuses a missing or invalid client certificate.
	DenyInvalidClientCertificate bool
}

// Shorthand holds the route keys that are policies in short.
type Shorthand struct {
	Public        bool                // allow_public_unauthenticated_access
	AnyUser       bool                // allow_any_authenticated_user
	CORSPreflight bool                // cors_allow_preflight
	Users         []string            // allowed_users: e-mail addresses or user ids
	Domains       []string            // allowed_domains
	Claims        map[string][]string // allowed_idp_claims
}

// A Policy is one that has a name: a route uses it by that, or it is enforced
// on all routes. It is immutable and shared by the routes that use it.
type Policy struct {
	Name      string
	File      string // where it stands, for messages; "" where no file says it
	Line      int    // 1-based; 0 where unknown
	Shorthand Shorthand
	Documents []*Document
	Rego      []*Module // hand-written
	// Explanation and Remediation are Markdown for whoever it keeps out.
	Explanation string
	Remediation string
	// Shadow says that it judges beside the others without effect.
	Shadow bool
	// Enforced says that it is on every route.
	Enforced bool
}
