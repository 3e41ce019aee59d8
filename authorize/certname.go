package authorize

import (
	"crypto/x509"
	"encoding/asn1"
	"strings"

	"github.com/cardea-proxy/cardea/config"
)

// The object identifiers of the subject alternative name (RFC 5280, section
// 4.2.1.6) and of the user principal name among its other names.
var (
	oidSubjectAltName    = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidUserPrincipalName = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// nameAccepted reports whether leaf bears a name that match_subject_alt_names
// asks for. One match suffices; without matchers every name will do.
func (v *certVerifier) nameAccepted(leaf *x509.Certificate) bool {
	if len(v.names) == 0 {
		return true
	}
	for _, m := range v.names {
		for _, name := range namesOf(leaf, m.Kind) {
			if matchesWhole(m, name) {
				return true
			}
		}
	}
	return false
}

// matchesWhole asks for a match of the whole name. The loader anchors the
// pattern; should it ever not, a part of a name must not do.
func matchesWhole(m config.SANMatcher, name string) bool {
	if m.Pattern == nil {
		return false
	}
	at := m.Pattern.FindStringIndex(name)
	return at != nil && at[0] == 0 && at[1] == len(name)
}

// namesOf returns the subject alternative names of one kind.
func namesOf(c *x509.Certificate, kind string) []string {
	var names []string
	switch kind {
	case "dns":
		names = c.DNSNames
	case "email":
		names = c.EmailAddresses
	case "ip_address":
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
	case "uri":
		for _, u := range c.URIs {
			names = append(names, u.String())
		}
	case "user_principal_name":
		names = principalNames(c)
	}
	return names
}

// principalNames reads the user principal names, which crypto/x509 leaves alone.
// What cannot be read is no name.
func principalNames(c *x509.Certificate) []string {
	var names []string
	for _, extension := range c.Extensions {
		if !extension.Id.Equal(oidSubjectAltName) {
			continue
		}
		var list asn1.RawValue
		if rest, err := asn1.Unmarshal(extension.Value, &list); err != nil || len(rest) > 0 || !list.IsCompound {
			return nil
		}
		for rest := list.Bytes; len(rest) > 0; {
			var name asn1.RawValue
			var err error
			if rest, err = asn1.Unmarshal(rest, &name); err != nil {
				return nil
			}
			if name.Class != asn1.ClassContextSpecific || name.Tag != 0 {
				continue // tag 0 is otherName
			}
			if text, ok := principalName(name.Bytes); ok {
				names = append(names, text)
			}
		}
	}
	return names
}

// principalName reads the inside of an otherName: its type, then the value
// under an explicit tag 0.
func principalName(inside []byte) (string, bool) {
	var id asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(inside, &id)
	if err != nil || !id.Equal(oidUserPrincipalName) {
		return "", false
	}
	var text string
	if rest, err = asn1.UnmarshalWithParams(rest, &text, "explicit,tag:0"); err != nil || len(rest) > 0 {
		return "", false
	}
	return text, strings.IndexByte(text, 0) < 0
}
