package ticket

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// BinderName returns the name of the cookie that marks one browser on one
// host. The prefix keeps sibling hosts from setting or replacing it: a browser
// takes a __Host- cookie only from that very host (RFC 6265bis, section 4.1.3.2).
func BinderName(cookieName string) string { return "__Host-" + cookieName + "_binder" }

// NewBinder returns a fresh value for the binder cookie: 128 random bits.
func NewBinder() string { return rand.Text() }

// BinderHash returns what tickets and handoffs carry of a binder cookie, "" for
// an empty one. The cookie itself never leaves its browser and host.
func BinderHash(cookie string) string {
	if cookie == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("cardea/v1/binder\x00" + cookie))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// SameBinder reports whether the binder cookie is the one that hash was made
// from; an empty hash matches nothing.
func SameBinder(hash, cookie string) bool {
	return hash != "" && subtle.ConstantTimeCompare([]byte(hash), []byte(BinderHash(cookie))) == 1
}

// Presented reports whether t counts when it came from source, with the given
// binder cookie ("" for none), from a client that is a browser or not.
//
// A cookie of our name may have been planted by a sibling host, together with
// the attacker's own session. The planted one names another binder. Scripts
// that replay only the one cookie have no binder and send no Sec-Fetch header;
// nobody can plant a cookie in them, so they may leave it out.
func (t Ticket) Presented(source Source, binder string, browser bool) bool {
	if t.Kind == ForAccount {
		// Cookies are for browsers, where anybody may have planted it; addresses end
		// up in logs and in histories.
		return source == FromHeader
	}
	if source == FromQuery && browser {
		return false // a link with the attacker's handle would act as the attacker in another's browser
	}
	if source != FromCookie {
		return t.Binder == "" // a cookie's ticket, copied into a header, is not a handle
	}
	if t.Binder == "" {
		return false // a handle for programs never counts in a cookie
	}
	if binder == "" && !browser {
		return true
	}
	return SameBinder(t.Binder, binder)
}
