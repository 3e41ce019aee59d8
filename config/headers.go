package config

import (
	"regexp"
	"slices"
	"strings"
)

// defaultResponseHeaders are set on every response unless the configuration
// names its own.
func defaultResponseHeaders() map[string]string {
	return map[string]string{
		"Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
		"X-Frame-Options":           "SAMEORIGIN",
		"X-XSS-Protection":          "1; mode=block",
	}
}

// disableHeaders is the key that takes all response headers away.
const disableHeaders = "disable"

// ResponseHeaders returns the headers that are set on responses of r; nil
// means what no route has changed. The defaults stand where the configuration
// gives no set_response_headers, without Strict-Transport-Security when it
// names no certificate: a browser would hold a local name to it for a year.
// The route's own come over the global ones, and the key "disable" clears.
func (c *Config) ResponseHeaders(r *Route) map[string]string {
	headers := c.SetResponseHeaders
	if headers == nil {
		headers = defaultResponseHeaders()
		if len(c.Certificates) == 0 {
			delete(headers, "Strict-Transport-Security")
		}
	}
	out := make(map[string]string)
	if !clears(headers) {
		setAll(out, headers)
	}
	if r != nil {
		if clears(r.SetResponseHeaders) {
			return map[string]string{}
		}
		setAll(out, r.SetResponseHeaders)
	}
	return out
}

// clears reports whether a map holds the key "disable".
func clears(headers map[string]string) bool {
	for name := range headers {
		if strings.EqualFold(name, disableHeaders) {
			return true
		}
	}
	return false
}

// setAll sets headers, whatever the case of those already there.
func setAll(out, headers map[string]string) {
	for name, value := range headers {
		for old := range out {
			if strings.EqualFold(old, name) {
				delete(out, old)
			}
		}
		out[name] = value
	}
}

// tokenForm finds the references in a value of set_request_headers; "$$" is a
// dollar sign.
var tokenForm = regexp.MustCompile(`\$\$|\$\{([^}]*)\}|\$([A-Za-z][A-Za-z0-9_.]*)`)

// tokens are the references that have a value, besides request headers.
var tokens = []string{
	"pomerium.access_token", "pomerium.client_cert_fingerprint", "pomerium.client_cert_san_dns",
	"pomerium.client_cert_san_email", "pomerium.id_token", "pomerium.jwt",
}

// checkTokens warns of references that stand for nothing. They are no error:
// they have always been read as the empty text.
func (l *loading) checkTokens(key, value string) {
	for _, m := range tokenForm.FindAllStringSubmatch(value, -1) {
		name := m[1] + m[2]
		if m[0] == "$$" || slices.Contains(tokens, name) || strings.HasPrefix(name, `pomerium.request.headers[`) {
			continue
		}
		l.warn(key, "unknown reference, which stands for nothing"+didYouMean(name, tokens))
	}
}
