package ceremony_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/authenticate/device/softkey"
)

func TestChallengesAreForOneUse(t *testing.T) {
	t.Parallel()
	at := now()
	challenges := ceremony.NewChallenges([32]byte{1}, func() time.Time { return at })
	made := challenges.Make(ceremony.PurposeRegister, "session", origin, ceremony.Enclave)
	again := challenges.Make(ceremony.PurposeRegister, "session", origin, ceremony.Enclave)
	id, expires, err := challenges.Check(made, ceremony.PurposeRegister, "session", origin, ceremony.Enclave)
	if err != nil || id == "" || !expires.Equal(at.Add(15*time.Minute)) {
		t.Fatalf("%q, %v, %v", id, expires, err)
	}
	if other, _, err := challenges.Check(again, ceremony.PurposeRegister, "session", origin, ceremony.Enclave); err != nil || other == id {
		t.Errorf("two challenges have the ids %q and %q, %v", id, other, err)
	}
	for _, tc := range []struct {
		name                                   string
		challenge                              []byte
		purpose, session, origin, typeOfDevice string
	}{
		{"another purpose", made, ceremony.PurposeAssert, "session", origin, ceremony.Enclave},
		{"another session", made, ceremony.PurposeRegister, "sessio", origin, ceremony.Enclave},
		{"another origin", made, ceremony.PurposeRegister, "session", origin + ":8443", ceremony.Enclave},
		{"another type", made, ceremony.PurposeRegister, "session", origin, ceremony.Any},
		{"the parts cut elsewhere", made, ceremony.PurposeRegister + "s", "ession", origin, ceremony.Enclave},
		{"a byte less", made[:55], ceremony.PurposeRegister, "session", origin, ceremony.Enclave},
		{"a byte more", append(bytes.Clone(made), 0), ceremony.PurposeRegister, "session", origin, ceremony.Enclave},
		{"nothing", nil, ceremony.PurposeRegister, "session", origin, ceremony.Enclave},
	} {
		if _, _, err := challenges.Check(tc.challenge, tc.purpose, tc.session, tc.origin, tc.typeOfDevice); err != ceremony.ErrChallenge {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	for i := range made {
		altered := bytes.Clone(made)
		altered[i] ^= 0x80
		if _, _, err := challenges.Check(altered, ceremony.PurposeRegister, "session", origin, ceremony.Enclave); err != ceremony.ErrChallenge {
			t.Errorf("byte %d altered: %v", i, err)
		}
	}
	if _, _, err := ceremony.NewChallenges([32]byte{2}, now).Check(made, ceremony.PurposeRegister, "session", origin, ceremony.Enclave); err != ceremony.ErrChallenge {
		t.Errorf("another key: %v", err)
	}
	at = at.Add(15*time.Minute - time.Second)
	if _, _, err := challenges.Check(made, ceremony.PurposeRegister, "session", origin, ceremony.Enclave); err != nil {
		t.Errorf("after 14:59: %v", err)
	}
	at = at.Add(time.Second)
	if late, _, err := challenges.Check(made, ceremony.PurposeRegister, "session", origin, ceremony.Enclave); err != ceremony.ErrExpired || late != id {
		t.Errorf("after 15:00: %q, %v", late, err)
	}
}

// TestAChallengeGoesThroughTheBrowser is the whole way, as a page takes it.
func TestAChallengeGoesThroughTheBrowser(t *testing.T) {
	t.Parallel()
	challenges := ceremony.NewChallenges([32]byte{1}, now)
	p, key := party(t, nil), softkey.New(softkey.Options{})
	made := challenges.Make(ceremony.PurposeRegister, "session", p.Origin(), ceremony.Any)
	c, err := p.CreationOptions(alice, ceremony.Any, made, nil, ceremony.VerificationPreferred)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := key.Create(origin, encoded(t, c))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ceremony.ChallengeOf(answer)
	if err != nil || !bytes.Equal(got, made) {
		t.Fatalf("ChallengeOf: %x, %v; want %x", got, err, made)
	}
	if _, _, err := challenges.Check(got, ceremony.PurposeRegister, "session", p.Origin(), ceremony.Any); err != nil {
		t.Error(err)
	}
	// The question is asked again, from the challenge that came back.
	c, err = p.CreationOptions(alice, ceremony.Any, got, nil, ceremony.VerificationPreferred)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.VerifyRegistration(c, answer); err != nil {
		t.Error(err)
	}
	_, err = ceremony.ChallengeOf([]byte("{}"))
	isError(t, err, ceremony.ErrMalformed)
	_, err = ceremony.CredentialOf([]byte("{}"))
	isError(t, err, ceremony.ErrMalformed)
}
