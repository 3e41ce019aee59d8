package config

import (
	"regexp"
	"strings"
)

func (l *loading) checkPath(r *Route, key string) {
	for name, p := range map[string]string{"prefix": r.Prefix, "path": r.Path, "prefix_rewrite": r.PrefixRewrite} {
		if p != "" && (p[0] != '/' || strings.ContainsAny(p, "?#\r\n\x00")) {
			l.refuse(key+"."+name, "", "a path that begins with / and has no query")
		}
	}
	l.pattern(key+".regex", r.Regex)
	for _, p := range []string{r.Prefix, r.Path} {
		if p == "/.pomerium" || strings.HasPrefix(p, "/.pomerium/") || strings.HasPrefix(p, "/.well-known/pomerium") {
			l.warn(key, "never reached, since these paths are Cardea's own on every host")
		}
	}
	for name, p := range map[string]string{"prefix": r.Prefix, "path": r.Path} {
		dots := l.c.NormalizePath && strings.Contains(p+"/", "/../") || l.c.NormalizePath && strings.Contains(p+"/", "/./")
		if dots || l.c.MergeSlashes && strings.Contains(p, "//") {
			l.warn(key+"."+name, "never reached, since paths are brought into one form first")
		}
		l.checkSpelling(p, key+"."+name)
	}
	given := 0
	for _, p := range []string{r.Regex, r.Path, r.Prefix} {
		if p != "" {
			given++
		}
	}
	if given > 1 {
		l.warn(key, "of regex, path and prefix only the first given counts, in this order")
	}
}

// checkSpelling warns of a path that requests write in another way: a route that
// is never reached leaves its requests to the next one, whose policy may let
// more people in.
func (l *loading) checkSpelling(p, key string) {
	switch {
	case strings.ContainsFunc(p, func(c rune) bool { return c <= ' ' || c >= 0x7f }),
		l.c.NormalizePath && (strings.Contains(p, `\`) || escapedPlain.MatchString(p)):
		l.warn(key, `never reached, since requests write this in another form (%41 as A, \ as /, blanks and letters beyond ASCII in percent signs): decide by http_path in a policy, which reads paths decoded`)
	case strings.Contains(p, "%"):
		l.warn(key, "compared letter for letter, so that a client gets past it by %c3 for %C3: decide by http_path in a policy, which reads paths decoded")
	}
}

// escapedPlain finds an escape of a character that needs none (RFC 3986,
// section 2.3). Envoy undoes those.
var escapedPlain = regexp.MustCompile(`(?i)%(?:2d|2e|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])`)

// pattern compiles a regular expression; nil is none, or refused.
func (l *loading) pattern(key, p string) *regexp.Regexp {
	if p == "" {
		return nil
	}
	return l.expression(key, p)
}

func (l *loading) checkRewrites(r *Route, key string) {
	if r.PrefixRewrite != "" && r.RegexRewritePattern != "" {
		l.refuse(key+".regex_rewrite_pattern", "prefix_rewrite is given too", "one of them")
	}
	l.substitution(key+".regex_rewrite", r.RegexRewritePattern, r.RegexRewriteSubstitution)
	l.substitution(key+".host_path_regex_rewrite", r.HostPathRegexRewritePattern, r.HostPathRegexRewriteSubstitution)
	if r.HostRewrite != "" {
		if host, _, ok := splitHost(r.HostRewrite); !ok || !validHost(host, false) {
			l.refuse(key+".host_rewrite", "", "a host, with or without a port")
		}
	}
	if r.HostRewriteHeader != "" && !isToken(r.HostRewriteHeader) {
		l.refuse(key+".host_rewrite_header", "", "a header name")
	}
	rewrites := 0
	for _, given := range []bool{r.HostRewrite != "", r.HostRewriteHeader != "", r.HostPathRegexRewritePattern != "", r.PreserveHostHeader} {
		if given {
			rewrites++
		}
	}
	if rewrites > 1 {
		l.warn(key, "of host_rewrite, host_rewrite_header, host_path_regex_rewrite_pattern and preserve_host_header only the first given counts, in this order")
	}
}

// backReference finds \0 to \9 in a substitution; `\\` is a backslash.
var backReference = regexp.MustCompile(`\\(.?)`)

// substitution checks a pattern with what takes its place: it may refer to the
// groups of the pattern and to no others.
func (l *loading) substitution(key, pattern, replacement string) {
	re := l.pattern(key+"_pattern", pattern)
	if re == nil {
		if pattern == "" && replacement != "" {
			l.refuse(key+"_substitution", "the pattern is missing", "both")
		}
		return
	}
	for _, m := range backReference.FindAllStringSubmatch(replacement, -1) {
		if m[1] == `\` {
			continue
		}
		if m[1] == "" || m[1][0] < '0' || m[1][0] > '9' || int(m[1][0]-'0') > re.NumSubexp() {
			l.refuse(key+"_substitution", "", `references (\1) to groups of the pattern only`)
			return
		}
	}
	if strings.ContainsAny(replacement, "\r\n\x00") {
		l.refuse(key+"_substitution", "", "text without line breaks")
	}
}
