// Package idp speaks to one identity provider: OpenID Connect, and GitHub,
// which has only OAuth 2.0.
//
//	authenticate  AuthCodeURL  a stranger arrives     -> where the browser goes
//	authenticate  Exchange     the browser comes back -> Identity
//	authenticate  Refresh      before tokens expire   -> Identity, newer
//	authenticate  EndSession   sign-out               -> where the browser goes
//
// What comes back is checked here, wholly: signature, issuer, audience, azp,
// nonce, times, the subject of userinfo, a verified e-mail (OpenID Connect Core,
// sections 3.1.3.7 and 5.3.4). What the session becomes is authenticate's matter.
//
// Files, in the order a sign-in meets them: presets.go (defaults of known
// providers), discover.go (metadata, fetched when first needed), idp.go
// (redirect), exchange.go (code for tokens), verify.go (the ID token),
// identity.go (claims into a person), refresh.go, endsession.go, github.go,
// transport.go.
package idp
