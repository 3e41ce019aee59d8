package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func newAuthority(t testing.TB) *Authority {
	t.Helper()
	a, err := LoadOrCreate(t.TempDir(), at(noon))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestLoadOrCreate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	first, err := LoadOrCreate(dir, at(noon))
	if err != nil {
		t.Fatal(err)
	}
	second, err := LoadOrCreate(dir, at(noon.AddDate(9, 0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if !first.Certificate().Equal(second.Certificate()) {
		t.Error("the second start has another authority")
	}
	for name, want := range map[string]os.FileMode{".": 0o700, keyFile: 0o600, authorityFile: 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %#o, want %#o", name, got, want)
		}
	}
	c := first.Certificate()
	if c.MaxPathLen != 0 || !c.MaxPathLenZero || !c.IsCA || !c.PermittedDNSDomainsCritical {
		t.Errorf("path length %d (zero: %v), authority: %v, critical: %v", c.MaxPathLen, c.MaxPathLenZero, c.IsCA, c.PermittedDNSDomainsCritical)
	}
	if years := c.NotAfter.Sub(noon).Hours() / 24 / 365; years < 9.9 || years > 10.1 {
		t.Errorf("valid for %.1f years", years)
	}
}

func TestStartsAtOnceShareOneAuthority(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	found := make([]*Authority, 8)
	for i := range found {
		wg.Go(func() {
			a, err := LoadOrCreate(dir, at(noon))
			if err != nil {
				t.Error(err)
				return
			}
			found[i] = a
		})
	}
	wg.Wait()
	for _, a := range found[1:] {
		if a == nil || !a.Certificate().Equal(found[0].Certificate()) {
			t.Fatal("two starts at once have two authorities")
		}
	}
}

func TestAuthorityThatMustNotBeUsed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		now   time.Time
	}{
		{"others may read the key", func(t *testing.T, dir string) {
			must(t, os.Chmod(filepath.Join(dir, keyFile), 0o640))
		}, noon},
		{"the certificate is missing", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, authorityFile)))
		}, noon},
		{"the certificate is rubbish", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, authorityFile), []byte("rubbish"), 0o644))
		}, noon},
		{"the key is rubbish", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, keyFile), []byte("rubbish"), 0o600))
		}, noon},
		{"the certificate is of another key", func(t *testing.T, dir string) {
			other := newAuthority(t)
			must(t, os.WriteFile(filepath.Join(dir, authorityFile), other.PEM(), 0o644))
		}, noon},
		{"it has expired", func(*testing.T, string) {}, noon.AddDate(11, 0, 0)},
		{"it may speak for everybody", func(t *testing.T, dir string) {
			key, err := readKey(filepath.Join(dir, keyFile))
			must(t, err)
			template, err := authorityTemplate(&key.PublicKey, noon)
			must(t, err)
			template.PermittedDNSDomains, template.PermittedDNSDomainsCritical = nil, false
			der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, authorityFile), certificatePEM(der), 0o644))
		}, noon},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, err := LoadOrCreate(dir, at(noon))
			must(t, err)
			before, err := os.ReadFile(filepath.Join(dir, keyFile))
			must(t, err)
			tc.spoil(t, dir)
			if _, err := LoadOrCreate(dir, at(tc.now)); !errors.Is(err, ErrAuthority) {
				t.Fatalf("LoadOrCreate: %v, want ErrAuthority", err)
			}
			after, err := os.ReadFile(filepath.Join(dir, keyFile))
			must(t, err)
			if tc.name != "the key is rubbish" && !bytes.Equal(before, after) {
				t.Error("the key was replaced")
			}
		})
	}
}

// TestStolenKey signs with the authority's key what its owner never would, as a
// thief could, and asks the standard library as a browser would.
func TestStolenKey(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	for _, tc := range []struct {
		host string
		ok   bool
	}{
		{"localhost", true},
		{"app.localhost", true},
		{"a.b.localhost", true},
		{"127.0.0.1", true},
		{"127.8.9.10", true},
		{"::1", true},
		{"bank.example", false},
		{"localhost.example", false},
		{"notlocalhost", false},
		{"10.0.0.1", false},
		{"8.8.8.8", false},
		{"::2", false},
	} {
		t.Run(tc.host, func(t *testing.T) {
			t.Parallel()
			leaf := forge(t, a, func(c *x509.Certificate) {
				if ip := net.ParseIP(tc.host); ip != nil {
					c.IPAddresses = []net.IP{ip}
					return
				}
				c.DNSNames = []string{tc.host}
			})
			_, err := leaf.Verify(x509.VerifyOptions{DNSName: tc.host, Roots: roots, CurrentTime: noon})
			if (err == nil) != tc.ok {
				t.Errorf("Verify: %v, want success: %v", err, tc.ok)
			}
		})
	}
	t.Run("a further authority", func(t *testing.T) {
		t.Parallel()
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		middle := forgeWith(t, a.Certificate(), a.key, &key.PublicKey, func(c *x509.Certificate) {
			c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
		})
		leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		leaf := forgeWith(t, middle, key, &leafKey.PublicKey, func(c *x509.Certificate) { c.DNSNames = []string{"app.localhost"} })
		between := x509.NewCertPool()
		between.AddCert(middle)
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "app.localhost", Roots: roots, Intermediates: between, CurrentTime: noon}); err == nil {
			t.Error("it is trusted")
		}
	})
	t.Run("a client's certificate", func(t *testing.T) {
		t.Parallel()
		leaf := forge(t, a, func(c *x509.Certificate) {
			c.DNSNames, c.ExtKeyUsage = []string{"app.localhost"}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		})
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: noon, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
			t.Error("it is trusted")
		}
	})
}

func forge(t *testing.T, a *Authority, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return forgeWith(t, a.Certificate(), a.key, &key.PublicKey, change)
}

func forgeWith(t *testing.T, issuer *x509.Certificate, signer, public any, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
		BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(c)
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, public, signer)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	return parsed
}

func TestKeyDoesNotPrintItself(t *testing.T) {
	t.Parallel()
	pair, err := newAuthority(t).Issue("app.localhost")
	must(t, err)
	for _, format := range []string{"%v", "%+v", "%s", "%#v"} {
		if text := fmt.Sprintf(format, pair.KeyPEM); text != "[redacted]" {
			t.Errorf("%s prints %q", format, text)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
