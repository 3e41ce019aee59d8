package ceremony_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/authenticate/device/softkey"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var hello = [16]byte{0x08, 0x98, 0x70, 0x58, 0xca, 0xdc, 0x4b, 0x81, 0xb6, 0xe1, 0x30, 0xde, 0x50, 0xdc, 0xbe, 0x96}

func TestEveryFormatRegisters(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	const model, name = "08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows Hello (hardware)"
	for _, tc := range []struct {
		name string
		key  softkey.Options
		want ceremony.Registered // of an authority that is trusted
	}{
		{"none", softkey.Options{},
			ceremony.Registered{AAGUID: "00000000-0000-0000-0000-000000000000", Format: "none", UserVerified: true, Resident: &no}},
		{"none, by EdDSA", softkey.Options{Algorithm: softkey.EdDSA, Unverified: true},
			ceremony.Registered{AAGUID: "00000000-0000-0000-0000-000000000000", Format: "none", Resident: &no}},
		{"none, by RSA, of a synced passkey", softkey.Options{Algorithm: softkey.RS256, BackupEligible: true, BackedUp: true, Discoverable: true},
			ceremony.Registered{AAGUID: "00000000-0000-0000-0000-000000000000", Format: "none", UserVerified: true, BackupEligible: true, BackedUp: true, Resident: &yes}},
		{"packed, by itself", softkey.Options{Format: softkey.PackedSelf, AAGUID: hello, Transports: []string{"usb", "nfc"}},
			ceremony.Registered{AAGUID: model, Model: name, Format: "packed", UserVerified: true, Resident: &no, Transports: []string{"usb", "nfc"}}},
		{"packed", softkey.Options{Format: softkey.Packed, AAGUID: hello, Attachment: "cross-platform"},
			ceremony.Registered{AAGUID: model, Model: name, Format: "packed", Attested: true, UserVerified: true, Resident: &no, Attachment: "cross-platform"}},
		{"packed, with extensions", softkey.Options{Format: softkey.Packed, AAGUID: hello, Extensions: true},
			ceremony.Registered{AAGUID: model, Model: name, Format: "packed", Attested: true, UserVerified: true, Resident: &no}},
		{"tpm, elliptic", softkey.Options{Format: softkey.TPM, AAGUID: hello, Attachment: "platform", Transports: []string{"internal"}},
			ceremony.Registered{AAGUID: model, Model: name, Format: "tpm", Attested: true, UserVerified: true, Resident: &no, Attachment: "platform", Transports: []string{"internal"}}},
		{"tpm, RSA", softkey.Options{Format: softkey.TPM, AAGUID: hello, Algorithm: softkey.RS256},
			ceremony.Registered{AAGUID: model, Model: name, Format: "tpm", Attested: true, UserVerified: true, Resident: &no}},
		{"apple", softkey.Options{Format: softkey.Apple},
			ceremony.Registered{AAGUID: "00000000-0000-0000-0000-000000000000", Format: "apple", Attested: true, UserVerified: true, Resident: &no}},
		{"android-key", softkey.Options{Format: softkey.Android},
			ceremony.Registered{AAGUID: "00000000-0000-0000-0000-000000000000", Format: "android-key", Attested: true, UserVerified: true, Resident: &no}},
		{"android-key, RSA", softkey.Options{Format: softkey.Android, Algorithm: softkey.RS256},
			ceremony.Registered{AAGUID: "00000000-0000-0000-0000-000000000000", Format: "android-key", Attested: true, UserVerified: true, Resident: &no}},
		{"fido-u2f", softkey.Options{Format: softkey.U2F, Unverified: true},
			ceremony.Registered{AAGUID: "00000000-0000-0000-0000-000000000000", Format: "fido-u2f", Attested: true, Resident: &no}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			trusted, own := authority(t), authority(t)
			for _, roots := range []*softkey.Authority{nil, trusted, own} {
				p := party(t, nil)
				if roots != nil {
					p = party(t, roots.Pool())
				}
				tc.key.Authority = trusted
				c, answer := create(t, p, softkey.New(tc.key), ceremony.Any, ceremony.VerificationPreferred)
				got, err := p.VerifyRegistration(c, answer)
				if err != nil {
					t.Fatal(err)
				}
				want := tc.want
				want.OwnerID, want.SignCount = alice.ID, 1
				want.Attested = want.Attested && roots == trusted
				ignore := cmpopts.IgnoreFields(ceremony.Registered{}, "CredentialID", "PublicKey", "Certificates")
				if diff := cmp.Diff(want, *got, ignore); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if len(got.CredentialID) != 32 || len(got.PublicKey) < 40 || (len(got.Certificates) > 0) != tc.want.Attested {
					t.Errorf("id of %d bytes, key of %d, %d certificates", len(got.CredentialID), len(got.PublicKey), len(got.Certificates))
				}
			}
		})
	}
}

// TestPagesMaySayLess: those written before the browser told transports and
// attachment post no more than this.
func TestPagesMaySayLess(t *testing.T) {
	t.Parallel()
	p, key := party(t, nil), softkey.New(softkey.Options{})
	for _, extensions := range []any{"absent", nil, map[string]any{}, map[string]any{"credProps": nil}} {
		key.Lies.Answer = func(outer, _ map[string]any) {
			if outer["clientExtensionResults"] = extensions; extensions == "absent" {
				delete(outer, "clientExtensionResults")
			}
		}
		c, answer := create(t, p, key, ceremony.Enclave, ceremony.VerificationRequired)
		got, err := p.VerifyRegistration(c, answer)
		if err != nil || got.Resident != nil || got.Attachment != "" || got.Transports != nil {
			t.Errorf("extensions %v: %+v, %v", extensions, got, err)
		}
	}
}

// TestWordsOfTheBrowserAreKeptWithinBounds: they are hearsay, and are stored.
func TestWordsOfTheBrowserAreKeptWithinBounds(t *testing.T) {
	t.Parallel()
	p := party(t, nil)
	key := softkey.New(softkey.Options{
		Attachment: "elsewhere",
		Transports: []string{"usb", "<script>", "", "smart-card", strings.Repeat("a", 30), "a1", "ba", "bb", "bc", "bd", "be", "bf", "bg"},
	})
	c, answer := create(t, p, key, ceremony.Any, ceremony.VerificationPreferred)
	got, err := p.VerifyRegistration(c, answer)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"usb", "smart-card", "ba", "bb", "bc", "bd", "be", "bf"}
	if diff := cmp.Diff(want, got.Transports); diff != "" || got.Attachment != "" {
		t.Errorf("attachment %q; transports (-want +got):\n%s", got.Attachment, diff)
	}
}

// A registrationLie is a registration that must be refused.
type registrationLie struct {
	name string
	key  softkey.Options
	lies softkey.Lies
	want error
	says string // part of the message, where several checks give one error
}

func refuseRegistrations(t *testing.T, deviceType string, lies []registrationLie) {
	t.Helper()
	vouching := authority(t)
	p := party(t, vouching.Pool())
	for _, tc := range lies {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.key.Authority == nil {
				tc.key.Authority = vouching
			}
			key := softkey.New(tc.key)
			key.Lies = tc.lies
			c, answer := create(t, p, key, deviceType, ceremony.VerificationRequired)
			got, err := p.VerifyRegistration(c, answer)
			if got != nil || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %+v, %v; want %v: %s", got, err, tc.want, tc.says)
			}
		})
	}
}

func client(key string, value any) softkey.Lies {
	return softkey.Lies{Client: func(m map[string]any) { m[key] = value }}
}

func outer(key string, value any) softkey.Lies {
	return softkey.Lies{Answer: func(m, _ map[string]any) { m[key] = value }}
}

func inner(key string, value any) softkey.Lies {
	return softkey.Lies{Answer: func(_, m map[string]any) { m[key] = value }}
}

func appended(more ...byte) func([]byte) []byte {
	return func(b []byte) []byte { return append(slices.Clip(b), more...) }
}

func replaced(old, with string) func([]byte) []byte {
	return func(b []byte) []byte { return []byte(strings.Replace(string(b), old, with, 1)) }
}

func truncated(b []byte) []byte { return b[:len(b)-1] }

func TestClientDataIsOfThisQuestionAndPage(t *testing.T) {
	t.Parallel()
	refuseRegistrations(t, ceremony.Any, []registrationLie{
		{"another origin", softkey.Options{}, client("origin", "https://login.example.org"), ceremony.ErrOrigin, ""},
		{"a subdomain of the origin", softkey.Options{}, client("origin", "https://evil.login.example.com"), ceremony.ErrOrigin, ""},
		{"the parent domain", softkey.Options{}, client("origin", "https://example.com"), ceremony.ErrOrigin, ""},
		{"another port", softkey.Options{}, client("origin", origin+":8443"), ceremony.ErrOrigin, ""},
		{"another scheme", softkey.Options{}, client("origin", "http://login.example.com"), ceremony.ErrOrigin, ""},
		{"the origin in capitals", softkey.Options{}, client("origin", "https://LOGIN.example.com"), ceremony.ErrOrigin, ""},
		{"the origin with a slash", softkey.Options{}, client("origin", origin+"/"), ceremony.ErrOrigin, ""},
		{"no origin", softkey.Options{}, client("origin", nil), ceremony.ErrOrigin, ""},
		{"a number for an origin", softkey.Options{}, client("origin", 1), ceremony.ErrMalformed, "origin"},
		{"a number for a type", softkey.Options{}, client("type", 1), ceremony.ErrMalformed, "want a string"},
		{"a frame of another site", softkey.Options{}, client("crossOrigin", true), ceremony.ErrOrigin, "frame"},
		{"a frame, by its top", softkey.Options{}, client("topOrigin", "https://evil.example"), ceremony.ErrOrigin, "frame"},
		{"crossOrigin is a word", softkey.Options{}, client("crossOrigin", "false"), ceremony.ErrMalformed, "crossOrigin"},
		{"the type of an assertion", softkey.Options{}, client("type", "webauthn.get"), ceremony.ErrMalformed, "type"},
		{"the type in capitals", softkey.Options{}, client("type", "Webauthn.create"), ceremony.ErrMalformed, "type"},
		{"another challenge", softkey.Options{}, client("challenge", "AAAAAAAAAAAAAAAAAAAAAA"), ceremony.ErrChallenge, ""},
		{"no challenge", softkey.Options{}, client("challenge", nil), ceremony.ErrChallenge, ""},
		{"a padded challenge", softkey.Options{}, client("challenge", "AAAAAAAAAAAAAAAAAAAAAA=="), ceremony.ErrMalformed, "base64url"},
		{"a number for a challenge", softkey.Options{}, client("challenge", 7), ceremony.ErrMalformed, "string"},
		{"a bound TLS connection", softkey.Options{}, client("tokenBinding", map[string]any{"status": "present", "id": "x"}), ceremony.ErrMalformed, "TLS"},
		{"a binding that is a word", softkey.Options{}, client("tokenBinding", "present"), ceremony.ErrMalformed, "tokenBinding"},
		{"origin twice", softkey.Options{}, softkey.Lies{ClientJSON: replaced(`{`, `{"origin":"https://evil.example",`)}, ceremony.ErrMalformed, "twice"},
		{"origin twice, once in capitals", softkey.Options{}, softkey.Lies{ClientJSON: replaced(`{`, `{"ORIGIN":"https://evil.example",`)}, ceremony.ErrMalformed, "twice"},
		{"origin twice, once with an escape", softkey.Options{}, softkey.Lies{ClientJSON: replaced(`{`, `{"\u006frigin":"https://evil.example",`)}, ceremony.ErrMalformed, "twice"},
		{"cross origin twice, once with a long s", softkey.Options{}, softkey.Lies{ClientJSON: replaced(`{`, `{"croſsOrigin":true,`)}, ceremony.ErrMalformed, "twice"},
		{"origin in capitals alone", softkey.Options{}, softkey.Lies{ClientJSON: replaced(`"origin"`, `"ORIGIN"`)}, ceremony.ErrOrigin, ""},
		{"bytes behind the JSON", softkey.Options{}, softkey.Lies{ClientJSON: appended('{', '}')}, ceremony.ErrMalformed, "JSON"},
		{"a mark before the JSON", softkey.Options{}, softkey.Lies{ClientJSON: replaced(`{`, "\ufeff{")}, ceremony.ErrMalformed, "JSON"},
		{"JSON that is no UTF-8", softkey.Options{}, softkey.Lies{ClientJSON: replaced(`{`, "{\"a\":\"\xff\",")}, ceremony.ErrMalformed, "JSON"},
		{"a list", softkey.Options{}, softkey.Lies{ClientJSON: func([]byte) []byte { return []byte(`[]`) }}, ceremony.ErrMalformed, "object"},
		{"null", softkey.Options{}, softkey.Lies{ClientJSON: func([]byte) []byte { return []byte(`null`) }}, ceremony.ErrMalformed, "object"},
		{"deep JSON", softkey.Options{}, softkey.Lies{ClientJSON: replaced(`{`, `{"a":`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`,`)}, ceremony.ErrMalformed, "deeper"},
		{"long JSON", softkey.Options{}, client("padding", strings.Repeat("a", 5000)), ceremony.ErrMalformed, "clientDataJSON"},
		{"keys to come are passed over", softkey.Options{Absent: true}, client("other_keys_can_be_added_here", map[string]any{"a": 1}), ceremony.ErrUserPresence, ""},
	})
}

func TestTheAnswerAroundIsWhole(t *testing.T) {
	t.Parallel()
	refuseRegistrations(t, ceremony.Any, []registrationLie{
		{"another type", softkey.Options{}, outer("type", "password"), ceremony.ErrMalformed, "public-key"},
		{"an id that is not rawId", softkey.Options{}, outer("id", "AAAA"), ceremony.ErrMalformed, "rawId"},
		{"an id that the device did not sign", softkey.Options{}, softkey.Lies{Answer: func(m, _ map[string]any) { m["id"], m["rawId"] = "AAAA", "AAAA" }}, ceremony.ErrMalformed, "signed"},
		{"no id", softkey.Options{}, softkey.Lies{Answer: func(m, _ map[string]any) { m["id"], m["rawId"] = "", "" }}, ceremony.ErrMalformed, "rawId: want"},
		{"a long id", softkey.Options{}, outer("rawId", strings.Repeat("AAAA", 342)), ceremony.ErrMalformed, "rawId"},
		{"an id on two lines", softkey.Options{}, softkey.Lies{Answer: func(m, _ map[string]any) {
			m["rawId"] = m["rawId"].(string)[:4] + "\n" + m["rawId"].(string)[4:]
		}}, ceremony.ErrMalformed, "rawId"},
		{"an id with bits to spare", softkey.Options{}, softkey.Lies{Answer: func(m, _ map[string]any) { m["id"], m["rawId"] = "AB", "AB" }}, ceremony.ErrMalformed, "rawId"},
		{"no response", softkey.Options{}, outer("response", nil), ceremony.ErrMalformed, "response"},
		{"a response that is a word", softkey.Options{}, outer("response", "yes"), ceremony.ErrMalformed, "response"},
		{"no client data", softkey.Options{}, inner("clientDataJSON", ""), ceremony.ErrMalformed, "client data"},
		{"no attestation", softkey.Options{}, inner("attestationObject", nil), ceremony.ErrMalformed, "attestation object"},
		{"an attestation too long", softkey.Options{}, inner("attestationObject", strings.Repeat("AAAA", 17000)), ceremony.ErrMalformed, "attestationObject"},
		{"an answer too long", softkey.Options{}, outer("padding", strings.Repeat("A", 100<<10)), ceremony.ErrMalformed, "at most"},
		{"an answer with a key twice", softkey.Options{}, softkey.Lies{JSON: replaced(`{`, `{"RawId":"AAAA",`)}, ceremony.ErrMalformed, "twice"},
		{"transports that are a word", softkey.Options{}, inner("transports", "usb"), ceremony.ErrMalformed, "transports"},
		{"extensions that are a word", softkey.Options{}, outer("clientExtensionResults", "none"), ceremony.ErrMalformed, "clientExtensionResults"},
		{"an attachment that is a number", softkey.Options{}, outer("authenticatorAttachment", 1), ceremony.ErrMalformed, "authenticatorAttachment"},
	})
}

// flags sets and clears bits of the flags.
func flags(set, clear byte) softkey.Lies {
	return softkey.Lies{AuthData: func(b []byte) []byte {
		b = slices.Clone(b)
		b[32] = b[32]&^clear | set
		return b
	}}
}

func TestAuthenticatorDataIsWholeAndOurs(t *testing.T) {
	t.Parallel()
	deep := append(slices.Repeat([]byte{0x81}, 40), 0)
	refuseRegistrations(t, ceremony.Any, []registrationLie{
		{"of another RP ID", softkey.Options{}, softkey.Lies{AuthData: func(b []byte) []byte { return append([]byte{b[0] ^ 1}, b[1:]...) }}, ceremony.ErrOrigin, "RP ID"},
		{"nobody there", softkey.Options{Absent: true}, softkey.Lies{}, ceremony.ErrUserPresence, ""},
		{"nobody known", softkey.Options{Unverified: true}, softkey.Lies{}, ceremony.ErrUserVerification, ""},
		{"backed up and not eligible", softkey.Options{BackedUp: true}, softkey.Lies{}, ceremony.ErrMalformed, "eligible"},
		{"no credential, by the flags", softkey.Options{}, flags(0, 0x40), ceremony.ErrMalformed, "credential"},
		{"extensions that are not there", softkey.Options{}, flags(0x80, 0), ceremony.ErrMalformed, "extensions"},
		{"extensions that are not announced", softkey.Options{Extensions: true}, flags(0, 0x80), ceremony.ErrMalformed, "behind"},
		{"a byte more", softkey.Options{}, softkey.Lies{AuthData: appended(0)}, ceremony.ErrMalformed, "behind"},
		{"a byte less", softkey.Options{}, softkey.Lies{AuthData: truncated}, ceremony.ErrMalformed, ""},
		{"the head alone", softkey.Options{}, softkey.Lies{AuthData: func(b []byte) []byte { return b[:37] }}, ceremony.ErrMalformed, "ends"},
		{"less than the head", softkey.Options{}, softkey.Lies{AuthData: func(b []byte) []byte { return b[:36] }}, ceremony.ErrMalformed, "36 bytes"},
		{"nothing", softkey.Options{}, softkey.Lies{AuthData: func([]byte) []byte { return nil }}, ceremony.ErrMalformed, ""},
		{"too long", softkey.Options{}, softkey.Lies{AuthData: appended(make([]byte, 5000)...)}, ceremony.ErrMalformed, "bytes"},
		{"an id of no bytes", softkey.Options{}, softkey.Lies{AuthData: func(b []byte) []byte {
			return append(append(slices.Clone(b[:53]), 0, 0), b[55+32:]...)
		}}, ceremony.ErrMalformed, "credential id"},
		{"an id beyond the end", softkey.Options{}, softkey.Lies{AuthData: func(b []byte) []byte {
			b = slices.Clone(b)
			b[53], b[54] = 3, 255
			return b
		}}, ceremony.ErrMalformed, "credential id"},
		{"a byte behind the attestation object", softkey.Options{}, softkey.Lies{Object: appended(0)}, ceremony.ErrMalformed, "behind"},
		{"an attestation object cut short", softkey.Options{}, softkey.Lies{Object: truncated}, ceremony.ErrMalformed, ""},
		{"deep CBOR", softkey.Options{}, softkey.Lies{Object: func([]byte) []byte { return append([]byte{0xa1, 0x61, 'a'}, deep...) }}, ceremony.ErrMalformed, "CBOR"},
		{"CBOR that promises much", softkey.Options{}, softkey.Lies{Object: func([]byte) []byte { return []byte{0xbb, 0, 0, 0, 1, 0, 0, 0, 0} }}, ceremony.ErrMalformed, "CBOR"},
		{"CBOR of a long list", softkey.Options{}, softkey.Lies{Object: func([]byte) []byte {
			return append([]byte{0xa1, 0x61, 'a', 0x99, 0x04, 0x00}, make([]byte, 1024)...)
		}}, ceremony.ErrMalformed, "CBOR"},
		{"CBOR without an end told", softkey.Options{}, softkey.Lies{Object: func(b []byte) []byte { return append(append([]byte{0xbf}, b[1:]...), 0xff) }}, ceremony.ErrMalformed, "CBOR"},
		{"tagged CBOR", softkey.Options{}, softkey.Lies{Object: func(b []byte) []byte { return append([]byte{0xd9, 0xd9, 0xf7}, b...) }}, ceremony.ErrMalformed, "CBOR"},
		{"a list for the object", softkey.Options{}, softkey.Lies{Object: func([]byte) []byte { return []byte{0x80} }}, ceremony.ErrMalformed, "kind"},
		{"fmt twice", softkey.Options{}, softkey.Lies{Object: func(b []byte) []byte {
			return append(append([]byte{0xa4}, b[1:]...), 0x63, 'f', 'm', 't', 0x60)
		}}, ceremony.ErrMalformed, "CBOR"},
		{"fmt in capitals as well", softkey.Options{}, softkey.Lies{Object: func(b []byte) []byte {
			return append(append([]byte{0xa4}, b[1:]...), 0x63, 'F', 'M', 'T', 0x60)
		}}, ceremony.ErrMalformed, "want fmt"},
	})
}

func TestKeysAreOfAKindAndSizeThatIsTaken(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	set := func(label int, value any) softkey.Lies {
		return softkey.Lies{COSEKey: func(m map[int]any) { m[label] = value }}
	}
	refuseRegistrations(t, ceremony.Any, []registrationLie{
		{"P-384", softkey.Options{Algorithm: -35}, softkey.Lies{Signer: p384, AnyAlgorithm: true}, ceremony.ErrAlgorithm, "-35"},
		{"P-384 under the name of ES256", softkey.Options{}, softkey.Lies{Signer: p384}, ceremony.ErrAlgorithm, "curve"},
		{"RSA of 1024 bits", softkey.Options{Algorithm: softkey.RS256}, softkey.Lies{Signer: short}, ceremony.ErrAlgorithm, "1024"},
		{"RSA of 8192 bits", softkey.Options{Algorithm: softkey.RS256}, set(-1, slices.Repeat([]byte{0xff}, 1024)), ceremony.ErrAlgorithm, "8192"},
		{"RSA with an even modulus", softkey.Options{Algorithm: softkey.RS256}, set(-1, append(slices.Repeat([]byte{0xff}, 255), 0xfe)), ceremony.ErrAlgorithm, ""},
		{"RSA with a zero before", softkey.Options{Algorithm: softkey.RS256}, set(-1, append([]byte{0}, slices.Repeat([]byte{0xff}, 256)...)), ceremony.ErrMalformed, "modulus"},
		{"RSA with exponent 1", softkey.Options{Algorithm: softkey.RS256}, set(-2, []byte{1}), ceremony.ErrAlgorithm, "exponent"},
		{"RSA with an exponent of which the library sees the end", softkey.Options{Algorithm: softkey.RS256}, set(-2, []byte{1, 0, 0, 0, 0, 0, 1, 0, 1}), ceremony.ErrAlgorithm, "exponent"},
		{"RS1", softkey.Options{Algorithm: softkey.RS1}, softkey.Lies{AnyAlgorithm: true}, ceremony.ErrAlgorithm, "-65535"},
		{"RSA under the name of ES256", softkey.Options{Algorithm: softkey.RS256}, set(3, softkey.ES256), ceremony.ErrAlgorithm, ""},
		{"a text for a type", softkey.Options{}, set(1, "EC2"), ceremony.ErrMalformed, "type"},
		{"texts for labels", softkey.Options{}, softkey.Lies{COSEBytes: func([]byte) []byte { return []byte{0xa1, 0x61, 'a', 0} }}, ceremony.ErrMalformed, "public key: ceremony: malformed answer: CBOR"},
		{"no algorithm", softkey.Options{}, softkey.Lies{COSEKey: func(m map[int]any) { delete(m, 3) }}, ceremony.ErrMalformed, "algorithm"},
		{"a point off the curve", softkey.Options{}, set(-3, slices.Repeat([]byte{3}, 32)), ceremony.ErrMalformed, "curve"},
		{"a point at zero", softkey.Options{}, softkey.Lies{COSEKey: func(m map[int]any) { m[-2], m[-3] = make([]byte, 32), make([]byte, 32) }}, ceremony.ErrMalformed, "curve"},
		{"a coordinate of 33 bytes", softkey.Options{}, set(-3, make([]byte, 33)), ceremony.ErrMalformed, "32 bytes"},
		{"a sign for a coordinate", softkey.Options{}, set(-3, true), ceremony.ErrMalformed, "32 bytes"},
		{"a text for a coordinate", softkey.Options{}, set(-3, strings.Repeat("a", 32)), ceremony.ErrMalformed, "32 bytes"},
		{"a list for a coordinate", softkey.Options{}, softkey.Lies{COSEKey: func(m map[int]any) {
			var list []int
			for _, b := range m[-3].([]byte) {
				list = append(list, int(b))
			}
			m[-3] = list
		}}, ceremony.ErrMalformed, "32 bytes"},
		{"another label", softkey.Options{}, set(4, []int{2}), ceremony.ErrAlgorithm, ""},
		{"a byte behind the key", softkey.Options{}, softkey.Lies{COSEBytes: appended(0)}, ceremony.ErrMalformed, "behind"},
		{"Ed25519 of 31 bytes", softkey.Options{Algorithm: softkey.EdDSA}, set(-2, make([]byte, 31)), ceremony.ErrMalformed, "32"},
		{"Ed448", softkey.Options{Algorithm: softkey.EdDSA}, set(-1, 7), ceremony.ErrAlgorithm, "curve"},
	})
}

func TestEnclaveIsBuiltInAndVouchedFor(t *testing.T) {
	t.Parallel()
	stranger := authority(t)
	kept := softkey.Options{Format: softkey.TPM, Attachment: "platform", Transports: []string{"internal"}}
	with := func(change func(*softkey.Options)) softkey.Options {
		o := kept
		change(&o)
		return o
	}
	refuseRegistrations(t, ceremony.Enclave, []registrationLie{
		{"a synced passkey", with(func(o *softkey.Options) { o.BackupEligible = true }), softkey.Lies{}, ceremony.ErrSyncedPasskey, ""},
		{"a passkey that is synced already", with(func(o *softkey.Options) { o.BackupEligible, o.BackedUp = true, true }), softkey.Lies{}, ceremony.ErrSyncedPasskey, ""},
		{"a device to unplug", with(func(o *softkey.Options) { o.Attachment = "cross-platform" }), softkey.Lies{}, ceremony.ErrNotPlatform, ""},
		{"a device to unplug, by its transports", with(func(o *softkey.Options) { o.Attachment, o.Transports = "", []string{"usb"} }), softkey.Lies{}, ceremony.ErrNotPlatform, "usb"},
		{"no attestation", with(func(o *softkey.Options) { o.Format = softkey.None }), softkey.Lies{}, ceremony.ErrNotAttested, "none"},
		{"its own attestation", with(func(o *softkey.Options) { o.Format = softkey.PackedSelf }), softkey.Lies{}, ceremony.ErrNotAttested, "packed"},
		{"an attestation of another authority", with(func(o *softkey.Options) { o.Authority = stranger }), softkey.Lies{}, ceremony.ErrNotAttested, "tpm"},
		{"an Android key in software", with(func(o *softkey.Options) { o.Format = softkey.Android }), softkey.Lies{AndroidKey: func(k *softkey.AndroidKey) { k.Level = 0 }}, ceremony.ErrNotAttested, "android"},
		{"an attestation that has ended", kept, softkey.Lies{Certificate: func(c *x509.Certificate) { c.NotAfter = now().AddDate(0, 0, -1) }}, ceremony.ErrNotAttested, "tpm"},
	})
	for _, format := range []string{softkey.TPM, softkey.Packed, softkey.Android, softkey.Apple} {
		p := party(t, stranger.Pool())
		o := kept
		o.Format, o.Authority, o.AAGUID = format, stranger, hello
		c, answer := create(t, p, softkey.New(o), ceremony.Enclave, ceremony.VerificationRequired)
		if r, err := p.VerifyRegistration(c, answer); err != nil || !r.Attested {
			t.Errorf("%s: %+v, %v", format, r, err)
		}
	}
	// Where no roots are configured, none is demanded.
	p := party(t, nil)
	c, answer := create(t, p, softkey.New(softkey.Options{}), ceremony.Enclave, ceremony.VerificationRequired)
	if r, err := p.VerifyRegistration(c, answer); err != nil || r.Attested {
		t.Errorf("without roots: %+v, %v", r, err)
	}
}
