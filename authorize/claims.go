package authorize

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxClaimDepth bounds how deep a claim's name may reach into objects, as in
// the criterion claim/<path>.
const maxClaimDepth = 5

// lookUpClaim returns the claim called name: that very name first (claims may
// be called "https://example/role"), then as a path into objects, its parts
// joined by "/" or ".".
func lookUpClaim(claims map[string]any, name string) (any, bool) {
	if v, ok := claims[name]; ok {
		return v, v != nil
	}
	parts := strings.FieldsFunc(name, func(c rune) bool { return c == '/' || c == '.' })
	if len(parts) < 2 || len(parts) > maxClaimDepth {
		return nil, false
	}
	var at any = claims
	for _, part := range parts {
		object, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = object[part]; !ok {
			return nil, false
		}
	}
	return at, at != nil
}

// claimText returns a claim as one text: a list joined with commas, an object
// as JSON. A comma inside an element of a list is written %2C, so that nobody
// becomes a member of "a,admins" and is taken for a member of admins.
func claimText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []string:
		return joinValues(v)
	case []any:
		texts := make([]string, 0, len(v))
		for _, element := range v {
			texts = append(texts, claimText(element))
		}
		return joinValues(texts)
	case bool, json.Number, int, int64, uint64:
		return fmt.Sprint(v)
	}
	plain, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(plain)
}

// joinValues joins with commas what may hold commas itself.
func joinValues(values []string) string {
	switch len(values) {
	case 0:
		return ""
	case 1:
		return strings.ReplaceAll(values[0], ",", "%2C")
	}
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.ReplaceAll(v, ",", "%2C"))
	}
	return b.String()
}

// headerText returns s when it may stand in a header, and "" otherwise: a value
// with a line break or another control character is hostile, and a mended one
// would be the name of somebody else. What is not ASCII goes up as UTF-8, which
// RFC 9110, section 5.5, lets pass as opaque bytes and which upstreams expect.
func headerText(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return ""
		}
	}
	if !utf8.ValidString(s) {
		return ""
	}
	// Blanks at the ends are not part of a field value; a parser upstream would
	// drop them, and then see another value than ours.
	return strings.Trim(s, " \t")
}
