package handoff

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"net/url"
	"strings"
)

// EnrollmentURL returns the address on the sign-in host, which is given by
// scheme and host of base, by which one person may enroll one device. linkID
// names what is kept of the link; it holds no dot. The address itself does not
// end: what is kept says until when it holds, and for whom.
func (s *Signer) EnrollmentURL(base *url.URL, linkID string) string {
	q := url.Values{ParamEnrollment: {linkID + "." + base64.RawURLEncoding.EncodeToString(s.enrollmentSum(linkID))}}
	return (&url.URL{Scheme: "https", Host: base.Host, Path: WebAuthnPath, RawQuery: q.Encode()}).String()
}

// ParseEnrollment returns the id of the link in token, and ErrSignature for one
// that was altered.
func (s *Signer) ParseEnrollment(token string) (linkID string, err error) {
	id, code, found := strings.Cut(token, ".")
	given, err := base64.RawURLEncoding.Strict().DecodeString(code)
	// A decoder passes over the ends of lines.
	if !found || err != nil || id == "" || len(token) > 256 || strings.ContainsAny(token, "\r\n") || !hmac.Equal(given, s.enrollmentSum(id)) {
		return "", ErrSignature
	}
	return id, nil
}

func (s *Signer) enrollmentSum(linkID string) []byte {
	mac := hmac.New(sha512.New512_256, s.macKey[:])
	mac.Write([]byte("enrollment\x00" + linkID)) // no URL begins so
	return mac.Sum(nil)
}
