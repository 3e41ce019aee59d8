package ceremony_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/authenticate/device/softkey"
	"github.com/google/go-cmp/cmp"
)

// touch asks Alice for a touch of stored, and checks the answer of key.
func touch(t testing.TB, p *ceremony.Party, key *softkey.Key, stored ceremony.Credential, verification string) (*ceremony.Asserted, error) {
	t.Helper()
	q, err := p.RequestOptions(alice.ID, []ceremony.Credential{stored}, challenge, verification)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := key.Get(origin, encoded(t, q))
	if err != nil {
		t.Fatal(err)
	}
	return p.VerifyAssertion(q, stored, answer)
}

func TestTouches(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		key  softkey.Options
		want ceremony.Asserted
	}{
		{"ES256", softkey.Options{}, ceremony.Asserted{SignCount: 2, UserVerified: true}},
		{"EdDSA", softkey.Options{Algorithm: softkey.EdDSA}, ceremony.Asserted{SignCount: 2, UserVerified: true}},
		{"RS256", softkey.Options{Algorithm: softkey.RS256}, ceremony.Asserted{SignCount: 2, UserVerified: true}},
		{"without verification", softkey.Options{Unverified: true}, ceremony.Asserted{SignCount: 2}},
		{"a device that tells the user handle", softkey.Options{Discoverable: true}, ceremony.Asserted{SignCount: 2, UserVerified: true}},
		{"a synced passkey", softkey.Options{BackupEligible: true, BackedUp: true}, ceremony.Asserted{SignCount: 2, UserVerified: true, BackedUp: true}},
		{"extensions", softkey.Options{Extensions: true}, ceremony.Asserted{SignCount: 2, UserVerified: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, key := party(t, nil), softkey.New(tc.key)
			stored := registered(t, p, key)
			got, err := touch(t, p, key, stored, ceremony.VerificationPreferred)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, *got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTouchesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		lies   softkey.Lies
		change func(*softkey.Key, *ceremony.Credential) // after the registration
		want   error
		says   string
	}{
		{"another origin", client("origin", "https://evil.example"), nil, ceremony.ErrOrigin, ""},
		{"a subdomain", client("origin", "https://a.login.example.com"), nil, ceremony.ErrOrigin, ""},
		{"another port", client("origin", origin+":444"), nil, ceremony.ErrOrigin, ""},
		{"a frame", client("crossOrigin", true), nil, ceremony.ErrOrigin, "frame"},
		{"the type of a registration", client("type", "webauthn.create"), nil, ceremony.ErrMalformed, "type"},
		{"another challenge", client("challenge", "AAAAAAAAAAAAAAAAAAAAAA"), nil, ceremony.ErrChallenge, ""},
		{"another RP ID", softkey.Lies{AuthData: func(b []byte) []byte { b[0] ^= 1; return b }}, nil, ceremony.ErrOrigin, "RP ID"},
		{"nobody there", softkey.Lies{}, func(k *softkey.Key, _ *ceremony.Credential) { k.Absent = true }, ceremony.ErrUserPresence, ""},
		{"nobody known", softkey.Lies{}, func(k *softkey.Key, _ *ceremony.Credential) { k.Unverified = true }, ceremony.ErrUserVerification, ""},
		{"backed up and not eligible", softkey.Lies{}, func(k *softkey.Key, _ *ceremony.Credential) { k.BackedUp = true }, ceremony.ErrMalformed, "eligible"},
		{"eligible since the registration", softkey.Lies{}, func(k *softkey.Key, _ *ceremony.Credential) { k.BackupEligible = true }, ceremony.ErrBackupChanged, ""},
		{"eligible no longer", softkey.Lies{}, func(_ *softkey.Key, c *ceremony.Credential) { c.BackupEligible = true }, ceremony.ErrBackupChanged, ""},
		{"a credential in it", flags(0x40, 0), nil, ceremony.ErrMalformed, "credential"},
		{"a byte more", softkey.Lies{AuthData: appended(0)}, nil, ceremony.ErrMalformed, "behind"},
		{"a byte less", softkey.Lies{AuthData: truncated}, nil, ceremony.ErrMalformed, "36 bytes"},
		{"extensions that are not there", flags(0x80, 0), nil, ceremony.ErrMalformed, "extensions"},
		{"the counter changed after it was signed", inner("authenticatorData", strings.Repeat("A", 50)), nil, ceremony.ErrOrigin, ""},
		{"a wrong signature", softkey.Lies{Signature: func(b []byte) []byte { b[len(b)-1] ^= 1; return b }}, nil, ceremony.ErrSignature, ""},
		{"a signature and a byte", softkey.Lies{Signature: appended(0)}, nil, ceremony.ErrSignature, ""},
		{"no signature", inner("signature", ""), nil, ceremony.ErrSignature, ""},
		{"a long signature", inner("signature", strings.Repeat("AAAA", 400)), nil, ceremony.ErrMalformed, "signature"},
		{"the user handle of another", inner("userHandle", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"), nil, ceremony.ErrOtherPerson, "handle"},
		{"a user handle too long", inner("userHandle", strings.Repeat("AAAA", 22)), nil, ceremony.ErrMalformed, "userHandle"},
		{"the credential of another", softkey.Lies{}, func(_ *softkey.Key, c *ceremony.Credential) { c.OwnerID = bob.ID }, ceremony.ErrOtherPerson, ""},
		{"a credential of nobody", softkey.Lies{}, func(_ *softkey.Key, c *ceremony.Credential) { c.OwnerID = nil }, ceremony.ErrOtherPerson, ""},
		{"another id", softkey.Lies{Answer: func(m, _ map[string]any) { m["id"], m["rawId"] = "AAAA", "AAAA" }}, nil, ceremony.ErrOtherDevice, ""},
		{"a key of another", softkey.Lies{}, func(_ *softkey.Key, c *ceremony.Credential) {
			other := softkey.New(softkey.Options{})
			c.PublicKey = registered(t, party(t, nil), other).PublicKey
		}, ceremony.ErrSignature, ""},
		{"a stored key that is none", softkey.Lies{}, func(_ *softkey.Key, c *ceremony.Credential) { c.PublicKey = []byte{0xa0} }, ceremony.ErrMalformed, "stored key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, key := party(t, nil), softkey.New(softkey.Options{})
			stored := registered(t, p, key)
			if tc.change != nil {
				tc.change(key, &stored)
			}
			key.Lies = tc.lies
			got, err := touch(t, p, key, stored, ceremony.VerificationRequired)
			if got != nil || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %+v, %v; want %v: %s", got, err, tc.want, tc.says)
			}
		})
	}
}

func TestACredentialThatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	p, key := party(t, nil), softkey.New(softkey.Options{})
	first, second := registered(t, p, key), registered(t, p, key)
	key.Lies.AnyCredential = true // the newest
	q, err := p.RequestOptions(alice.ID, []ceremony.Credential{first}, challenge, ceremony.VerificationPreferred)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := key.Get(origin, encoded(t, q))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.VerifyAssertion(q, second, answer)
	isError(t, err, ceremony.ErrOtherDevice)
	_, err = p.VerifyAssertion(q, first, answer)
	isError(t, err, ceremony.ErrOtherDevice)
	// Where any may answer, it must be the one that was looked up.
	if q, err = p.RequestOptions(alice.ID, nil, challenge, ceremony.VerificationPreferred); err != nil {
		t.Fatal(err)
	}
	_, err = p.VerifyAssertion(q, first, answer)
	isError(t, err, ceremony.ErrOtherDevice)
}

func TestAnyDeviceOfThePersonMayAnswer(t *testing.T) {
	t.Parallel()
	p, key := party(t, nil), softkey.New(softkey.Options{Discoverable: true})
	stored := registered(t, p, key)
	q, err := p.RequestOptions(alice.ID, nil, challenge, ceremony.VerificationRequired)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := key.Get(origin, encoded(t, q))
	if err != nil {
		t.Fatal(err)
	}
	if id, err := ceremony.CredentialOf(answer); err != nil || string(id) != string(stored.ID) {
		t.Errorf("CredentialOf: %x, %v; want %x", id, err, stored.ID)
	}
	if _, err := p.VerifyAssertion(q, stored, answer); err != nil {
		t.Error(err)
	}
	// Bob, asked the same, cannot pass with Alice's device.
	q, err = p.RequestOptions(bob.ID, nil, challenge, ceremony.VerificationRequired)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.VerifyAssertion(q, stored, answer)
	isError(t, err, ceremony.ErrOtherPerson)
}

func TestTheCounter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name         string
		stored, told uint32
		back         bool
	}{
		{"it goes up", 5, 6, false},
		{"it jumps", 5, 1 << 31, false},
		{"it stands", 5, 5, true},
		{"it goes back", 5, 4, true},
		{"it goes back to nothing", 5, 0, true},
		{"it never counts", 0, 0, false},
		{"it starts to count", 0, 1, false},
		{"it is at its end", 1<<32 - 1, 1<<32 - 1, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, key := party(t, nil), softkey.New(softkey.Options{})
			stored := registered(t, p, key)
			stored.SignCount = tc.stored
			key.Count, key.CountNothing = tc.told, true
			got, err := touch(t, p, key, stored, ceremony.VerificationPreferred)
			if err != nil {
				t.Fatal(err)
			}
			if got.CounterWentBack != tc.back || got.SignCount != tc.told {
				t.Errorf("got %+v, want %v", got, tc.back)
			}
		})
	}
}
