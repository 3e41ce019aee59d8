package assertion

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// ErrInvalid is returned for an assertion that does not count. What is wrong
// with it is in the text, for logs.
var ErrInvalid = errors.New("assertion: not valid")

// algorithms are those that New signs with. Neither "none" nor a shared secret
// is among them.
var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.RS256}

// maxSize bounds an assertion, in bytes: Envoy takes no larger header.
const maxSize = 64 << 10

// leeway is how far the clock of another replica may be from ours.
const leeway = time.Minute

// Claims are those of an assertion that say who is asking.
type Claims struct {
	SessionID string `json:"sid"`
	UserID    string `json:"sub"`
	Email     string `json:"email"`
	Name      string `json:"name"`
}

// Verify reads an assertion that was signed with one of m's keys for host, a
// name without port in lower case, and holds at now. Any other is ErrInvalid.
// It says who was let in at most Lifetime ago: whether the session still lives
// is for the caller to ask.
func (m *Minter) Verify(raw, host string, now time.Time) (Claims, error) {
	refuse := func(why string, args ...any) (Claims, error) {
		return Claims{}, fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(why, args...))
	}
	if len(raw) > maxSize {
		return refuse("too long")
	}
	token, err := jwt.ParseSigned(raw, algorithms)
	if err != nil || len(token.Headers) != 1 {
		return refuse("no token signed with an accepted algorithm")
	}
	header := token.Headers[0]
	found := m.set.Key(header.KeyID)
	if header.KeyID == "" || len(found) != 1 || found[0].Algorithm != header.Algorithm {
		return refuse("it names no key of ours")
	}
	var standard jwt.Claims
	var claims Claims
	if err := token.Claims(found[0].Key, &standard, &claims); err != nil {
		return refuse("signature or claims are wrong")
	}
	switch {
	case standard.Expiry == nil || standard.IssuedAt == nil:
		return refuse("it does not say when it was issued and expires")
	case !now.Before(standard.Expiry.Time()):
		return refuse("it has expired")
	case standard.IssuedAt.Time().After(now.Add(leeway)):
		return refuse("it is from the future")
	case host == "" || len(standard.Audience) != 1 || standard.Audience[0] != host:
		return refuse("it was made for %q", []string(standard.Audience))
	case standard.Issuer != host && standard.Issuer != "https://"+host+"/":
		return refuse("its issuer is %q", standard.Issuer)
	case claims.SessionID == "":
		return refuse("it names no session")
	}
	return claims, nil
}
