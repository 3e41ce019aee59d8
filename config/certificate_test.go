package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// now is the time of the tests here; certificates are valid an hour around it.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// A testKey is a key with a certificate of its own authority.
type testKey struct{ cert, key, crl string }

func newTestKey(t *testing.T, name string, notAfter time.Time) testKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: now.Add(-time.Hour), NotAfter: notAfter, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	crl, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1),
		ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, parsed, key)
	if err != nil {
		t.Fatal(err)
	}
	return testKey{cert: block("CERTIFICATE", der), key: privatePEM(t, key), crl: block("X509 CRL", crl)}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func privatePEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// loadWith loads a document whose folder holds the files given by name.
func loadWith(t *testing.T, text string, files map[string]string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		put(t, filepath.Join(dir, name), content)
	}
	put(t, filepath.Join(dir, "config.yaml"), text)
	return Load(t.Context(), Options{File: filepath.Join(dir, "config.yaml"), Now: func() time.Time { return now }})
}

func TestCertificatesAreReadInOrder(t *testing.T) {
	t.Parallel()
	a, b, c := newTestKey(t, "a.example", now.Add(time.Hour)), newTestKey(t, "b.example", now.Add(time.Hour)), newTestKey(t, "c.example", now.Add(-time.Minute))
	got, err := loadWith(t, fmt.Sprintf(`
certificate_file: c.pem
certificate_key_file: c.key
certificate: %s
certificate_key: %s
certificates: [{cert: b.pem, key: b.key}]
certificate_authority: %s
device_attestation_ca: %s
`, b64(a.cert), b64(a.key), b64(a.cert), b64(b.cert)), map[string]string{"c.pem": c.cert, "c.key": c.key, "b.pem": b.cert, "b.key": b.key})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, cert := range got.Certificates {
		names = append(names, cert.Leaf.DNSNames[0])
	}
	if s := strings.Join(names, " "); s != "a.example b.example c.example" {
		t.Errorf("order %s", s)
	}
	if len(got.Files) != 5 {
		t.Errorf("files %v, want the document and four more", got.Files)
	}
	if string(got.UpstreamCA) != a.cert {
		t.Error("the authority of upstreams is not the one given")
	}
	if string(got.AttestationCA) != b.cert {
		t.Error("the authority of devices is not the one given")
	}
	var warned string
	for _, w := range got.Warnings {
		warned += w.Error() + "\n"
	}
	if !strings.Contains(warned, "config.yaml:2: certificate_file: certificate expired on 2026-11-22") {
		t.Errorf("warnings %q do not name the expired certificate", warned)
	}
}

func TestCertificatesThatAreRefused(t *testing.T) {
	t.Parallel()
	a, b := newTestKey(t, "a.example", now.Add(time.Hour)), newTestKey(t, "b.example", now.Add(time.Hour))
	files := map[string]string{"a.pem": a.cert, "a.key": a.key, "b.key": b.key, "empty": "", "key-only": a.key}
	for _, tc := range []struct{ name, text, want string }{
		{"a key of another certificate", "certificate_file: a.pem\ncertificate_key_file: b.key", ":2: certificate_key_file: " + "want " + wantKeyPair},
		{"an inline key of another certificate", "certificate: " + b64(a.cert) + "\ncertificate_key: " + b64(b.key), ":2: certificate_key: want " + wantKeyPair},
		{"a key without base64", "certificate: " + b64(a.cert) + "\ncertificate_key: '***'", ":2: certificate_key: want base64"},
		{"a key in the place of a certificate", "certificates: [{cert: key-only, key: a.key}]", ":1: certificates[0].cert: want PEM certificates"},
		{"an empty file", "certificate_authority_file: empty", ":1: certificate_authority_file: want PEM certificates"},
		{"a list of revocations that is none", "downstream_mtls: {ca_file: a.pem, crl_file: a.pem}", ":1: downstream_mtls.crl_file: want revocation lists as PEM"},
		{"a missing file", "downstream_mtls: {ca_file: nowhere.pem}", ":1: downstream_mtls.ca_file: no such file; want a readable file"},
		{"a secret file that is empty", "shared_secret_file: empty", ":1: shared_secret_file: empty file; want a file with the secret"},
		{"a client key of another certificate", "routes:\n- from: https://a.localhost\n  to: https://b\n  tls_client_cert_file: a.pem\n  tls_client_key_file: b.key",
			":5: routes[0].tls_client_key_file: want " + wantKeyPair},
		{"a downstream authority that is none", "routes:\n- from: https://a.localhost\n  to: https://b\n  tls_downstream_client_ca: YQ==",
			":4: routes[0].tls_downstream_client_ca: want PEM certificates"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := loadWith(t, tc.text, files)
			if err == nil || !strings.HasSuffix(err.Error(), "config.yaml"+tc.want) {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	ca := newTestKey(t, "ca.example", now.Add(time.Hour))
	const routes = "\nroutes:\n- {from: https://a.localhost, to: 'http://b', allow_any_authenticated_user: true}\n"
	for _, tc := range []struct {
		name, text string
		deny       bool
	}{
		{"no authority, no rule", routes, false},
		{"an authority makes every route deny", "downstream_mtls: {ca_file: ca.pem, crl_file: ca.crl}" + routes, true},
		{"rejecting connections does too", "downstream_mtls: {ca_file: ca.pem, enforcement: reject_connection}" + routes, true},
		{"with policy, policies decide", "downstream_mtls: {ca_file: ca.pem, enforcement: policy}" + routes, false},
		{"an authority of the route alone", "routes:\n- {from: https://a.localhost, to: 'http://b', tls_downstream_client_ca_file: ca.pem, allow_any_authenticated_user: true}", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, err := loadWith(t, tc.text, map[string]string{"ca.pem": ca.cert, "ca.crl": ca.crl})
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Routes[0].Policy.DenyInvalidClientCertificate; got != tc.deny {
				t.Errorf("DenyInvalidClientCertificate = %t", got)
			}
		})
	}
	c, err := loadWith(t, `
downstream_mtls:
  ca_file: ca.pem
  crl: `+b64(ca.crl)+`
  max_verify_depth: 0
  match_subject_alt_names: [{DNS: '.*\.example'}, {user_principal_name: a|b}]
`, map[string]string{"ca.pem": ca.cert})
	if err != nil {
		t.Fatal(err)
	}
	if m := c.DownstreamMTLS; *m.MaxVerifyDepth != 0 || len(m.MatchSubjectAltNames) != 2 || string(c.ClientCRL) != ca.crl || string(c.ClientCA) != ca.cert {
		t.Errorf("downstream_mtls was read as %+v", m)
	}
	san := c.DownstreamMTLS.MatchSubjectAltNames
	if san[0].Kind != "dns" || !san[0].Pattern.MatchString("a.example") || san[0].Pattern.MatchString("a.example.evil") || san[1].Pattern.MatchString("ab") {
		t.Errorf("matchers %v do not match whole names", san)
	}
}

func TestSigningKeys(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	two := block("EC PRIVATE KEY", sec1) + block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(big))
	for _, tc := range []struct {
		name, key string
		want      int // keys; 0 is an error
	}{
		{"PEM as it is, SEC 1 and PKCS 1", two, 2},
		{"PEM in base64", b64(two), 2},
		{"PKCS 8", privatePEM(t, ec), 1},
		{"Ed25519 signs no assertion", privatePEM(t, edwards), 0},
		{"a certificate is no key", newTestKey(t, "a", now.Add(time.Hour)).cert, 0},
		{"one bad key spoils all", two + block("PRIVATE KEY", []byte("no")), 0},
		{"nothing in base64", b64("nothing"), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, err := loadWith(t, "signing_key_file: key", map[string]string{"key": "\n" + tc.key + "\n"})
			switch {
			case tc.want == 0 && (err == nil || !strings.HasSuffix(err.Error(), "config.yaml:1: signing_key_file: want "+wantSigningKey)):
				t.Errorf("error %v", err)
			case tc.want > 0 && (err != nil || len(c.SigningKeys) != tc.want):
				t.Errorf("%v, want %d keys", err, tc.want)
			}
		})
	}
}
