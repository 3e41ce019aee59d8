// Package lua holds the scripts that run inside Envoy, and names them.
//
// A script does one thing; its first lines say what it reads and sets. What
// comes in is the name of our cookie, what goes out is the text of a script,
// ready for a filter. Which routes a script runs on is for envoy/xds to say.
//
//	clean-upstream.lua      takes our cookies and tickets out of a request
//	clean-response.lua      takes cookies of our names out of a response
//	cookies.lua             what these two know of our cookies
//	client-certificate.lua  hands a client's certificate chain to authorize
//	rewrite-headers.lua     replaces the beginning of response headers
package lua

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed cookies.lua
var cookies string

//go:embed clean-upstream.lua
var cleanUpstream string

//go:embed clean-response.lua
var cleanResponse string

//go:embed client-certificate.lua
var clientCertificate string

//go:embed rewrite-headers.lua
var rewriteHeaders string

// placeholder stands in cookies.lua where the cookie's name belongs.
const placeholder = "@COOKIE_NAME@"

// CleanUpstream returns the script that removes what is ours from a request:
// the cookies called cookieName and those derived from it, our Authorization
// schemes, X-Pomerium-Authorization and the query parameter pomerium_session,
// also where a Referer repeats it.
//
// It is an error if cookieName is not a token (RFC 6265, section 4.1.1): such
// a name could end the string that it is written into.
func CleanUpstream(cookieName string) (string, error) { return cleaning(cleanUpstream, cookieName) }

// CleanResponse returns the script that removes cookies of our names from an
// upstream's response. The error is that of CleanUpstream.
func CleanResponse(cookieName string) (string, error) { return cleaning(cleanResponse, cookieName) }

func cleaning(script, cookieName string) (string, error) {
	if !token(cookieName) {
		return "", fmt.Errorf("cookie name %q is not a token", cookieName)
	}
	return strings.Replace(cookies, placeholder, cookieName, 1) + "\n" + script, nil
}

// ClientCertificate returns the script that puts the certificate chain of a
// client into the dynamic metadata of its request.
func ClientCertificate() string { return clientCertificate }

// RewriteHeaders returns the script that replaces prefixes of response
// headers. What to replace is in the filter context of the route:
// {"rewrites": [{"header": "location", "prefix": "…", "value": "…"}]}.
func RewriteHeaders() string { return rewriteHeaders }

// token reports whether s is a token of RFC 9110, section 5.6.2. None of its
// characters is special within a Lua string in double quotes.
func token(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}
