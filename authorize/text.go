package authorize

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// appendText appends s as a JSON string (RFC 8259, section 7). Control
// characters, DEL and the line separators of Unicode are escaped, so that
// nothing a client sends can begin a line of its own; invalid UTF-8 becomes
// U+FFFD.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		size := 1
		var r rune = utf8.RuneError
		if c >= utf8.RuneSelf {
			if r, size = utf8.DecodeRuneInString(s[i:]); size > 1 && !breaksLine(r) {
				i += size
				continue
			}
		} else {
			r = rune(c)
		}
		b = append(b, s[start:i]...)
		b = appendEscaped(b, r)
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// breaksLine reports whether viewers of logs take r for a line break or let it
// turn the text around.
func breaksLine(r rune) bool {
	return r == 0x85 || r == 0x2028 || r == 0x2029 || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
}

func appendEscaped(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
