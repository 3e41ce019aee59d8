package handoff

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Errors of Verify and of the Parse functions. ErrClock means that the URL is
// from the future or long past, by more than the leeway: when it is not an old
// link, the clocks of two hosts disagree, and the page should say so.
var (
	ErrSignature = errors.New("handoff: signature does not match")
	ErrExpired   = errors.New("handoff: link has expired")
	ErrClock     = errors.New("handoff: link is from the future; a clock is wrong")
	ErrShape     = errors.New("handoff: a parameter is missing or malformed")
)

const (
	lifetime  = 5 * time.Minute
	leeway    = time.Minute
	maxLength = 8000 // octets of a URL that every party can be expected to take (RFC 9110, section 4.1)
)

// Names of the query parameters.
const (
	paramIssued    = "pomerium_issued"
	paramExpiry    = "pomerium_expiry"
	paramSignature = "pomerium_signature"
	paramRedirect  = "pomerium_redirect_uri"
	paramCallback  = "pomerium_callback_uri"
	paramProvider  = "pomerium_idp_id"
	paramSession   = "pomerium_session_encrypted"
	paramHosts     = "pomerium_additional_hosts"
	paramAfter     = "pomerium_signed_in_after" // ours
	paramProgram   = "pomerium_programmatic"
	paramBinder    = "pomerium_binder"
	paramDevice    = "pomerium_device_type"

	paramVerification = "pomerium_user_verification" // ours
)

// sign adds time and signature to u's query, which must hold none of the three
// parameters yet.
func (s *Signer) sign(u *url.URL, query url.Values) string { return s.signFor(lifetime, u, query) }

// signFor is sign for another lifetime than the usual.
func (s *Signer) signFor(lifetime time.Duration, u *url.URL, query url.Values) string {
	now := s.now()
	query.Set(paramIssued, strconv.FormatInt(now.Unix(), 10))
	query.Set(paramExpiry, strconv.FormatInt(now.Add(lifetime).Unix(), 10))
	signed := *u
	signed.RawQuery = query.Encode()
	query.Set(paramSignature, base64.URLEncoding.EncodeToString(s.sum(&signed)))
	signed.RawQuery = query.Encode()
	return signed.String()
}

// Verify checks the signature and the times of u, and returns its query.
// u must be absolute, as the browser asked for it.
func (s *Signer) Verify(u *url.URL) (url.Values, error) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(u.RawQuery) > maxLength {
		return nil, ErrShape
	}
	for name, values := range query {
		if len(values) != 1 && strings.HasPrefix(name, "pomerium_") {
			return nil, ErrShape // of two values, one reader would take the first and another the last
		}
	}
	given, err := base64.URLEncoding.Strict().DecodeString(query.Get(paramSignature))
	if err != nil {
		return nil, ErrSignature
	}
	query.Del(paramSignature)
	signed := *u
	signed.Fragment, signed.RawFragment = "", ""
	signed.RawQuery = query.Encode()
	if !hmac.Equal(given, s.sum(&signed)) {
		return nil, ErrSignature
	}
	return query, s.checkTimes(query)
}

// checkTimes runs after the signature was found good, so its answers tell a
// stranger nothing.
func (s *Signer) checkTimes(query url.Values) error {
	issued, err1 := strconv.ParseInt(query.Get(paramIssued), 10, 64)
	expiry, err2 := strconv.ParseInt(query.Get(paramExpiry), 10, 64)
	if err1 != nil || err2 != nil {
		return ErrShape
	}
	now := s.now()
	switch {
	case now.Before(time.Unix(issued, 0).Add(-leeway)):
		return ErrClock
	case !now.Before(time.Unix(expiry, 0).Add(leeway)):
		return ErrExpired
	}
	return nil
}

// sum is HMAC-SHA-512/256 over the URL, then the times once more, apart.
func (s *Signer) sum(u *url.URL) []byte {
	query := u.Query()
	mac := hmac.New(sha512.New512_256, s.macKey[:])
	canonical := *u
	canonical.Scheme = "https" // also behind a TLS terminator, where our listener speaks plain HTTP
	canonical.Host = strings.TrimSuffix(strings.ToLower(u.Host), ":443")
	canonical.User = nil
	mac.Write([]byte(canonical.String()))
	mac.Write([]byte(query.Get(paramIssued) + " " + query.Get(paramExpiry)))
	return mac.Sum(nil)
}
