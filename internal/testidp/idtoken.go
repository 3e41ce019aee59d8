package testidp

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// idToken makes the ID token of a grant, honest but for the lies.
func (i *IDP) idToken(g grant, access string, refreshed bool) (string, error) {
	if i.lying(GarbageIDToken) {
		return "not.a.token", nil
	}
	now := i.now()
	sum := sha256.Sum256([]byte(access))
	claims := map[string]any{
		"iss": i.issuer, "aud": i.o.ClientID, "azp": i.o.ClientID,
		"iat": now.Unix(), "exp": now.Add(i.o.TokenLifetime).Unix(), "auth_time": g.authTime.Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]), "jti": rand.Text(),
	}
	if g.nonce != "" && !refreshed {
		claims["nonce"] = g.nonce
	}
	maps.Copy(claims, i.personal(g, !i.lying(ThinIDToken)))
	i.twist(claims, refreshed)
	return i.sign(claims)
}

// personal returns the claims about the person.
func (i *IDP) personal(g grant, all bool) map[string]any {
	claims := map[string]any{"sub": g.user.Sub}
	if !all {
		return claims
	}
	if g.user.Email != "" {
		claims["email"], claims["email_verified"] = g.user.Email, true
	}
	if g.user.Name != "" {
		claims["name"] = g.user.Name
	}
	if g.user.Groups != nil {
		claims["groups"] = g.user.Groups
	}
	maps.Copy(claims, g.user.Claims)
	switch {
	case i.lying(UnverifiedEmail):
		claims["email_verified"] = false
	case i.lying(VerifiedAsText):
		claims["email_verified"] = "true"
	}
	if i.lying(EmailOfTwoHosts) {
		claims["email"] = "a@evil.example@example.com"
	}
	return claims
}

// twist changes claims as the lies want it.
func (i *IDP) twist(claims map[string]any, refreshed bool) {
	const long = 24 * time.Hour
	now := i.now()
	for lie, change := range map[Lie]func(){
		WrongNonce:           func() { claims["nonce"] = rand.Text() },
		NoNonce:              func() { delete(claims, "nonce") },
		WrongIssuer:          func() { claims["iss"] = "https://evil.example" },
		NoIssuer:             func() { delete(claims, "iss") },
		NoSubject:            func() { delete(claims, "sub") },
		WrongAudience:        func() { claims["aud"], claims["azp"] = "another-client", "another-client" },
		NoAudience:           func() { delete(claims, "aud") },
		SecondAudience:       func() { claims["aud"], claims["azp"] = []string{"another-client", i.o.ClientID}, "another-client" },
		WrongAzp:             func() { claims["azp"] = "another-client" },
		NoIssuedAt:           func() { delete(claims, "iat") },
		NoExpiry:             func() { delete(claims, "exp") },
		WrongAccessTokenHash: func() { claims["at_hash"] = base64.RawURLEncoding.EncodeToString(make([]byte, 16)) },
		OldToken: func() {
			claims["iat"], claims["exp"] = now.Add(-long).Unix(), now.Add(-long+time.Hour).Unix()
		},
		FutureToken: func() {
			claims["iat"], claims["nbf"], claims["exp"] = now.Add(time.Hour).Unix(), now.Add(time.Hour).Unix(), now.Add(long).Unix()
		},
		OtherSubjectOnRefresh: func() {
			if refreshed {
				claims["sub"] = "somebody else"
			}
		},
	} {
		if i.lying(lie) {
			change()
		}
	}
}

// sign signs claims, honestly but for the lies.
func (i *IDP) sign(claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	if i.lying(RotateBeforeSigning) {
		if err := i.RotateKey(); err != nil {
			return "", err
		}
	}
	k := i.signingKey()
	algorithm, header := i.algorithm(), map[string]any{"typ": "JWT", "kid": k.id}
	var signer any = k.private
	switch {
	case i.lying(AlgNone):
		return encode(map[string]any{"alg": "none", "typ": "JWT"}) + "." + base64.RawURLEncoding.EncodeToString(payload) + ".", nil
	case i.lying(AlgHS256PublicKey):
		algorithm, signer = jose.HS256, publicPEM(k.private.Public())
	case i.lying(AlgHS256Secret):
		algorithm, signer = jose.HS256, padded(i.o.ClientSecret)
		delete(header, "kid")
	case i.lying(OtherKey), i.lying(EmbeddedKey):
		stranger, err := i.newKey()
		if err != nil {
			return "", err
		}
		signer = stranger.private
		if i.lying(EmbeddedKey) {
			header["jwk"] = jose.JSONWebKey{Key: stranger.private.Public(), KeyID: k.id, Algorithm: string(algorithm)}
		}
	case i.lying(UnknownKid):
		header["kid"] = rand.Text()
	case i.lying(PathKid):
		header["kid"] = "../../../../dev/null"
	case i.lying(NoKid):
		delete(header, "kid")
	}
	token, err := compact(algorithm, signer, header, payload)
	if err == nil && i.lying(BadSignature) {
		token = flip(token)
	}
	return token, err
}

func compact(algorithm jose.SignatureAlgorithm, key any, header map[string]any, payload []byte) (string, error) {
	options := &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func encode(v map[string]any) string {
	b, _ := json.Marshal(v) // a map of texts can be written
	return base64.RawURLEncoding.EncodeToString(b)
}

func publicPEM(key crypto.PublicKey) []byte {
	der, _ := x509.MarshalPKIXPublicKey(key) // a key we made can be written
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// padded lengthens a secret to what HS256 asks for.
func padded(secret string) []byte { return append([]byte(secret), make([]byte, 32)...) }

// flip changes one bit in the middle of the signature.
func flip(token string) string {
	at := strings.LastIndexByte(token, '.') + 1
	signature, err := base64.RawURLEncoding.DecodeString(token[at:])
	if err != nil {
		return token
	}
	signature = slices.Clone(signature)
	signature[len(signature)/2] ^= 1
	return token[:at] + base64.RawURLEncoding.EncodeToString(signature)
}
