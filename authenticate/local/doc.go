// Package local is the built-in identity provider: a true OpenID Connect
// issuer on the sign-in host, for people named in the configuration.
//
// It is an issuer like any other, so Cardea knows one way to sign people in:
// authenticate is its one client, by the code flow with PKCE (RFC 7636).
//
//	config        people, their groups and argon2id hashes      -> Apply
//	browser       authorize, login, end_session                 -> a code, for the client's own redirect URI only
//	authenticate  discovery, keys, token, userinfo by Transport -> signed claims, in process
//	databroker    sittings, refresh families, made passwords    <- written for signed-in people only
//
// In the order a sign-in meets the files:
//
//	provider.go   Options, New, Apply, Handler, Transport
//	people.go     who there is; one spelling of an e-mail
//	made.go       a password for those who have no hash
//	authorize.go  the client's question -> a sealed request, nothing stored
//	login.go      the page and its form -> a sitting and a code
//	password.go   argon2id hashes, bounded
//	gate.go       how many guesses are worked on at once
//	throttle.go   how many guesses an account and an address have
//	sitting.go    the cookie that spares the second password
//	token.go      code or refresh token -> tokens
//	family.go     refresh tokens: rotation and reuse
//	storage.go    what the protocol library asks of us
//	signout.go    end_session
//	answer.go     what a stranger sees when something fails
//
// Sessions, tickets and the way back to the route are authenticate's; this
// package never sees them. The protocol is parsed and signed by
// github.com/zitadel/oidc; docs/decisions/0003 says which of its doors are open.
package local
