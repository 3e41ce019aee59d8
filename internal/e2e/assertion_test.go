package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertion verifies the one value of the assertion header as an application
// should, against the keys published on its host, and returns its claims.
func (in *instance) assertion(t testing.TB, host string, values []string) map[string]any {
	t.Helper()
	if len(values) != 1 {
		t.Fatalf("%d assertions", len(values))
	}
	var keys jose.JSONWebKeySet
	published := in.client(t, clientOptions{}).get(t, in.at(host+"/.well-known/pomerium/jwks.json")).want(t, 200)
	if err := json.Unmarshal([]byte(published.body), &keys); err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseSigned(values[0], []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var standard jwt.Claims
	var all map[string]any
	if err := token.Claims(keys, &standard, &all); err != nil {
		t.Fatal(err)
	}
	if err := standard.Validate(jwt.Expected{AnyAudience: jwt.Audience{host}, Time: time.Now()}); err != nil {
		t.Errorf("%v in %v", err, all)
	}
	if life := standard.Expiry.Time().Sub(standard.IssuedAt.Time()); life != 5*time.Minute {
		t.Errorf("the assertion lives %v, want 5m", life)
	}
	return all
}
