package assertion

import (
	"crypto"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var noon = time.Date(2026, 6, 3, 12, 0, 0, 0, time.UTC)

// claimsAt are those that authorize makes for host.
func claimsAt(host string, changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": host, "aud": host, "iat": noon.Unix(), "exp": noon.Add(Lifetime).Unix(),
		"sub": "u", "sid": "s", "email": "ada@example.com", "name": "Ada",
	}
	for k, v := range changes {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

func minter(t *testing.T, keys ...crypto.Signer) *Minter {
	t.Helper()
	m, err := New(keys)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sign(t *testing.T, m *Minter, claims any) string {
	t.Helper()
	raw, err := m.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestVerifyTakesOurOwn(t *testing.T) {
	t.Parallel()
	m := minter(t, derived(t, 1), derived(t, 2))
	want := Claims{SessionID: "s", UserID: "u", Email: "ada@example.com", Name: "Ada"}
	for name, raw := range map[string]string{
		"the host as issuer":              sign(t, m, claimsAt("console.example.com", nil)),
		"its address as issuer":           sign(t, m, claimsAt("console.example.com", map[string]any{"iss": "https://console.example.com/"})),
		"a key that does not sign longer": sign(t, minter(t, derived(t, 2)), claimsAt("console.example.com", nil)),
	} {
		got, err := m.Verify(raw, "console.example.com", noon.Add(time.Minute))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	m := minter(t, derived(t, 1))
	mine := func(changes map[string]any) string { return sign(t, m, claimsAt("console.example.com", changes)) }
	good := mine(nil)
	parts := strings.Split(good, ".")
	symmetric, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: m.jwks}, (&jose.SignerOptions{}).WithHeader("kid", m.set.Keys[0].KeyID))
	if err != nil {
		t.Fatal(err)
	}
	mac, err := symmetric.Sign([]byte(`{"sid":"s"}`))
	if err != nil {
		t.Fatal(err)
	}
	forged, err := mac.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"nothing":                      "",
		"no token":                     "a.b.c",
		"another key":                  sign(t, minter(t, derived(t, 3)), claimsAt("console.example.com", nil)),
		"our public key as a secret":   forged,
		"no signature":                 parts[0] + "." + parts[1] + ".",
		"other claims, same signature": parts[0] + "." + strings.Split(mine(map[string]any{"sid": "x"}), ".")[1] + "." + parts[2],
		"another host":                 mine(map[string]any{"aud": "app.example.com"}),
		"two hosts":                    mine(map[string]any{"aud": []string{"console.example.com", "app.example.com"}}),
		"another issuer":               mine(map[string]any{"iss": "app.example.com"}),
		"expired":                      mine(map[string]any{"exp": noon.Add(time.Minute).Unix()}),
		"without an end":               mine(map[string]any{"exp": nil}),
		"from the future":              mine(map[string]any{"iat": noon.Add(time.Hour).Unix()}),
		"without a session":            mine(map[string]any{"sid": nil}),
		"too long":                     good + strings.Repeat("a", maxSize),
	} {
		if got, err := m.Verify(raw, "console.example.com", noon.Add(time.Minute)); !errors.Is(err, ErrInvalid) || got != (Claims{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := m.Verify(good, "", noon); !errors.Is(err, ErrInvalid) {
		t.Errorf("for no host: %v", err)
	}
}
