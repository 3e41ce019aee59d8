package xds

import (
	"strings"

	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// pathRules are what a listener does to paths before it looks for a route.
type pathRules struct {
	normalize bool
	merge     bool
	escaped   hcmv3.HttpConnectionManager_PathWithEscapedSlashesAction
}

// apply returns the path, with its query, that Envoy looks for a route with. A
// status other than 0 is Envoy's own answer, and why says what it is for. The
// path is printable ASCII and begins with a slash.
func (r pathRules) apply(target string) (path string, status int, why string, err error) {
	if strings.Contains(target, "#") {
		return target, 400, "the path holds a #, which no request may", nil
	}
	path, query := cutQuery(target)
	redirect := false
	if r.escaped != hcmv3.HttpConnectionManager_KEEP_UNCHANGED {
		plain := unescapeSlashes(path)
		if plain != path {
			switch r.escaped {
			case hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT:
				redirect = true
			case hcmv3.HttpConnectionManager_UNESCAPE_AND_FORWARD:
			default:
				return target, 400, "the path holds an escaped slash or backslash, which path_with_escaped_slashes_action refuses", nil
			}
		}
		path = plain
	}
	if r.normalize {
		plain, ok, err := normalizePath(path)
		switch {
		case err != nil:
			return "", 0, "", err
		case !ok:
			return target, 400, "the path holds an escaped NUL", nil
		}
		path = plain
	}
	if r.merge {
		path = mergeSlashes(path)
	}
	if redirect {
		return path + query, 307, "the path holds an escaped slash or backslash, and Envoy sends the client to it without", nil
	}
	return path + query, 0, "", nil
}

// cutQuery parts a target before its "?".
func cutQuery(target string) (path, query string) {
	if i := strings.IndexByte(target, '?'); i >= 0 {
		return target[:i], target[i:]
	}
	return target, ""
}

func unescapeSlashes(path string) string {
	for _, pair := range [][2]string{{"%2F", "/"}, {"%2f", "/"}, {"%5C", `\`}, {"%5c", `\`}} {
		path = strings.ReplaceAll(path, pair[0], pair[1])
	}
	return path
}

// mergeSlashes makes one slash of several. A path of nothing but slashes keeps
// two of them, for it both begins and ends with one.
func mergeSlashes(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	merged := "/" + strings.Join(strings.FieldsFunc(path, func(c rune) bool { return c == '/' }), "/")
	if strings.HasSuffix(path, "/") {
		merged += "/"
	}
	return merged
}

// normalizePath is RFC 3986, section 6.2.2, as Envoy reads it: dot segments are
// resolved, a backslash is a slash, what needs no escape loses it and what needs
// one gets it. ok is false for a path that Envoy refuses.
func normalizePath(path string) (plain string, ok bool, err error) {
	var kept []string
	segments := strings.Split(strings.ReplaceAll(cutDotParameters(path[1:]), `\`, "/"), "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch dotSegment(segment) {
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		case ".":
		default:
			if strings.Contains(segment, "%00") {
				return "", false, nil
			}
			if segment, err = normalizeEscapes(segment); err != nil {
				return "", false, err
			}
			kept = append(kept, segment)
			continue
		}
		if last {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/"), true, nil
}

// cutDotParameters takes away the parameters of dot segments. Envoy does it
// first of all: it sees neither escaped dots nor backslashes there.
func cutDotParameters(path string) string {
	if !strings.Contains(path, ".;") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			segments[i] = name
		}
	}
	return strings.Join(segments, "/")
}

// dotSegment returns "." or ".." for a segment that is one of them, escaped or
// not, and "" for every other.
func dotSegment(segment string) string {
	switch dots := strings.ReplaceAll(strings.ReplaceAll(segment, "%2e", "."), "%2E", "."); dots {
	case ".", "..":
		return dots
	}
	return ""
}

// alwaysEscaped are the printable characters that Envoy escapes in a path.
const alwaysEscaped = "\"<>^`{|}"

// normalizeEscapes rewrites the escapes of one segment.
func normalizeEscapes(segment string) (string, error) {
	if !strings.ContainsAny(segment, "%"+alwaysEscaped) {
		return segment, nil
	}
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	broken := -3 // where the last "%" that begins no escape stands in out
	for i := 0; i < len(segment); i++ {
		c := segment[i]
		switch {
		case strings.IndexByte(alwaysEscaped, c) >= 0:
			out.Write([]byte{'%', hex[c>>4], hex[c&15]})
		case c != '%':
			out.WriteByte(c)
		case i+2 >= len(segment) || !isHex(segment[i+1]) || !isHex(segment[i+2]):
			broken = out.Len()
			out.WriteByte('%')
		default:
			if plain := unhex(segment[i+1])<<4 | unhex(segment[i+2]); unreserved(plain) {
				// With what stands before it, this could become a new escape.
				if out.Len()-broken <= 2 {
					return "", unsure("the path has an escape within a broken one, %q", segment)
				}
				out.WriteByte(plain)
			} else {
				out.WriteString(segment[i : i+3])
			}
			i += 2
		}
	}
	return out.String(), nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// unhex returns the value of a hexadecimal digit.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// unreserved characters are never escaped (RFC 3986, section 2.3).
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
