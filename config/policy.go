package config

import (
	"errors"
	"strings"

	"github.com/cardea-proxy/cardea/policy"
	"gopkg.in/yaml.v3"
)

// readPolicy parses the policy language under the key "policy" of a route. Its
// errors are placed at their own lines of the document.
func (l *loading) readPolicy(n *yaml.Node, key string, r *Route) {
	doc, err := policy.ParseNode(n)
	if err == nil {
		r.Policy.Documents = append(r.Policy.Documents, doc)
		return
	}
	var all policy.Errors
	if !errors.As(err, &all) {
		l.refuse(key, err.Error(), "")
		return
	}
	for _, e := range all {
		l.refuseAt(e.Line, key+strings.TrimPrefix(e.Path, "policy"), e.Problem, e.Want)
	}
}

// policySource makes the union of everything that is said about who may use r.
func (l *loading) policySource(r *Route) {
	r.Policy.Shorthand = policy.Shorthand{
		Public:        r.AllowPublicUnauthenticatedAccess,
		AnyUser:       r.AllowAnyAuthenticatedUser,
		CORSPreflight: r.CORSAllowPreflight,
		Users:         r.AllowedUsers,
		Domains:       r.AllowedDomains,
		Claims:        r.AllowedIDPClaims,
	}
	asked := len(l.c.ClientCA) > 0 || len(r.DownstreamClientCA) > 0
	r.Policy.DenyInvalidClientCertificate = asked && l.c.DownstreamMTLS.Enforcement != MTLSPolicy
}
