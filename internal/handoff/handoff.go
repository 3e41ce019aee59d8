package handoff

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// Paths of the two ends.
const (
	SignInPath   = "/.pomerium/sign_in"   // on the sign-in host
	CallbackPath = "/.pomerium/callback/" // on every route host
)

// A Signer makes and checks handoffs. It may be used concurrently.
type Signer struct {
	macKey [32]byte
	aead   cipher.AEAD
	now    func() time.Time
}

// New returns a Signer. macKey signs, sealKey hides the session inside a
// callback; neither may serve anything else. A nil now means time.Now.
func New(macKey, sealKey [32]byte, now func() time.Time) *Signer {
	aead, err := chacha20poly1305.NewX(sealKey[:])
	if err != nil {
		panic("handoff: " + err.Error()) // only a wrong key length, which the type rules out
	}
	if now == nil {
		now = time.Now
	}
	return &Signer{macKey: macKey, aead: aead, now: now}
}

// A SignIn asks the sign-in host for a session and says where to bring it.
type SignIn struct {
	// RedirectURI is the URL first asked for, or for a program's sign-in the
	// address on its own machine.
	RedirectURI string
	// CallbackURI is CallbackPath on the route host that asks.
	CallbackURI string
	// ProviderID names the identity provider whose sessions the route takes.
	ProviderID string
	// Binder is ticket.BinderHash of the browser's binder cookie on the route
	// host; empty for a program's sign-in.
	Binder string
	// Programmatic asks for a handle instead of a cookie.
	Programmatic bool
	// AdditionalHosts are further route hosts to sign in to (depends_on).
	AdditionalHosts []string
	// After asks for a sign-in that is not older than this moment, to the second;
	// the zero time takes any.
	After time.Time
}

// SignInURL returns the signed address on the sign-in host, which is given by
// scheme and host of base.
func (s *Signer) SignInURL(base *url.URL, in SignIn) string {
	q := url.Values{}
	q.Set(paramRedirect, in.RedirectURI)
	q.Set(paramCallback, in.CallbackURI)
	q.Set(paramProvider, in.ProviderID)
	if in.Binder != "" {
		q.Set(paramBinder, in.Binder)
	}
	if in.Programmatic {
		q.Set(paramProgram, "true")
	}
	if len(in.AdditionalHosts) > 0 {
		q.Set(paramHosts, strings.Join(in.AdditionalHosts, ","))
	}
	if !in.After.IsZero() {
		q.Set(paramAfter, strconv.FormatInt(in.After.Unix(), 10))
	}
	return s.sign(&url.URL{Scheme: "https", Host: base.Host, Path: SignInPath}, q)
}

// ParseSignIn checks u, as the browser asked for it, and returns what it says.
func (s *Signer) ParseSignIn(u *url.URL) (SignIn, error) {
	if u.Path != SignInPath {
		return SignIn{}, ErrShape
	}
	q, err := s.Verify(u)
	if err != nil {
		return SignIn{}, err
	}
	in := SignIn{
		RedirectURI: q.Get(paramRedirect), CallbackURI: q.Get(paramCallback), ProviderID: q.Get(paramProvider),
		Binder: q.Get(paramBinder), Programmatic: q.Get(paramProgram) == "true",
	}
	if hosts := q.Get(paramHosts); hosts != "" {
		in.AdditionalHosts = strings.Split(hosts, ",")
	}
	if after := q.Get(paramAfter); after != "" {
		seconds, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return SignIn{}, ErrShape
		}
		in.After = time.Unix(seconds, 0)
	}
	if in.RedirectURI == "" || in.CallbackURI == "" || (in.Binder == "") != in.Programmatic {
		return SignIn{}, ErrShape
	}
	return in, nil
}

// A Callback brings a session to a route host.
type Callback struct {
	ID             string    `json:"jti"` // random; used once
	SessionID      string    `json:"sid"`
	SessionVersion uint64    `json:"ver"`
	ProviderID     string    `json:"idp"`
	Binder         string    `json:"bnd"` // as in SignIn
	Programmatic   bool      `json:"prg"`
	RedirectURI    string    `json:"-"` // as in SignIn
	Expires        time.Time `json:"-"` // when ID may be forgotten
}

// CallbackURL returns the signed address on the route host. ID and Expires of c
// are set by it.
func (s *Signer) CallbackURL(callbackURI string, c Callback) (string, error) {
	u, err := url.Parse(callbackURI)
	if err != nil || u.Path != CallbackPath || u.RawQuery != "" {
		return "", ErrShape
	}
	c.ID = rand.Text()
	plain, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, 256)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	sealed := s.aead.Seal(nonce, nonce, plain, []byte(canonicalHost(u)))
	q := url.Values{}
	q.Set(paramSession, base64.RawURLEncoding.EncodeToString(sealed))
	q.Set(paramRedirect, c.RedirectURI)
	return s.sign(&url.URL{Scheme: "https", Host: u.Host, Path: CallbackPath}, q), nil
}

// ParseCallback checks u, as the browser asked for it, and returns what it brings.
func (s *Signer) ParseCallback(u *url.URL) (Callback, error) {
	if u.Path != CallbackPath {
		return Callback{}, ErrShape
	}
	q, err := s.Verify(u)
	if err != nil {
		return Callback{}, err
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(q.Get(paramSession))
	if err != nil || len(sealed) < chacha20poly1305.NonceSizeX {
		return Callback{}, ErrShape
	}
	nonce, body := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	plain, err := s.aead.Open(nil, nonce, body, []byte(canonicalHost(u)))
	if err != nil {
		return Callback{}, ErrSignature
	}
	var c Callback
	if err := json.Unmarshal(plain, &c); err != nil || c.ID == "" || c.SessionID == "" {
		return Callback{}, ErrShape
	}
	c.RedirectURI = q.Get(paramRedirect)
	c.Expires = s.now().Add(lifetime + 2*leeway)
	return c, nil
}

func canonicalHost(u *url.URL) string {
	return strings.TrimSuffix(strings.ToLower(u.Host), ":443")
}
