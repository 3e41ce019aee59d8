package testidp

// A Lie is one way to break the promises of a provider.
type Lie string

// Lies in the ID token. A client must refuse the sign-in for each.
const (
	WrongNonce            Lie = "another nonce"
	NoNonce               Lie = "no nonce"
	WrongIssuer           Lie = "another iss"
	NoIssuer              Lie = "no iss"
	NoSubject             Lie = "no sub"
	WrongAudience         Lie = "an aud that is another client's"
	NoAudience            Lie = "no aud"
	SecondAudience        Lie = "a second aud and the azp of the other client"
	WrongAzp              Lie = "an azp that is another client's"
	NoIssuedAt            Lie = "no iat"
	OldToken              Lie = "iat and exp long past"
	FutureToken           Lie = "iat and nbf an hour ahead"
	NoExpiry              Lie = "no exp"
	AlgNone               Lie = "alg none"
	AlgHS256PublicKey     Lie = "HS256 with the RSA public key as secret"
	AlgHS256Secret        Lie = "HS256 with the client secret"
	BadSignature          Lie = "a signature with one bit changed"
	OtherKey              Lie = "signed by a stranger under our kid"
	EmbeddedKey           Lie = "signed by a stranger whose key is in the header"
	UnknownKid            Lie = "a kid that was never published, another each time"
	PathKid               Lie = "a kid that is a path"
	WrongAccessTokenHash  Lie = "the at_hash of another access token"
	NoIDToken             Lie = "no ID token at all"
	GarbageIDToken        Lie = "an ID token that is no JWT"
	UnverifiedEmail       Lie = "email_verified false"
	EmailOfTwoHosts       Lie = "the e-mail a@evil.example@example.com"
	OtherSubjectOnRefresh Lie = "another sub when refreshed"
)

// Habits that are odd and honest: a client should cope.
const (
	NoKid               Lie = "no kid in the header"
	TwoKeys             Lie = "a second key in the JWKS"
	RotateBeforeSigning Lie = "a new key just before each signature"
	ThinIDToken         Lie = "e-mail, name and groups in userinfo only"
	VerifiedAsText      Lie = `email_verified as the text "true"`
	NoIDTokenOnRefresh  Lie = "no ID token when refreshed"
	NoRotation          Lie = "no new refresh token when refreshed"
	NoRefreshToken      Lie = "no refresh token"
	SignedUserinfo      Lie = "userinfo as a signed JWT"
)

// Lies of the other endpoints.
const (
	DiscoveryOtherIssuer Lie = "discovery for another issuer"
	DiscoveryGarbage     Lie = "discovery that is no JSON"
	NoPKCE               Lie = "no PKCE announced"
	IgnorePKCE           Lie = "any code_verifier is good"
	ReplayCodes          Lie = "a code is good twice"
	NoEndSession         Lie = "no end_session_endpoint"
	WrongIss             Lie = "an iss parameter that is another provider's"
	NoIss                Lie = "the iss parameter is announced and missing"
	IssUnannounced       Lie = "no iss parameter, and none announced"
	WrongState           Lie = "another state comes back"
	AccessDenied         Lie = "the person said no"
	ServerError          Lie = "authorize comes back with server_error"
	LoginRequired        Lie = "authorize comes back with login_required"
	UserinfoOtherSubject Lie = "userinfo of another sub"
	UserinfoNoSubject    Lie = "userinfo without sub"
	RefuseRefresh        Lie = "invalid_grant for every refresh token"
)

// Faults.
const (
	Down           Lie = "every connection is cut"
	Broken         Lie = "status 500 everywhere"
	BrokenKeys     Lie = "status 500 from the JWKS"
	GarbageKeys    Lie = "a JWKS that is no JSON"
	EmptyKeys      Lie = "a JWKS without keys"
	BrokenToken    Lie = "status 500 from the token endpoint"
	CutToken       Lie = "the token endpoint cuts the connection after doing its work"
	BrokenUserinfo Lie = "status 500 from userinfo"
	Endless        Lie = "64 MiB from every endpoint"
)

// TokenLies are the lies in the ID token that a client must refuse a sign-in
// for, to walk through in a table. The e-mail lies are for Cardea to refuse, not
// for OpenID Connect.
func TokenLies() []Lie {
	return []Lie{
		WrongNonce, NoNonce, WrongIssuer, NoIssuer, NoSubject, WrongAudience, NoAudience, SecondAudience, WrongAzp,
		NoIssuedAt, OldToken, FutureToken, NoExpiry, AlgNone, AlgHS256PublicKey, AlgHS256Secret, BadSignature, OtherKey,
		EmbeddedKey, UnknownKid, PathKid, WrongAccessTokenHash, NoIDToken, GarbageIDToken,
	}
}
