package pages

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// How much of a hostile text is shown, in characters.
const (
	maxLine  = 160 // a name, a host, an id
	maxValue = 400 // a claim, a header
)

// clean returns s with everything that could deceive a reader made visible, and
// at most limit characters of it. Control characters, direction overrides,
// invisible characters and tags appear as their code point, "[U+202E]"; invalid
// UTF-8 as U+FFFD. Joiners stay: scripts and emoji need them.
func clean(s string, limit int) string {
	if plain(s, limit) {
		return s
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == limit {
			fmt.Fprintf(&b, "… (%d characters)", utf8.RuneCountInString(s))
			break
		}
		n++
		if deceives(r) {
			fmt.Fprintf(&b, "[U+%04X]", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// plain reports whether s needs no cleaning: the ordinary case, kept cheap.
func plain(s string, limit int) bool {
	if len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// deceives reports whether r changes how other characters are read without
// being seen itself.
func deceives(r rune) bool {
	switch {
	case r == '\u200c', r == '\u200d': // joiners
		return false
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
		return true
	case r == '\u2028', r == '\u2029', r == '\u115f', r == '\u1160', r == '\u3164', r == '\uffa0':
		return true // line and paragraph separators, letters without a shape
	}
	return false
}

// line cleans a short text: a name, a host, an id.
func line(s string) string { return clean(s, maxLine) }

// ago says how far t is from now, in words: "3 minutes ago", "in 2 hours".
func ago(t, now time.Time) string {
	d := now.Sub(t)
	form := say("time.ago")
	if d < 0 {
		d, form = -d, say("time.in")
	}
	var n int
	var unit string
	switch {
	case d < 45*time.Second:
		if now.Before(t) {
			return say("time.soon")
		}
		return say("time.now")
	case d < 90*time.Minute:
		n, unit = int((d+30*time.Second)/time.Minute), "minute"
	case d < 36*time.Hour:
		n, unit = int((d+30*time.Minute)/time.Hour), "hour"
	default:
		n, unit = int((d+12*time.Hour)/(24*time.Hour)), "day"
	}
	return fmt.Sprintf(form, count(n, unit))
}

// count prints "1 minute", "2 minutes".
func count(n int, unit string) string {
	if n == 1 {
		return say("one." + unit)
	}
	return say("many."+unit, n)
}

// exact is a time as a person writes it, always with its zone. The script turns
// it into the reader's own zone; without scripts it stays UTC and says so.
func exact(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 MST") }

// stamp is t for the datetime attribute.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// href returns a link that a page may hold: an http or https address, or a path
// of this host. Anything else is "": the page then leaves the link out.
func href(s string) string {
	if s == "" || len(s) > maxURL {
		return ""
	}
	for i := range len(s) {
		// Browsers drop tabs and line ends, and read "\" as "/".
		if s[i] <= 0x20 || s[i] == 0x7f || s[i] == '\\' {
			return ""
		}
	}
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	switch {
	case (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil:
		return s
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//"):
		return s
	}
	return ""
}

// maxURL bounds an address in a page, in bytes (RFC 9110, section 4.1 asks for
// 8000 at least).
const maxURL = 8 << 10

// originOf returns scheme://host[:port] of an http or https address.
func originOf(s string) (string, bool) {
	if href(s) == "" || strings.HasPrefix(s, "/") {
		return "", false
	}
	u, err := url.Parse(s)
	if err != nil || strings.ContainsAny(u.Host, ";, '\"") {
		return "", false
	}
	return u.Scheme + "://" + u.Host, true
}

// image returns the address of a picture that our policy lets a browser load:
// a data: image, or a path of this host. Anything else is "".
func image(s string) template.URL {
	for _, kind := range []string{"png", "jpeg", "gif", "webp", "svg+xml"} {
		rest, ok := strings.CutPrefix(s, "data:image/"+kind)
		if ok && len(s) <= maxImage && rest != "" && (rest[0] == ';' || rest[0] == ',') {
			return template.URL(s) // html/template would refuse data: as a whole
		}
	}
	if strings.HasPrefix(s, "/") {
		return template.URL(href(s))
	}
	return ""
}

// maxImage bounds a data: image, in bytes. All pictures of one page together
// are bounded by the page that shows them.
const maxImage = 16 << 10

// monogram is the first letter or digit of a name, in upper case, for where
// there is no picture.
func monogram(s string) string {
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "·"
}

// cost is how many bytes s takes in a page: html/template writes six characters
// as references of five bytes at most.
func cost(s string) int {
	n := len(s)
	for i := range len(s) {
		switch s[i] {
		case '&', '<', '>', '"', '\'', '+':
			n += 4
		}
	}
	return n
}

// code cleans a text of several lines, which keep their indent.
func code(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(clean(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    "), maxCodeLine))
		b.WriteByte('\n')
	}
	return b.String()
}

// maxCodeLine bounds one line, in bytes.
const maxCodeLine = 2000
