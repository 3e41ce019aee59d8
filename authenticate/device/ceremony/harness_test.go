package ceremony_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/authenticate/device/softkey"
)

const origin = "https://login.example.com"

func now() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }

var (
	alice     = ceremony.User{ID: bytes.Repeat([]byte{1}, 32), Name: "alice@example.com", DisplayName: "Alice"}
	bob       = ceremony.User{ID: bytes.Repeat([]byte{2}, 32), Name: "bob@example.com", DisplayName: "Bob"}
	challenge = bytes.Repeat([]byte{7}, 56)
)

func party(t testing.TB, roots *x509.CertPool) *ceremony.Party {
	t.Helper()
	p, err := ceremony.New(ceremony.Options{Name: "Example", Origin: origin, Roots: roots, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func authority(t testing.TB) *softkey.Authority {
	t.Helper()
	a, err := softkey.NewAuthority(now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func encoded(t testing.TB, value any) []byte {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// create asks key for a credential of Alice's and returns question and answer.
func create(t testing.TB, p *ceremony.Party, key *softkey.Key, deviceType, verification string) (*ceremony.Creation, []byte) {
	t.Helper()
	c, err := p.CreationOptions(alice, deviceType, challenge, nil, verification)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := key.Create(origin, encoded(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return c, answer
}

// registered is a key that Alice registered, for tests of its use.
func registered(t testing.TB, p *ceremony.Party, key *softkey.Key) ceremony.Credential {
	t.Helper()
	c, answer := create(t, p, key, ceremony.Any, ceremony.VerificationPreferred)
	r, err := p.VerifyRegistration(c, answer)
	if err != nil {
		t.Fatal(err)
	}
	return r.Credential()
}

func isError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
