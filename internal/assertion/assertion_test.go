package assertion

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
)

func derived(t *testing.T, b byte) *ecdsa.PrivateKey {
	t.Helper()
	key, err := DeriveKey([32]byte{b})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestDeriveKeyIsTheSameEverywhere(t *testing.T) {
	if !derived(t, 1).Equal(derived(t, 1)) {
		t.Error("one seed gave two keys")
	}
	if derived(t, 1).Equal(derived(t, 2)) {
		t.Error("two seeds gave one key")
	}
}

func TestSignedClaimsVerifyAgainstTheKeySet(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		keys []crypto.Signer
		want jose.SignatureAlgorithm
	}{
		"derived":            {[]crypto.Signer{derived(t, 1)}, jose.ES256},
		"another curve":      {[]crypto.Signer{p384}, jose.ES384},
		"RSA":                {[]crypto.Signer{rsaKey}, jose.RS256},
		"first of two signs": {[]crypto.Signer{derived(t, 1), rsaKey}, jose.ES256},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := New(tc.keys)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := m.Sign(map[string]any{"sub": "u"})
			if err != nil {
				t.Fatal(err)
			}
			body, etag := m.JWKS()
			var set jose.JSONWebKeySet
			if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) != len(tc.keys) || etag == "" {
				t.Fatalf("key set %s, etag %q: %v", body, etag, err)
			}
			for _, k := range set.Keys {
				if !k.IsPublic() {
					t.Error("a private key is published")
				}
			}
			token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{tc.want})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]any{}
			if err := token.Claims(set.Key(token.Headers[0].KeyID)[0], &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]any{"sub": "u"}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string][]crypto.Signer{"no key": nil, "Ed25519": {ed}, "P-224": {p224}} {
		if _, err := New(keys); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	key, err := DeriveKey([32]byte{1})
	if err != nil {
		b.Fatal(err)
	}
	m, err := New([]crypto.Signer{key})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.Sign(map[string]any{"sub": "u"}); err != nil {
			b.Fatal(err)
		}
	}
}
