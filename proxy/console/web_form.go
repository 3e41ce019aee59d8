package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// maxForm bounds what a page takes, in bytes; maxUpload what a form with a file
// in it does.
const (
	maxForm   = 64 << 10
	maxUpload = 4 << 20
)

// fromHere reports whether a browser that sent r says it did so from a page of
// this very origin, or from none; what is no browser says nothing.
func fromHere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin" || site == "none"
}

// ownForm reports whether a POST comes from a form of this person's own page:
// the browser names our very origin (Fetch, section 3.2), and the form has the
// token of the session.
func (s *Server) ownForm(r *http.Request, a Actor) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origins := r.Header.Values("Origin")
	if len(origins) != 1 || origins[0] != origin(r) {
		return false
	}
	return a.SessionID != "" && hmac.Equal([]byte(r.PostFormValue("token")), []byte(s.token(a)))
}

// origin is that of the page's own address, as browsers write it. The console
// is opened over https alone.
func origin(r *http.Request) string {
	return "https://" + strings.TrimSuffix(strings.ToLower(r.Host), ":443")
}

// token is bound to the session: that of another person, or of a session before
// this one, does not do.
func (s *Server) token(a Actor) string {
	mac := hmac.New(sha256.New, s.o.FormKey[:])
	mac.Write([]byte("console form\x00" + a.SessionID))
	return hex.EncodeToString(mac.Sum(nil))
}
