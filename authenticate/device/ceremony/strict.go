package ceremony

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// The library reads the same bytes as we do, with readers that take the last of
// two equal keys, keys in another case, and bytes behind the end. What this file
// lets through reads the same everywhere.

// maxDepth bounds the nesting of JSON and CBOR. Attestations nest three deep.
const maxDepth = 6

// object reads one JSON object of at most limit bytes, in UTF-8, in which no
// object has two keys that encoding/json would take for one.
func object(raw []byte, limit int) (map[string]json.RawMessage, error) {
	switch {
	case len(raw) > limit:
		return nil, fmt.Errorf("%w: %d bytes of JSON: at most %d are read", ErrMalformed, len(raw), limit)
	case !utf8.Valid(raw) || !json.Valid(raw):
		return nil, fmt.Errorf("%w: not JSON", ErrMalformed)
	}
	if err := checkKeys(json.NewDecoder(bytes.NewReader(raw))); err != nil {
		return nil, err
	}
	return members(raw)
}

// members reads a JSON object that object has looked through.
func members(raw json.RawMessage) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil || m == nil {
		return nil, fmt.Errorf("%w: not a JSON object", ErrMalformed)
	}
	return m, nil
}

// checkKeys walks one valid JSON text.
func checkKeys(d *json.Decoder) error {
	d.UseNumber()
	type level struct {
		seen  map[string]bool // nil in an array
		value bool            // whether a value comes next, in an object
	}
	var levels []*level
	for {
		token, err := d.Token()
		if err != nil {
			return nil // the end: the text is valid
		}
		delim, isDelim := token.(json.Delim)
		if isDelim && (delim == '}' || delim == ']') {
			levels = levels[:len(levels)-1]
			continue
		}
		if n := len(levels); n > 0 && levels[n-1].seen != nil {
			in := levels[n-1]
			if key, isKey := token.(string); isKey && !in.value {
				folded := strings.Map(fold, key)
				if in.seen[folded] {
					return fmt.Errorf("%w: key %.40q stands twice", ErrMalformed, key)
				}
				in.seen[folded], in.value = true, true
				continue
			}
			in.value = false
		}
		if isDelim {
			if len(levels) == maxDepth {
				return fmt.Errorf("%w: JSON nests deeper than %d", ErrMalformed, maxDepth)
			}
			next := &level{}
			if delim == '{' {
				next.seen = map[string]bool{}
			}
			levels = append(levels, next)
		}
	}
}

// fold returns the least of the runes that differ from r by case alone, as
// encoding/json compares keys.
func fold(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

// text reads a JSON string; a key that is absent or null is "".
func text(m map[string]json.RawMessage, key string) (string, error) {
	var s *string
	raw, there := m[key]
	if !there {
		return "", nil
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("%w: %s: want a string", ErrMalformed, key)
	}
	if s == nil {
		return "", nil
	}
	return *s, nil
}

// octets reads a JSON string of base64url without padding, of at most limit
// bytes; a key that is absent or null is nil.
func octets(m map[string]json.RawMessage, key string, limit int) ([]byte, error) {
	s, err := text(m, key)
	if err != nil || s == "" {
		return nil, err
	}
	// The decoder passes over line ends, which would make two texts of one id.
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("%w: %s: want base64url without padding", ErrMalformed, key)
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%w: %s: %d bytes: at most %d are read", ErrMalformed, key, len(b), limit)
	}
	return b, nil
}

// A cborReader reads CBOR in which nothing stands twice, nothing is of unknown
// length and nothing is tagged, as CTAP 2.1, section 8, has it.
type cborReader struct{ mode cbor.DecMode }

func newCBORReader() cborReader {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  maxDepth,
		MaxArrayElements: 64,
		MaxMapPairs:      64,
	}.DecMode()
	if err != nil {
		panic("ceremony: " + err.Error()) // the options above are constant
	}
	return cborReader{mode: mode}
}

// CBOR's kinds (RFC 8949, section 3.1).
const (
	cborUnsigned = 0
	cborNegative = 1
	cborBytes    = 2
	cborText     = 3
	cborArray    = 4
	cborMap      = 5
)

// first splits raw behind its first item, which is well-formed, of that kind,
// and has no key twice at any depth.
func (r cborReader) first(raw []byte, kind byte) (item, rest []byte, err error) {
	if !is(raw, kind) {
		return nil, nil, fmt.Errorf("%w: CBOR of another kind than expected", ErrMalformed)
	}
	var whole any
	rest, err = r.mode.UnmarshalFirst(raw, &whole)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: CBOR: %w", ErrMalformed, err)
	}
	return raw[:len(raw)-len(rest)], rest, nil
}

// into reads raw, an item of that kind and nothing behind it.
func (r cborReader) into(raw []byte, kind byte, value any) error {
	if !is(raw, kind) {
		return fmt.Errorf("%w: CBOR of another kind than expected", ErrMalformed)
	}
	if err := r.mode.Unmarshal(raw, value); err != nil {
		return fmt.Errorf("%w: CBOR: %w", ErrMalformed, err)
	}
	return nil
}

// integer reads a number of either sign.
func (r cborReader) integer(raw []byte) (n int64, err error) {
	kind := byte(cborUnsigned)
	if is(raw, cborNegative) {
		kind = cborNegative
	}
	err = r.into(raw, kind, &n)
	return n, err
}

func is(raw []byte, kind byte) bool { return len(raw) > 0 && raw[0]>>5 == kind }
