// Package ticket makes and opens the cookie that names a session.
//
// A ticket is a sealed handle: session id, record version, the host it was
// issued for, the browser it was given to, and when. It holds no identity, so
// revoking the session voids it.
//
//	proxy, authenticate  Issue  after a sign-in   -> Set-Cookie
//	authorize, proxy     Find   in a request      -> candidates
//	authorize, proxy     Open   each candidate    -> session id, or ErrInvalid
//
// A service account's token is a ticket of another kind: it names a session as
// well, is good on every route host, and only in a header.
//
//	console              Issue        once, for who made the account
//	authorize            OpenAccount  a candidate from a header
//
// Whether the session still lives is the databroker's to say, not ours.
package ticket

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrInvalid is returned for every value that is not a ticket of this
// installation for this host. It says no more: the value came from a stranger.
var ErrInvalid = errors.New("ticket: not valid here")

// MaxLength bounds a ticket in bytes of text; longer values are not looked at.
const MaxLength = 1024

// A Kind is what a ticket is for: the first byte of its text, and part of what
// is authenticated, so that one kind never opens as another.
type Kind byte

// The kinds. Another layout gets another number.
const (
	// ForHost tickets are cookies and the handles of people's programs. Each is
	// good on one host.
	ForHost Kind = 1
	// ForAccount tickets are the tokens of service accounts, good on every route
	// host.
	ForAccount Kind = 2
)

// A Ticket names one session, for one host, in one browser.
type Ticket struct {
	Kind      Kind // 0 is ForHost when it is issued
	SessionID string
	// Version is the session record's version when the ticket was made, so
	// that a reader never mistakes an older copy for the session.
	Version uint64
	// Host is the lower-case host name, without port, that may present it. Two
	// hosts share tickets only where cookie_domain says so; then Host is that domain.
	// It is "" for an account.
	Host string
	// Binder is BinderHash of the browser's binder cookie. Empty marks a handle
	// for programs, which counts in headers and never in a cookie.
	Binder string
	// IssuedAt has a resolution of one second.
	IssuedAt time.Time
}

// A Box issues and opens tickets under one key. It may be used concurrently.
type Box struct{ aead cipher.AEAD }

// New returns a Box for key, which must serve nothing else.
func New(key [32]byte) *Box {
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("ticket: " + err.Error()) // only a wrong key length, which the type rules out
	}
	return &Box{aead: aead}
}

// Issue returns t as text that fits a cookie or a header.
func (b *Box) Issue(t Ticket) string {
	if t.Kind == 0 {
		t.Kind = ForHost
	}
	if t.Kind == ForAccount {
		t.Host, t.Binder = "", ""
	}
	out := make([]byte, 1+chacha20poly1305.NonceSizeX, 256)
	out[0] = byte(t.Kind)
	_, _ = rand.Read(out[1:]) // never fails since Go 1.24
	plain := make([]byte, 0, 128)
	plain = appendText(plain, t.SessionID)
	plain = binary.AppendUvarint(plain, t.Version)
	plain = appendText(plain, t.Binder)
	plain = binary.AppendUvarint(plain, uint64(max(t.IssuedAt.Unix(), 0)))
	out = b.aead.Seal(out, out[1:], plain, additional(t.Kind, t.Host))
	return base64.RawURLEncoding.EncodeToString(out)
}

// Open returns the ticket that value holds when it was issued for host (lower
// case, without port), and ErrInvalid otherwise.
func (b *Box) Open(value, host string) (Ticket, error) { return b.open(value, ForHost, host) }

// OpenAccount returns the token of a service account that value is, and
// ErrInvalid otherwise.
func (b *Box) OpenAccount(value string) (Ticket, error) { return b.open(value, ForAccount, "") }

func (b *Box) open(value string, kind Kind, host string) (Ticket, error) {
	if len(value) > MaxLength {
		return Ticket{}, ErrInvalid
	}
	// Strict, so that no two texts open to the same ticket: the last character
	// of base64 may carry bits that a lenient decoder drops.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || strings.ContainsAny(value, "\r\n") {
		return Ticket{}, ErrInvalid
	}
	const head = 1 + chacha20poly1305.NonceSizeX
	if len(raw) < head || raw[0] != byte(kind) {
		return Ticket{}, ErrInvalid
	}
	plain, err := b.aead.Open(nil, raw[1:head], raw[head:], additional(kind, host))
	if err != nil {
		return Ticket{}, ErrInvalid
	}
	return parse(plain, kind, host)
}

// additional binds a ticket to its kind and host: opened for another host, or
// as another kind, the same bytes fail authentication.
func additional(kind Kind, host string) []byte {
	return append([]byte{byte(kind)}, host...)
}

func parse(plain []byte, kind Kind, host string) (Ticket, error) {
	r := reader{rest: plain}
	t := Ticket{Kind: kind, Host: host}
	t.SessionID = r.text()
	t.Version = r.number()
	t.Binder = r.text()
	seconds := r.number()
	if r.bad || len(r.rest) > 0 || t.SessionID == "" || seconds > 1<<40 || kind == ForAccount && t.Binder != "" {
		return Ticket{}, ErrInvalid
	}
	t.IssuedAt = time.Unix(int64(seconds), 0)
	return t, nil
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// A reader takes fields off the front of rest; bad stays set once one is missing.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number() uint64 {
	n, width := binary.Uvarint(r.rest)
	if width <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[width:]
	return n
}

func (r *reader) text() string {
	n := r.number()
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
