package config

import (
	"net/url"
	"regexp"
	"strconv"
)

// Base64 is what a base64 string in the configuration stood for.
type Base64 []byte

// URL is an absolute URL; the zero value is no URL.
type URL struct{ *url.URL }

// IsZero reports whether there is no URL.
func (u URL) IsZero() bool { return u.URL == nil }

// String returns the URL as text, "" for the zero value.
func (u URL) String() string {
	if u.URL == nil {
		return ""
	}
	return u.URL.String()
}

// Size is a number of bytes.
type Size int64

// String writes s as it is read: 64MiB.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s >= u.size && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// CodecType is the protocol spoken with clients.
type CodecType string

// The codecs; http3 is not supported yet and has no constant.
const (
	CodecAuto  CodecType = "auto"
	CodecHTTP1 CodecType = "http1"
	CodecHTTP2 CodecType = "http2"
)

// SameSite is the attribute of our cookies; "" leaves it out.
type SameSite string

// The values of cookie_same_site.
const (
	SameSiteUnset  SameSite = ""
	SameSiteStrict SameSite = "strict"
	SameSiteLax    SameSite = "lax"
	SameSiteNone   SameSite = "none"
)

// JWTIssuerFormat is the form of the assertion's `iss`.
type JWTIssuerFormat string

// The issuer formats; "" in a route means the global one.
const (
	IssuerHostOnly JWTIssuerFormat = "IssuerHostOnly" // app.example.com
	IssuerURI      JWTIssuerFormat = "IssuerURI"      // https://app.example.com/
)

// ClaimHeaders maps a request header, lower case, to the claim it carries.
type ClaimHeaders map[string]string

// EscapedSlashes is what happens to a path that holds %2F or %5C.
type EscapedSlashes string

// The values of path_with_escaped_slashes_action.
const (
	SlashesKeep     EscapedSlashes = "keep_unchanged"
	SlashesReject   EscapedSlashes = "reject_request"
	SlashesRedirect EscapedSlashes = "unescape_and_redirect"
	SlashesForward  EscapedSlashes = "unescape_and_forward"
)

// Underscores is what happens to a header whose name holds "_".
type Underscores string

// The values of headers_with_underscores_action.
const (
	UnderscoresAllow  Underscores = "allow"
	UnderscoresReject Underscores = "reject_request"
	UnderscoresDrop   Underscores = "drop_header"
)

// DNSLookupFamily chooses address families of upstreams.
type DNSLookupFamily string

// The values of dns_lookup_family.
const (
	DNSAuto        DNSLookupFamily = "AUTO"
	DNSV4Only      DNSLookupFamily = "V4_ONLY"
	DNSV6Only      DNSLookupFamily = "V6_ONLY"
	DNSV4Preferred DNSLookupFamily = "V4_PREFERRED"
	DNSAll         DNSLookupFamily = "ALL"
)

// LogLevel is one of trace debug info warn error fatal panic disabled; the
// loader maps the synonyms (warning, critical, off, none) onto these.
type LogLevel string

// LoadBalancingPolicy chooses among the upstreams of a route.
type LoadBalancingPolicy string

// The values of load_balancing_policy.
const (
	LBRoundRobin   LoadBalancingPolicy = "round_robin"
	LBMaglev       LoadBalancingPolicy = "maglev"
	LBRandom       LoadBalancingPolicy = "random"
	LBRingHash     LoadBalancingPolicy = "ring_hash"
	LBLeastRequest LoadBalancingPolicy = "least_request"
)

// MTLSEnforcement says who refuses a missing or invalid client certificate.
type MTLSEnforcement string

// The values of downstream_mtls.enforcement.
const (
	MTLSPolicyWithDefaultDeny MTLSEnforcement = "policy_with_default_deny"
	MTLSPolicy                MTLSEnforcement = "policy"
	MTLSRejectConnection      MTLSEnforcement = "reject_connection"
)

// A SANMatcher demands a subject alternative name of a client certificate.
type SANMatcher struct {
	Kind    string         // dns email ip_address uri user_principal_name
	Pattern *regexp.Regexp // anchored at both ends
}
