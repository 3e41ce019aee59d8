// Package testidp is an OpenID Connect provider for tests that can lie.
//
// It is a true provider: discovery, keys, the code flow with PKCE, refresh
// tokens that rotate, userinfo, end_session. Told to, it lies in one of the
// ways that a relying party must see through, such as another nonce or an
// unsigned token; lie.go lists them all.
//
//	idp := testidp.Start(t, testidp.Options{})
//	idp.SetUser(testidp.User{Sub: "1", Email: "ann@example.com"})
//	idp.Lie(testidp.WrongNonce)
//
// A person is signed in without a page, or by a form of one button. Everything
// asked is counted and kept, so that a test can say what a client must have
// sent. The core needs no package of testing: Listen serves a process too.
//
//	idp.go        Options, Listen, Start, what a test sets and reads
//	lie.go        the lies
//	key.go        signing keys, their rotation, JWKS
//	discovery.go  what it says of itself
//	authorize.go  the browser's way in and back
//	token.go      codes and refresh tokens -> tokens
//	idtoken.go    claims, honest and not
//	userinfo.go   claims again, and end_session
package testidp
