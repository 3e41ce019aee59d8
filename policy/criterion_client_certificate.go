package policy

import (
	"strings"
)

// criterionClientCertificate tests the certificate that the client presented.
// Its fingerprint and the hash of its key prove themselves, since only the
// holder of the key ends the handshake. A name inside it is only as good as
// who signed it, so the tests of names want a valid certificate.
var criterionClientCertificate = &kind{
	name:    "client_certificate",
	summary: "Tests the certificate that the client presented; all that is said must hold.",
	form:    certificateForm,
	reads:   Reads{Certificate: true, CertificateLeaf: true},
	parse:   parseCertificateMatcher,
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		const leaf = "input.http.client_certificate."
		var conditions []string
		names := false
		for _, t := range c.operand.(certificateMatcher) {
			ref := leaf + t.field
			if t.names == nil {
				conditions = append(conditions, ref+" in "+l.set(t.hashes))
				continue
			}
			names = true
			conditions = append(conditions, "some "+t.field+" in "+ref)
			conditions = append(conditions, t.names.conditions(l, t.field)...)
		}
		if names {
			conditions = append([]string{"input.is_valid_client_certificate", leaf + "presented"}, conditions...)
		}
		out := []clause{{true, "client-certificate-ok", conditions}}
		if doubt && names {
			out = append(out, clause{true, "client-certificate-unauthorized", []string{
				leaf + "presented", "not input.is_valid_client_certificate"}})
		}
		return append(out, clause{false, "client-certificate-unauthorized", nil})
	},
}

// certificateFields in the order in which messages name them.
var certificateFields = []string{"fingerprint", "spki_hash", "san_email", "san_dns", "san_uri"}

// fingerprintText brings the two forms of a SHA-256 fingerprint, 64 hex digits
// and 32 pairs with colons, to lower-case digits; "" when it is neither.
func fingerprintText(s string) string {
	hex := s
	if len(s) == 32*3-1 {
		pairs := strings.Split(s, ":")
		for _, pair := range pairs {
			if len(pair) != 2 {
				return ""
			}
		}
		hex = strings.Join(pairs, "")
	}
	hex = lowerASCII(hex)
	if len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return ""
	}
	return hex
}
