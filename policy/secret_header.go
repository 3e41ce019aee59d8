package policy

import "strings"

// SecretHeader reports whether a header of a request may hold what signs its
// sender in, here or elsewhere. Its value is not shown, logged, recorded or
// given to hand-written Rego, which could print it. The name is read whatever
// its case.
//
// All of X-Pomerium-* is ours: the session token, the assertion and what else
// speaks for a person.
func SecretHeader(name string) bool {
	switch name = strings.ToLower(name); name {
	case "authorization", "cookie", "proxy-authorization", "set-cookie":
		return true
	}
	return strings.HasPrefix(name, "x-pomerium-")
}
