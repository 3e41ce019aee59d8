package ceremony_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/authenticate/device/softkey"
	"github.com/google/go-cmp/cmp"
)

// posted is an answer of either kind as a page posts it, in bytes.
type posted struct {
	ID       string `json:"id"`
	RawID    string `json:"rawId"`
	Type     string `json:"type"`
	Response struct {
		ClientDataJSON    string `json:"clientDataJSON"`
		AttestationObject string `json:"attestationObject,omitempty"`
		AuthenticatorData string `json:"authenticatorData,omitempty"`
		Signature         string `json:"signature,omitempty"`
	} `json:"response"`
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unb64(s string) []byte {
	b, _ := base64.RawURLEncoding.DecodeString(s)
	return b
}

// named reports whether err wraps one of the refusals that pages explain.
func named(err error) bool {
	for _, refusal := range []error{
		ceremony.ErrMalformed, ceremony.ErrChallenge, ceremony.ErrOrigin, ceremony.ErrOtherPerson, ceremony.ErrOtherDevice,
		ceremony.ErrUserPresence, ceremony.ErrUserVerification, ceremony.ErrAlgorithm, ceremony.ErrSignature, ceremony.ErrFormat,
		ceremony.ErrAttestation, ceremony.ErrNotAttested, ceremony.ErrNotPlatform, ceremony.ErrSyncedPasskey, ceremony.ErrBackupChanged,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// FuzzRegistration: no answer makes it panic, every refusal has its name, and
// what is taken is taken again, the same.
func FuzzRegistration(f *testing.F) {
	vouching := authority(f)
	p := party(f, vouching.Pool())
	question, err := p.CreationOptions(alice, ceremony.Any, challenge, nil, ceremony.VerificationPreferred)
	if err != nil {
		f.Fatal(err)
	}
	for _, format := range []string{softkey.None, softkey.PackedSelf, softkey.Packed, softkey.TPM, softkey.Apple, softkey.Android, softkey.U2F} {
		for _, algorithm := range []int{softkey.ES256, softkey.RS256} {
			if format == softkey.U2F && algorithm == softkey.RS256 {
				continue // there are none
			}
			model := hello
			if format == softkey.U2F {
				model = [16]byte{}
			}
			key := softkey.New(softkey.Options{Format: format, Algorithm: algorithm, AAGUID: model, Extensions: true, Authority: vouching})
			_, answer := create(f, p, key, ceremony.Any, ceremony.VerificationPreferred)
			var parts posted
			if err := json.Unmarshal(answer, &parts); err != nil {
				f.Fatal(err)
			}
			f.Add(answer, unb64(parts.RawID), unb64(parts.Response.ClientDataJSON), unb64(parts.Response.AttestationObject))
		}
	}
	f.Fuzz(func(t *testing.T, whole, id, client, object []byte) {
		parts := posted{ID: b64(id), RawID: b64(id), Type: "public-key"}
		parts.Response.ClientDataJSON, parts.Response.AttestationObject = b64(client), b64(object)
		for _, answer := range [][]byte{whole, encoded(t, parts)} {
			got, err := p.VerifyRegistration(question, answer)
			if (got == nil) == (err == nil) || err != nil && !named(err) {
				t.Fatalf("got %+v, %v", got, err)
			}
			if err != nil {
				continue
			}
			if n := len(got.CredentialID); n < 1 || n > 1023 || len(got.PublicKey) == 0 || string(got.OwnerID) != string(alice.ID) {
				t.Errorf("taken: %+v", got)
			}
			again, err := p.VerifyRegistration(question, answer)
			if err != nil || cmp.Diff(got, again) != "" {
				t.Errorf("again: %+v, %v", again, err)
			}
		}
	})
}

// FuzzAssertion: no answer makes it panic, every refusal has its name, and what
// is taken bears the signature that the device made.
func FuzzAssertion(f *testing.F) {
	// Each fuzzing process makes its own device, so all must be the same one.
	signer, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{9}, 32))
	if err != nil {
		f.Fatal(err)
	}
	p, key := party(f, nil), softkey.New(softkey.Options{Extensions: true})
	key.Lies.Signer, key.Lies.AnyCredential = signer, true
	stored := registered(f, p, key)
	stored.ID = []byte("device")
	key.Lies.Answer = func(outer, _ map[string]any) { outer["id"], outer["rawId"] = b64(stored.ID), b64(stored.ID) }
	q, err := p.RequestOptions(alice.ID, []ceremony.Credential{stored}, challenge, ceremony.VerificationPreferred)
	if err != nil {
		f.Fatal(err)
	}
	answer, err := key.Get(origin, encoded(f, q))
	if err != nil {
		f.Fatal(err)
	}
	var honest posted
	if err := json.Unmarshal(answer, &honest); err != nil {
		f.Fatal(err)
	}
	f.Add(answer, unb64(honest.Response.ClientDataJSON), unb64(honest.Response.AuthenticatorData), unb64(honest.Response.Signature))
	f.Fuzz(func(t *testing.T, whole, client, authData, signature []byte) {
		parts := posted{ID: b64(stored.ID), RawID: b64(stored.ID), Type: "public-key"}
		parts.Response.ClientDataJSON, parts.Response.AuthenticatorData, parts.Response.Signature = b64(client), b64(authData), b64(signature)
		for _, answer := range [][]byte{whole, encoded(t, parts)} {
			got, err := p.VerifyAssertion(q, stored, answer)
			if (got == nil) == (err == nil) || err != nil && !named(err) {
				t.Fatalf("got %+v, %v", got, err)
			}
			if err != nil {
				continue
			}
			var taken posted
			if err := json.Unmarshal(answer, &taken); err != nil {
				t.Fatal(err)
			}
			if taken.Response.ClientDataJSON != honest.Response.ClientDataJSON || taken.Response.AuthenticatorData != honest.Response.AuthenticatorData {
				t.Errorf("taken, and the device never signed it: %s", answer)
			}
		}
	})
}
