package ceremony_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/authenticate/device/softkey"
	"github.com/pomerium/webauthn"
)

// library runs the library alone over a registration, and turns a panic into an
// error that says so.
func library(t *testing.T, c *ceremony.Creation, answer []byte) (err error) {
	t.Helper()
	var options webauthn.PublicKeyCredentialCreationOptions
	var credential webauthn.PublicKeyCreationCredential
	for into, raw := range map[any][]byte{&options: encoded(t, c), &credential: answer} {
		if err := json.Unmarshal(raw, into); err != nil {
			return err
		}
	}
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("panic: %v", problem)
		}
	}()
	party := webauthn.NewRelyingParty(origin, webauthn.NewInMemoryCredentialStorage())
	_, err = party.VerifyRegistrationCeremony(t.Context(), &options, &credential)
	return err
}

// p256Where returns a key whose coordinates begin with bytes that will do.
func p256Where(t *testing.T, will func(x, y byte) bool) *ecdsa.PrivateKey {
	t.Helper()
	for {
		key := newP256(t)
		if point, err := key.PublicKey.Bytes(); err != nil {
			t.Fatal(err)
		} else if will(point[1], point[33]) {
			return key
		}
	}
}

// TestWhatTheLibraryLeavesToUs holds the list in docs/decisions/0015-webauthn.md
// against the library: each lie passes it, or stops it, and our check stands
// before. When this fails, the library has changed, and the list with it.
func TestWhatTheLibraryLeavesToUs(t *testing.T) {
	t.Parallel()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	full := p256Where(t, func(x, y byte) bool { return x != 0 && y != 0 })
	short := p256Where(t, func(x, _ byte) bool { return x == 0 })
	const passes, refuses, panics = "passes", "refuses", "panics"
	for _, tc := range []struct {
		name string
		key  softkey.Options
		lies softkey.Lies
		lib  string // what the library does
		ours bool   // whether we take it
	}{
		{"an honest answer", softkey.Options{}, softkey.Lies{}, passes, true},
		{"another origin, for comparison", softkey.Options{}, client("origin", "https://evil.example"), refuses, false},
		{"a subdomain", softkey.Options{}, client("origin", "https://evil.login.example.com"), passes, false},
		{"another port", softkey.Options{}, client("origin", origin+":444"), passes, false},
		{"another scheme", softkey.Options{}, client("origin", "http://login.example.com"), passes, false},
		{"a frame of another site", softkey.Options{}, client("crossOrigin", true), passes, false},
		{"the origin twice", softkey.Options{}, softkey.Lies{ClientJSON: replaced(`{`, `{"ORIGIN":"https://evil.example",`)}, passes, false},
		{"backed up and not eligible", softkey.Options{BackedUp: true}, softkey.Lies{}, passes, false},
		{"no credential", softkey.Options{}, softkey.Lies{AuthData: func(b []byte) []byte { b = slices.Clone(b[:37]); b[32] &^= 0x40; return b }}, panics, false},
		{"the id of another credential", softkey.Options{}, softkey.Lies{Answer: func(m, _ map[string]any) { m["id"], m["rawId"] = "AAAA", "AAAA" }}, passes, false},
		{"another type of credential", softkey.Options{}, outer("type", "password"), passes, false},
		{"bytes behind the authenticator data", softkey.Options{}, softkey.Lies{AuthData: appended(1, 2, 3)}, passes, false},
		{"bytes behind the attestation object", softkey.Options{}, softkey.Lies{Object: appended(1, 2, 3)}, passes, false},
		{"an exponent of 65 bits", softkey.Options{Algorithm: softkey.RS256}, softkey.Lies{COSEKey: func(m map[int]any) { m[-2] = []byte{1, 0, 0, 0, 0, 0, 1, 0, 1} }}, passes, false},
		{"a point off the curve", softkey.Options{}, softkey.Lies{COSEKey: func(m map[int]any) { m[-3] = slices.Repeat([]byte{3}, 32) }}, passes, false},
		{"an RSA key of 1024 bits", softkey.Options{Algorithm: softkey.RS256}, softkey.Lies{COSEKey: func(m map[int]any) { m[-1] = slices.Repeat([]byte{0xff}, 128) }}, passes, false},
		{"another label in the key", softkey.Options{}, softkey.Lies{COSEKey: func(m map[int]any) { m[4] = []int{2} }}, passes, false},
		{"tagged CBOR", softkey.Options{}, softkey.Lies{Object: func(b []byte) []byte { return append([]byte{0xd9, 0xd9, 0xf7}, b...) }}, passes, false},
		{"fmt twice", softkey.Options{}, softkey.Lies{Object: func(b []byte) []byte {
			return append(append([]byte{0xa4}, b[1:]...), 0x63, 'f', 'm', 't', 0x64, 'n', 'o', 'n', 'e')
		}}, passes, false},
		{"packed, for another model", softkey.Options{Format: softkey.Packed, AAGUID: hello}, softkey.Lies{AuthData: func(b []byte) []byte { b[40] ^= 1; return b }}, passes, false},
		{"apple, for another key", softkey.Options{Format: softkey.Apple}, softkey.Lies{CertifiedKey: other.Public()}, passes, false},
		{"tpm, for another RSA key", softkey.Options{Format: softkey.TPM, Algorithm: softkey.RS256}, softkey.Lies{TPM: softkey.TPMLies{Key: other.Public()}}, passes, false},
		{"tpm, honest, elliptic", softkey.Options{Format: softkey.TPM}, softkey.Lies{}, refuses, true},
		{"tpm, of a handle", softkey.Options{Format: softkey.TPM, Algorithm: softkey.RS256}, softkey.Lies{TPM: softkey.TPMLies{CertInfo: func(b []byte) []byte {
			return append(append(slices.Clone(b[:len(b)-72]), 0, 4, 0x80, 0, 0, 1), b[len(b)-36:]...)
		}}}, panics, false},
		{"android-key, brought to the device, behind a NULL", softkey.Options{Format: softkey.Android}, softkey.Lies{AndroidKey: func(k *softkey.AndroidKey) {
			k.Hardware[len(k.Hardware)-1] = softkey.Field(702, 2, 1, 2)
		}}, passes, false},
		{"android-key, of all applications", softkey.Options{Format: softkey.Android}, softkey.Lies{AndroidKey: func(k *softkey.AndroidKey) {
			k.Software = append(k.Software, softkey.Field(600, 5, 0))
		}}, passes, false},
		{"fido-u2f, honest", softkey.Options{Format: softkey.U2F}, softkey.Lies{Signer: full}, passes, true},
		{"fido-u2f, honest, of a key that begins with a zero", softkey.Options{Format: softkey.U2F}, softkey.Lies{Signer: short}, refuses, true},
		{"android-key, honest, RSA", softkey.Options{Format: softkey.Android, Algorithm: softkey.RS256}, softkey.Lies{}, refuses, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, key := party(t, nil), softkey.New(tc.key)
			key.Lies = tc.lies
			c, answer := create(t, p, key, ceremony.Any, ceremony.VerificationPreferred)
			got, err := passes, library(t, c, answer)
			if err != nil {
				got = refuses
				if len(err.Error()) > 6 && err.Error()[:6] == "panic:" {
					got = panics
				}
			}
			if got != tc.lib {
				t.Errorf("the library %s, where it did not before: %v", got, err)
			}
			if _, err := p.VerifyRegistration(c, answer); (err == nil) != tc.ours {
				t.Errorf("we: %v", err)
			}
		})
	}
}

// TestTheLibraryNeedsAUserHandle is the other half of that list.
func TestTheLibraryNeedsAUserHandle(t *testing.T) {
	t.Parallel()
	for discoverable, passes := range map[bool]bool{true: true, false: false} {
		p, key := party(t, nil), softkey.New(softkey.Options{Discoverable: discoverable})
		stored := registered(t, p, key)
		q, err := p.RequestOptions(alice.ID, []ceremony.Credential{stored}, challenge, ceremony.VerificationPreferred)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := key.Get(origin, encoded(t, q))
		if err != nil {
			t.Fatal(err)
		}
		var options webauthn.PublicKeyCredentialRequestOptions
		var credential webauthn.PublicKeyAssertionCredential
		for into, raw := range map[any][]byte{&options: encoded(t, q), &credential: answer} {
			if err := json.Unmarshal(raw, into); err != nil {
				t.Fatal(err)
			}
		}
		storage := webauthn.NewInMemoryCredentialStorage()
		_ = storage.SetCredential(t.Context(), &webauthn.Credential{ID: stored.ID, OwnerID: stored.OwnerID, PublicKey: stored.PublicKey})
		_, err = webauthn.NewRelyingParty(origin, storage).VerifyAuthenticationCeremony(t.Context(), &options, &credential)
		if (err == nil) != passes {
			t.Errorf("user handle told: %v: the library says %v", discoverable, err)
		}
		if _, err := p.VerifyAssertion(q, stored, answer); err != nil {
			t.Errorf("user handle told: %v: we say %v", discoverable, err)
		}
	}
}
