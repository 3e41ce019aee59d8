package policy

// A Source is everything said about who may use one route. All of it is one
// union: any allow suffices, any deny outranks every allow, and an empty
// Source lets nobody in.
type Source struct {
	Shorthand Shorthand
	Documents []*Document
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
