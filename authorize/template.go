package authorize

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
)

// A template is the value of a set_request_headers key, taken apart once when
// the configuration is applied.
type template []piece

// A piece is literal text or one reference.
type piece struct {
	kind pieceKind
	text string // the literal, or the lower-case name of a request header
}

type pieceKind uint8

const (
	pieceLiteral pieceKind = iota
	pieceAccessToken
	pieceIDToken
	pieceJWT
	pieceCertFingerprint
	pieceCertDNS
	pieceCertEmail
	pieceHeader
	pieceUnknown // stands for nothing
)

// references are what may follow "$", in braces or bare, but for request
// headers, which carry a name.
var references = map[string]pieceKind{
	"pomerium.access_token":            pieceAccessToken,
	"pomerium.id_token":                pieceIDToken,
	"pomerium.jwt":                     pieceJWT,
	"pomerium.client_cert_fingerprint": pieceCertFingerprint,
	"pomerium.client_cert_san_dns":     pieceCertDNS,
	"pomerium.client_cert_san_email":   pieceCertEmail,
}

const headerReference = "pomerium.request.headers["

// parseTemplate takes text apart: "$$" is a dollar sign, "${x}" and "$x" are
// references, and a dollar sign before anything else is itself.
func parseTemplate(text string) template {
	var t template
	literal := func(s string) {
		if n := len(t); n > 0 && t[n-1].kind == pieceLiteral {
			t[n-1].text += s
			return
		}
		t = append(t, piece{pieceLiteral, s})
	}
	for text != "" {
		before, after, found := strings.Cut(text, "$")
		if before != "" {
			literal(before)
		}
		if !found {
			break
		}
		var name string
		switch {
		case strings.HasPrefix(after, "$"):
			literal("$")
			text = after[1:]
			continue
		case strings.HasPrefix(after, "{"):
			name, text = cutBraced(after[1:])
		default:
			name, text = cutBare(after)
		}
		if name == "" && !strings.HasPrefix(after, "{") {
			literal("$")
			continue
		}
		t = append(t, reference(name))
	}
	return t
}

// cutBraced cuts a reference off at its closing brace; one inside quotes does
// not close it. Without any, all of the rest is an unknown reference.
func cutBraced(s string) (name, rest string) {
	quote := byte(0)
	for i := range len(s) {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '}':
			return s[:i], s[i+1:]
		}
	}
	return "", ""
}

// cutBare cuts off a reference without braces: words joined by dots, and an
// index in brackets at the end.
func cutBare(s string) (name, rest string) {
	i := 0
	for i < len(s) {
		c := s[i]
		word := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9'
		dot := c == '.' && i > 0 && i+1 < len(s) && (s[i+1] == '_' || 'a' <= s[i+1]|0x20 && s[i+1]|0x20 <= 'z')
		if !word && !dot {
			break
		}
		i++
	}
	if i < len(s) && s[i] == '[' && s[:i]+"[" == headerReference {
		if end := strings.IndexByte(s[i:], ']'); end > 0 {
			i += end + 1
		}
	}
	return s[:i], s[i:]
}

func reference(name string) piece {
	name = strings.TrimSpace(name)
	if kind, ok := references[name]; ok {
		return piece{kind: kind}
	}
	index, found := strings.CutPrefix(name, headerReference)
	if index, ok := strings.CutSuffix(index, "]"); found && ok {
		header := strings.ToLower(strings.Trim(strings.TrimSpace(index), `"'`))
		if header != "" {
			return piece{pieceHeader, header}
		}
	}
	return piece{kind: pieceUnknown}
}

// has reports whether one of the kinds occurs in t.
func (t template) has(kinds ...pieceKind) bool {
	for _, p := range t {
		for _, k := range kinds {
			if p.kind == k {
				return true
			}
		}
	}
	return false
}

// perRequest reports whether t may differ between two requests of one person on
// one route.
func (t template) perRequest() bool {
	return t.has(pieceHeader, pieceCertFingerprint, pieceCertDNS, pieceCertEmail)
}

// templateValues are what references stand for; a nil person or leaf has none.
type templateValues struct {
	person    *person
	assertion string
	request   *request
	leaf      *x509.Certificate
	cookie    string // the name of our cookies, which no reference reveals
}

func (t template) expand(v *templateValues) string {
	if len(t) == 1 && t[0].kind == pieceLiteral {
		return t[0].text
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.value(v))
	}
	return headerText(b.String())
}

func (p piece) value(v *templateValues) string {
	switch p.kind {
	case pieceLiteral:
		return p.text
	case pieceJWT:
		return v.assertion
	case pieceHeader:
		return v.request.forUpstream(p.text, v.cookie)
	case pieceAccessToken, pieceIDToken:
		if v.person == nil {
			return ""
		}
		if p.kind == pieceIDToken {
			return v.person.session.IDToken.Reveal()
		}
		return v.person.session.AccessToken.Reveal()
	}
	if v.leaf == nil {
		return ""
	}
	switch p.kind {
	case pieceCertFingerprint:
		sum := sha256.Sum256(v.leaf.Raw)
		return hex.EncodeToString(sum[:])
	case pieceCertDNS:
		return joinValues(v.leaf.DNSNames)
	case pieceCertEmail:
		return joinValues(v.leaf.EmailAddresses)
	}
	return ""
}
