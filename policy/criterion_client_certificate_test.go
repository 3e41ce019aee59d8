package policy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
)

// leaf is as much of a certificate as the criterion reads.
func leaf() *x509.Certificate {
	return &x509.Certificate{
		Raw:                     []byte("certificate"),
		RawSubjectPublicKeyInfo: []byte("key"),
		EmailAddresses:          []string{"ada@example.com", "lovelace@example.org"},
		DNSNames:                []string{"laptop.example.com"},
		URIs:                    []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/ada"}},
	}
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	const ok, no = "client-certificate-ok", "client-certificate-unauthorized"
	sum := sha256.Sum256([]byte("certificate"))
	print := hex.EncodeToString(sum[:])
	var pairs []string
	for i := 0; i < len(print); i += 2 {
		pairs = append(pairs, strings.ToUpper(print[i:i+2]))
	}
	colons := strings.Join(pairs, ":")
	key := sha256.Sum256([]byte("key"))
	spki := base64.StdEncoding.EncodeToString(key[:])
	other := strings.Repeat("0", 64)

	with := func(presented, valid bool) Facts {
		r := get()
		r.ClientCertificate = ClientCertificate{Presented: presented, Valid: valid, Leaf: leaf()}
		return Facts{Request: r}
	}
	valid := with(true, true)
	runCriterion(t, []criterionCase{
		{"its fingerprint", "client_certificate: {fingerprint: " + print + "}", valid, true, reasons(ok)},
		{"with colons", "client_certificate: {fingerprint: '" + colons + "'}", valid, true, reasons(ok)},
		{"one of several", "client_certificate: {fingerprint: ['" + other + "', " + print + "]}", valid, true, reasons(ok)},
		{"another fingerprint", "client_certificate: {fingerprint: '" + other + "'}", valid, false, reasons(no)},
		{"a fingerprint proves itself", "client_certificate: {fingerprint: " + print + "}", with(true, false), true, reasons(ok)},
		{"the hash of its key", "client_certificate: {spki_hash: " + spki + "}", valid, true, reasons(ok)},
		{"and its fingerprint", "client_certificate: {spki_hash: " + spki + ", fingerprint: '" + other + "'}", valid, false, reasons(no)},
		{"an e-mail address", "client_certificate: {san_email: lovelace@example.org}", valid, true, reasons(ok)},
		{"a name", "client_certificate: {san_dns: {ends_with: .example.com}}", valid, true, reasons(ok)},
		{"a URI", "client_certificate: {san_uri: spiffe://example.com/ada}", valid, true, reasons(ok)},
		{"another name", "client_certificate: {san_dns: laptop.example.org}", valid, false, reasons(no)},
		{"all tests hold for one name", "client_certificate: {san_email: {starts_with: ada, ends_with: .org}}", valid, false, reasons(no)},
		{"a name in a certificate that nobody vouches for", "client_certificate: {san_dns: laptop.example.com}", with(true, false), false, reasons(no)},
		{"none presented", "client_certificate: {fingerprint: " + print + "}", with(false, true), false, reasons(no)},
		{"none presented, by name", "client_certificate: {san_dns: {not: x}}", with(false, true), false, reasons(no)},
	})
	t.Run("a deny by name holds for a certificate that nobody vouches for", func(t *testing.T) {
		t.Parallel()
		p := program(t, "{allow: {or: [{accept: }]}, deny: {or: [{client_certificate: {san_dns: lost.example.com}}]}}")
		if d := p.Decide(t.Context(), with(true, false)); d.Outcome != Deny {
			t.Errorf("Decide = %+v", d)
		}
		if d := p.Decide(t.Context(), valid); d.Outcome != Allow {
			t.Errorf("Decide = %+v", d)
		}
	})
	const wantPrint = "want a SHA-256 fingerprint: 64 hexadecimal digits, or 32 pairs with colons"
	runBad(t, []badCase{
		{"text", "allow: {or: [{client_certificate: x}]}", "1:35: policy.allow.or[0].client_certificate: want an object of fingerprint, spki_hash, san_email, san_dns, san_uri"},
		{"a short fingerprint", "allow: {or: [{client_certificate: {fingerprint: abcd}}]}", "1:49: policy.allow.or[0].client_certificate.fingerprint: " + wantPrint},
		{"colons at odd places", "allow: {or: [{client_certificate: {fingerprint: ['" + strings.Repeat("aaa:a", 19) + "']}}]}", "1:50: policy.allow.or[0].client_certificate.fingerprint[0]: " + wantPrint},
		{"no fingerprint", "allow: {or: [{client_certificate: {fingerprint: []}}]}", "1:49: policy.allow.or[0].client_certificate.fingerprint: " + wantPrint + ", or a list of them"},
		{"a hash of another length", "allow: {or: [{client_certificate: {spki_hash: YWJj}}]}", "1:47: policy.allow.or[0].client_certificate.spki_hash: want the SHA-256 of a public key: 32 bytes in base64"},
		{"an unknown field", "allow: {or: [{client_certificate: {san_mail: x}}]}", `1:36: policy.allow.or[0].client_certificate: unknown operator "san_mail" (did you mean "san_email"?), want one of fingerprint, spki_hash, san_email, san_dns, san_uri`},
	})
}
