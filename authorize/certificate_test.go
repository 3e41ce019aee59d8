package authorize

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
)

// An authority signs certificates for tests.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) *authority { return (*authority)(nil).authority(t, name) }

// authority makes an authority signed by a, or by itself when a is nil.
func (a *authority) authority(t testing.TB, name string) *authority {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	made := &authority{t: t}
	made.cert, made.key = a.sign(t, template)
	return made
}

// sign completes template and signs it.
func (a *authority) sign(t testing.TB, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = testStart.Add(-time.Hour), testStart.Add(24*time.Hour)
	}
	parent, signer := template, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// leaf signs a client certificate that change may alter first.
func (a *authority) leaf(change func(*x509.Certificate)) *x509.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "client"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		DNSNames: []string{"laptop.corp.example"},
	}
	if change != nil {
		change(template)
	}
	cert, _ := a.sign(a.t, template)
	return cert
}

func (a *authority) pem() []byte { return pemOf(a.cert) }

// revoke returns a list of the certificates, as PEM.
func (a *authority) revoke(next time.Time, certs ...*x509.Certificate) []byte {
	a.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: testStart.Add(-time.Hour), NextUpdate: next}
	for _, c := range certs {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: testStart.Add(-time.Hour)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func pemOf(certs ...*x509.Certificate) []byte {
	var text []byte
	for _, c := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

// asEnvoy returns certificates as Envoy hands them over.
func asEnvoy(certs ...*x509.Certificate) string {
	return strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(string(pemOf(certs...)))
}

func principalNameExtension(t testing.TB, name string) pkix.Extension {
	t.Helper()
	text, err := asn1.MarshalWithParams(name, "utf8")
	if err != nil {
		t.Fatal(err)
	}
	id, err := asn1.Marshal(oidUserPrincipalName)
	if err != nil {
		t.Fatal(err)
	}
	wrap := func(class, tag int, inside []byte) []byte {
		der, err := asn1.Marshal(asn1.RawValue{Class: class, Tag: tag, IsCompound: true, Bytes: inside})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	other := wrap(asn1.ClassContextSpecific, 0, append(id, wrap(asn1.ClassContextSpecific, 0, text)...))
	return pkix.Extension{Id: oidSubjectAltName, Value: wrap(asn1.ClassUniversal, asn1.TagSequence, other)}
}

func TestClientCertificate(t *testing.T) {
	root, other := newAuthority(t, "root"), newAuthority(t, "other")
	twin := newAuthority(t, "root") // another key under the same name
	middle := root.authority(t, "middle")
	good := root.leaf(nil)
	depth := func(n uint32) func(*config.Config) {
		return func(c *config.Config) { c.DownstreamMTLS.MaxVerifyDepth = &n }
	}
	names := func(kind, pattern string) func(*config.Config) {
		return func(c *config.Config) {
			c.DownstreamMTLS.MatchSubjectAltNames = []config.SANMatcher{{Kind: kind, Pattern: regexp.MustCompile(`^(?:` + pattern + `)$`)}}
		}
	}
	lists := func(pem []byte) func(*config.Config) { return func(c *config.Config) { c.ClientCRL = pem } }
	never, later := testStart.Add(-time.Minute), testStart.Add(time.Hour)
	below := middle.leaf(nil)
	for _, tc := range []struct {
		name   string
		leaf   *x509.Certificate
		chain  []*x509.Certificate // after the leaf
		change func(*config.Config)
		want   bool
	}{
		{name: "one of the authority is valid", leaf: good, want: true},
		{name: "one of another authority is not", leaf: other.leaf(nil)},
		{name: "one of another authority of the same name is not", leaf: twin.leaf(nil)},
		{name: "one for servers is not", leaf: root.leaf(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})},
		{name: "an expired one is not", leaf: root.leaf(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = testStart.Add(-2*time.Hour), testStart.Add(-time.Hour)
		})},
		{name: "one of tomorrow is not", leaf: root.leaf(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = testStart.Add(time.Hour), testStart.Add(2*time.Hour)
		})},
		{name: "one below an intermediate authority is not, by default", leaf: below, chain: []*x509.Certificate{middle.cert}},
		{name: "one below an intermediate authority is at depth 2", leaf: below, chain: []*x509.Certificate{middle.cert}, change: depth(2), want: true},
		{name: "one below an intermediate authority is without a limit", leaf: below, chain: []*x509.Certificate{middle.cert}, change: depth(0), want: true},
		{name: "one below an authority that was not sent is not", leaf: below, change: depth(0)},
		{name: "one with NUL in a name is not", leaf: root.leaf(func(c *x509.Certificate) { c.DNSNames = []string{"laptop.corp.example\x00.evil.example"} })},
		{name: "a DNS name that matches will do", leaf: good, change: names("dns", `.*\.corp\.example`), want: true},
		{name: "a part of a DNS name will not do", leaf: good, change: names("dns", `laptop`)},
		{name: "a name of another kind will not do", leaf: good, change: names("email", `.*`)},
		{name: "an e-mail address will do", leaf: root.leaf(func(c *x509.Certificate) { c.EmailAddresses = []string{"a@corp.example"} }),
			change: names("email", `.*@corp\.example`), want: true},
		{name: "an IP address will do", leaf: root.leaf(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)} }),
			change: names("ip_address", `192\.0\.2\.1`), want: true},
		{name: "a URI will do", leaf: root.leaf(func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "spiffe", Host: "corp", Path: "/laptop"}} }),
			change: names("uri", `spiffe://corp/laptop`), want: true},
		{name: "a user principal name will do", leaf: root.leaf(func(c *x509.Certificate) {
			c.DNSNames, c.ExtraExtensions = nil, []pkix.Extension{principalNameExtension(t, "a@corp.example")}
		}), change: names("user_principal_name", `a@corp\.example`), want: true},
		{name: "another user principal name will not do", leaf: root.leaf(func(c *x509.Certificate) {
			c.DNSNames, c.ExtraExtensions = nil, []pkix.Extension{principalNameExtension(t, "eve@corp.example")}
		}), change: names("user_principal_name", `a@corp\.example`)},
		{name: "a revoked one is not", leaf: good, change: lists(root.revoke(later, good))},
		{name: "one that is not on its issuer's list is valid", leaf: good, change: lists(root.revoke(later, below)), want: true},
		{name: "a list of another issuer says nothing", leaf: good, change: lists(other.revoke(later, good)), want: true},
		{name: "a list under the issuer's name with another key is doubt", leaf: good, change: lists(twin.revoke(later))},
		{name: "a list past its time is doubt", leaf: good, change: lists(root.revoke(never))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &config.Config{ClientCA: root.pem()}
			if tc.change != nil {
				tc.change(c)
			}
			v, err := newCertVerifier(c, c.ClientCA, func() time.Time { return testStart })
			if err != nil {
				t.Fatal(err)
			}
			chain := asEnvoy(append([]*x509.Certificate{tc.leaf}, tc.chain...)...)
			for range 2 { // the second time from memory
				if got := v.judge(asEnvoy(tc.leaf), chain); got.valid != tc.want || !got.presented || got.leaf == nil {
					t.Errorf("judge = %+v, want valid %v", got, tc.want)
				}
			}
		})
	}
}

func TestClientCertificateThatCannotBeRead(t *testing.T) {
	root := newAuthority(t, "root")
	good, second := root.leaf(nil), root.leaf(nil)
	v, err := newCertVerifier(&config.Config{}, root.pem(), func() time.Time { return testStart })
	if err != nil {
		t.Fatal(err)
	}
	for name, texts := range map[string][2]string{
		"no PEM":                        {"nonsense", ""},
		"a broken escape":               {"%zz", ""},
		"PEM that holds nothing":        {url.PathEscape("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), ""},
		"a chain of another leaf":       {asEnvoy(good), asEnvoy(second)},
		"a chain that cannot be read":   {asEnvoy(good), "nonsense"},
		"a leaf that cannot, but chain": {"nonsense", asEnvoy(good)},
	} {
		if got := v.judge(texts[0], texts[1]); got.valid || !got.presented {
			t.Errorf("%s: judge = %+v, want presented and not valid", name, got)
		}
	}
	if got := v.judge("", ""); got.valid || got.presented {
		t.Errorf("nothing presented: judge = %+v", got)
	}
	if got := v.judge("", asEnvoy(good)); !got.valid {
		t.Errorf("a chain alone: judge = %+v, want valid", got)
	}
}

func TestCertificateVerdictEndsWithTheCertificate(t *testing.T) {
	root := newAuthority(t, "root")
	leaf := root.leaf(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = testStart.Add(-time.Hour), testStart.Add(time.Minute)
	})
	now := testStart
	v, err := newCertVerifier(&config.Config{}, root.pem(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if !v.judge(asEnvoy(leaf), "").valid {
		t.Fatal("not valid in its time")
	}
	now = now.Add(2 * time.Minute)
	if v.judge(asEnvoy(leaf), "").valid {
		t.Error("remembered as valid beyond its end")
	}
}

func TestCertificateOfARequest(t *testing.T) {
	root := newAuthority(t, "root")
	h := newHouse(t, map[string]string{"app": rulePublic}, func(c *config.Config) {
		c.ClientCA = root.pem()
		c.Routes[0].Policy.DenyInvalidClientCertificate = true
		c.Routes[0].SetRequestHeaders = map[string]string{"X-Device": "${pomerium.client_cert_san_dns}"}
	})
	if got := h.ask(question{route: "app"}); got.allowed || got.status != 495 {
		t.Errorf("without a certificate: allowed %v with %d, want 495", got.allowed, got.status)
	}
	if got := h.ask(question{route: "app", leaf: asEnvoy(newAuthority(t, "x").leaf(nil))}); got.allowed || got.status != 495 {
		t.Errorf("with a stranger's certificate: allowed %v with %d, want 495", got.allowed, got.status)
	}
	got := h.ask(question{route: "app", leaf: asEnvoy(root.leaf(nil))})
	if !got.allowed || got.headers["x-device"] != "laptop.corp.example" {
		t.Errorf("with a good certificate: allowed %v with %d, x-device %q", got.allowed, got.status, got.headers["x-device"])
	}
}
