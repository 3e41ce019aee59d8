package config

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// redacted is what every secret prints as.
const redacted = "[redacted]"

// Secret is text that must never be shown. Every way of printing it says
// "[redacted]"; Reveal is the only door.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String says "[redacted]", or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from showing the secret.
func (s Secret) GoString() string { return `config.Secret("` + s.String() + `")` }

// Format answers every verb, also those that fmt would print a string with
// when it does not fit, such as %d.
func (s Secret) Format(f fmt.State, verb rune) { write(f, verb, s.String(), s.GoString()) }

// MarshalText keeps encoders, loggers among them, from showing the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Key is 32 bytes of key; it prints as Secret does. Nil is no key.
type Key []byte

// String says "[redacted]".
func (k Key) String() string { return redacted }

// GoString says "[redacted]".
func (k Key) GoString() string { return redacted }

// Format answers every verb.
func (k Key) Format(f fmt.State, verb rune) { write(f, verb, redacted, redacted) }

// MarshalText says "[redacted]".
func (k Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON says "[redacted]": a byte slice would be printed in base64.
func (k Key) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// String names a certificate without its key.
func (c Certificate) String() string {
	if c.Leaf == nil {
		return "certificate"
	}
	return "certificate for " + strings.Join(append(c.Leaf.DNSNames, c.Leaf.Subject.CommonName), " ")
}

// Format answers every verb: the parsed key within would print itself.
func (c Certificate) Format(f fmt.State, verb rune) { write(f, verb, c.String(), c.String()) }

// MarshalJSON writes what String says.
func (c Certificate) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// MarshalJSON writes c without the private keys that have no type of ours.
func (c Config) MarshalJSON() ([]byte, error) {
	type plain Config
	p := plain(c)
	p.SigningKeys = nil
	return json.Marshal(p)
}

// Format prints the fields of c under every verb. Left to itself, fmt goes
// around the methods of secrets when a verb does not fit a pointer.
func (c Config) Format(f fmt.State, verb rune) {
	type plain Config
	writeFields(f, verb, plain(c))
}

// Format prints the fields of r under every verb.
func (r Route) Format(f fmt.State, verb rune) {
	type plain Route
	writeFields(f, verb, plain(r))
}

// writeFields prints v with %v, %+v or %#v, whichever is nearest to verb.
func writeFields(f fmt.State, verb rune, v any) {
	format := "%v"
	switch {
	case verb == 'v' && f.Flag('#'):
		format = "%#v"
	case verb == 'v' && f.Flag('+'):
		format = "%+v"
	}
	_, _ = fmt.Fprintf(f, format, v) // a printer has nobody to report to
}

// write prints plain, or goSyntax for %#v.
func write(f fmt.State, verb rune, plain, goSyntax string) {
	text := plain
	switch {
	case verb == 'v' && f.Flag('#'):
		text = goSyntax
	case verb == 'q':
		text = `"` + plain + `"`
	}
	_, _ = io.WriteString(f, text) // a printer has nobody to report to
}
