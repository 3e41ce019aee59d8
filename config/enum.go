package config

import (
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// An enumeration is the set of words a key takes. Each has its full name,
// which starts with the name of the set; the short form is without it.
type enumeration struct {
	prefix string      // of the full names, such as "CODEC_TYPE_"
	unset  string      // the word that means "as if absent", "" for none
	words  [][2]string // what is written, what it means
	later  string      // a word that is known and not done yet
}

// enums are the types whose values are words; nothing changes it.
var enums = map[reflect.Type]enumeration{
	reflect.TypeFor[CodecType](): {prefix: "CODEC_TYPE_", unset: "unknown",
		words: same("auto", "http1", "http2"), later: "http3"},
	reflect.TypeFor[SameSite](): {words: same("strict", "lax", "none")},
	reflect.TypeFor[JWTIssuerFormat](): {prefix: "Issuer",
		words: [][2]string{{"HostOnly", string(IssuerHostOnly)}, {"URI", string(IssuerURI)}}},
	reflect.TypeFor[EscapedSlashes](): {prefix: "PATH_WITH_ESCAPED_SLASHES_ACTION_", unset: "unspecified",
		words: same("keep_unchanged", "reject_request", "unescape_and_redirect", "unescape_and_forward")},
	reflect.TypeFor[Underscores](): {prefix: "HEADERS_WITH_UNDERSCORES_ACTION_", unset: "unspecified",
		words: same("allow", "reject_request", "drop_header")},
	reflect.TypeFor[DNSLookupFamily](): {
		words: same("AUTO", "V4_ONLY", "V6_ONLY", "V4_PREFERRED", "ALL")},
	reflect.TypeFor[LogLevel](): {words: append(same("trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled"),
		[2]string{"warning", "warn"}, [2]string{"critical", "fatal"}, [2]string{"off", "disabled"}, [2]string{"none", "disabled"})},
	reflect.TypeFor[LoadBalancingPolicy](): {prefix: "LOAD_BALANCING_POLICY_", unset: "unspecified",
		words: same("round_robin", "maglev", "random", "ring_hash", "least_request")},
	reflect.TypeFor[MTLSEnforcement](): {unset: "unknown",
		words: same("policy_with_default_deny", "policy", "reject_connection")},
}

// same makes words that mean what they say.
func same(words ...string) [][2]string {
	list := make([][2]string, len(words))
	for i, w := range words {
		list[i] = [2]string{w, w}
	}
	return list
}

// into reads a word into v, without regard to case: the full name, the name
// without the common prefix, or an ending after "_" that only one name has.
// The empty word leaves v at its zero value, so that the default counts.
func (e enumeration) into(n *yaml.Node, v reflect.Value) (want string) {
	s, ok := text(n)
	if !ok {
		return e.want()
	}
	if s == "" {
		v.SetString("")
		return ""
	}
	given := strings.ToLower(s)
	if prefix := strings.ToLower(e.prefix); strings.HasPrefix(given, prefix) {
		given = given[len(prefix):]
	}
	if given == e.unset {
		v.SetString("")
		return ""
	}
	if e.later != "" && given == e.later {
		return e.want() + "; " + e.later + " is " + notYet
	}
	var endings []string
	for _, w := range e.words {
		word := strings.ToLower(w[0])
		if word == given {
			v.SetString(w[1])
			return ""
		}
		if strings.HasSuffix(word, "_"+given) {
			endings = append(endings, w[1])
		}
	}
	if len(endings) != 1 {
		return e.want()
	}
	v.SetString(endings[0])
	return ""
}

// want lists the words.
func (e enumeration) want() string {
	words := make([]string, 0, len(e.words))
	for _, w := range e.words {
		if !slices.Contains(words, w[1]) {
			words = append(words, w[1])
		}
	}
	return oneOf(words)
}

// oneOf writes "a, b or c".
func oneOf(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
