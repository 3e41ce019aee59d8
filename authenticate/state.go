package authenticate

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"golang.org/x/crypto/chacha20poly1305"
)

const (
	// stateLifetime is how long a person may take at the provider.
	stateLifetime = 30 * time.Minute
	// maxState bounds the sealed state in bytes. In base64, with the other
	// parameters, it keeps the URL under 8000 octets (RFC 9110, section 4.1).
	maxState = 4 << 10
)

var (
	errState        = errors.New("authenticate: state is not ours")
	errStateExpired = errors.New("authenticate: state has expired")
	errStateTooLong = errors.New("authenticate: the address first asked for is too long")
)

// A state is what a sign-in is about while the browser is at the provider. It
// travels with the browser, sealed; nothing is stored for a stranger.
type state struct {
	ID         string         `json:"jti"` // used once
	ProviderID string         `json:"idp"`
	Binder     string         `json:"bnd"` // hash of the binder cookie of this host
	SignIn     handoff.SignIn `json:"req"`
	Expires    int64          `json:"exp"` // unix seconds
}

// A stateBox seals states and derives the secrets that go with one.
type stateBox struct {
	key  [32]byte
	aead cipher.AEAD
	now  func() time.Time
}

func newStateBox(key [32]byte, now func() time.Time) *stateBox {
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("authenticate: " + err.Error()) // only a wrong key length, which the type rules out
	}
	return &stateBox{key: key, aead: aead, now: now}
}

// seal gives st an id and a time and returns it as text for the URL.
func (b *stateBox) seal(st *state) (string, error) {
	st.ID = rand.Text()
	st.Expires = b.now().Add(stateLifetime).Unix()
	text, err := b.box("state", st)
	if err == nil && base64.RawURLEncoding.DecodedLen(len(text)) > maxState {
		return "", errStateTooLong
	}
	return text, err
}

// open returns the state that text holds.
func (b *stateBox) open(text string) (state, error) {
	var st state
	if !b.unbox("state", text, &st) || st.ID == "" {
		return state{}, errState
	}
	if !b.now().Before(time.Unix(st.Expires, 0)) {
		return st, errStateExpired
	}
	return st, nil
}

// A signedOutState is what a provider brings back from its end-session address.
type signedOutState struct {
	To      string `json:"to"`
	Expires int64  `json:"exp"` // unix seconds
}

// sealReturn returns, as text for the URL, where a sign-out ends once the
// provider has done its part.
func (b *stateBox) sealReturn(to string) string {
	text, err := b.box("signed-out", signedOutState{To: to, Expires: b.now().Add(stateLifetime).Unix()})
	if err != nil {
		return "" // a text and a number can always be written
	}
	return text
}

func (b *stateBox) openReturn(text string) (string, error) {
	var st signedOutState
	switch {
	case !b.unbox("signed-out", text, &st):
		return "", errState
	case !b.now().Before(time.Unix(st.Expires, 0)):
		return "", errStateExpired
	}
	return st.To, nil
}

// box seals value as text for one purpose.
func (b *stateBox) box(purpose string, value any) (string, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, 512)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b.aead.Seal(nonce, nonce, plain, []byte(purpose))), nil
}

// unbox reports whether text holds a value of that purpose, and reads it.
func (b *stateBox) unbox(purpose, text string, into any) bool {
	if base64.RawURLEncoding.DecodedLen(len(text)) > maxState {
		return false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(sealed) < chacha20poly1305.NonceSizeX {
		return false
	}
	nonce, body := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	plain, err := b.aead.Open(nil, nonce, body, []byte(purpose))
	return err == nil && json.Unmarshal(plain, into) == nil
}

// matches reports whether st was made for the browser with this binder cookie.
func (st state) matches(binder string) bool { return ticket.SameBinder(st.Binder, binder) }

// secrets returns the nonce and the PKCE verifier of st. Both need the binder
// cookie, so whoever reads the state in a log or a Referer has neither.
func (b *stateBox) secrets(st state, binder string) (nonce, verifier string) {
	derive := func(purpose string) string {
		mac := hmac.New(sha256.New, b.key[:])
		mac.Write([]byte(purpose + "\x00" + st.ID + "\x00" + binder))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) // 43 characters (RFC 7636, section 4.1)
	}
	return derive("nonce"), derive("verifier")
}
