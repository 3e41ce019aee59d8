package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestIssue(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	pair, err := a.Issue("verify.localhost:8443", "Admin.Localhost", "verify.localhost", "[::1]:8443", "127.0.0.2", "localhost.")
	must(t, err)
	leaf := pair.TLS.Leaf
	if diff := cmp.Diff([]string{"admin.localhost", "localhost", "verify.localhost"}, leaf.DNSNames); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	var addresses []string
	for _, ip := range leaf.IPAddresses {
		addresses = append(addresses, ip.String())
	}
	if diff := cmp.Diff([]string{"127.0.0.1", "127.0.0.2", "::1"}, addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if days := leaf.NotAfter.Sub(noon).Hours() / 24; days != 90 {
		t.Errorf("valid for %v days", days)
	}
	if days := pair.RenewAt.Sub(noon).Hours() / 24; days != 60 {
		t.Errorf("renewed after %v days", days)
	}
	if _, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM); err != nil {
		t.Errorf("the PEM forms: %v", err)
	}
}

func TestIssueRefusesHostsOfOthers(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	for _, host := range []string{
		"bank.example", "localhost.example", "notlocalhost", "10.0.0.1", "::2", "", ".localhost", "a..localhost",
		"a\x00.localhost", "bücher.localhost", "a b.localhost", strings.Repeat("a", 64) + ".localhost",
		strings.Repeat("a.", 130) + "localhost", "user@app.localhost",
	} {
		if pair, err := a.Issue("app.localhost", host); err == nil {
			t.Errorf("Issue(%q) has names %q", host, pair.TLS.Leaf.DNSNames)
		}
	}
}

func TestIssuedCertificateServes(t *testing.T) {
	t.Parallel()
	a, err := LoadOrCreate(t.TempDir(), nil)
	must(t, err)
	pair, err := a.Issue("app.localhost")
	must(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair.TLS}}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(a.PEM()) {
		t.Fatal("PEM holds no certificate")
	}
	dial := func(name string) error {
		c, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name})
		if err == nil {
			c.Close()
		}
		return err
	}
	for _, name := range []string{"app.localhost", "127.0.0.1", net.IPv6loopback.String()} {
		if err := dial(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := dial("other.localhost"); err == nil {
		t.Error("other.localhost: a certificate that does not name it is taken")
	}
}

func TestIssueNearTheEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := LoadOrCreate(dir, at(noon))
	must(t, err)
	late, err := LoadOrCreate(dir, at(noon.Add(authorityLife-30*24*time.Hour)))
	must(t, err)
	pair, err := late.Issue("app.localhost")
	must(t, err)
	if pair.TLS.Leaf.NotAfter.After(late.Certificate().NotAfter) {
		t.Error("the certificate outlives the authority")
	}
}

func TestFallback(t *testing.T) {
	t.Parallel()
	secret := bytes.Repeat([]byte{7}, 32)
	hosts := []string{"app.example:443", "192.0.2.1", "app.example", "sign-in.example"}
	one, err := Fallback(secret, hosts, noon)
	must(t, err)
	two, err := Fallback(secret, hosts, noon.AddDate(0, 1, 0))
	must(t, err)
	if !bytes.Equal(one.CertPEM, two.CertPEM) || !bytes.Equal(one.KeyPEM, two.KeyPEM) {
		t.Error("two replicas show two certificates")
	}
	if diff := cmp.Diff([]string{"app.example", "sign-in.example"}, one.TLS.Leaf.DNSNames); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if one.TLS.Leaf.IsCA {
		t.Error("it is an authority")
	}
	if !one.RenewAt.After(noon) || one.RenewAt.After(one.TLS.Leaf.NotAfter) {
		t.Errorf("renewed at %v, valid until %v", one.RenewAt, one.TLS.Leaf.NotAfter)
	}
	for name, other := range map[string]func() (*Pair, error){
		"secret": func() (*Pair, error) { return Fallback(bytes.Repeat([]byte{8}, 32), hosts, noon) },
		"hosts":  func() (*Pair, error) { return Fallback(secret, hosts[:1], noon) },
		"year":   func() (*Pair, error) { return Fallback(secret, hosts, noon.AddDate(1, 0, 0)) },
	} {
		pair, err := other()
		must(t, err)
		if pair.TLS.Leaf.SerialNumber.Cmp(one.TLS.Leaf.SerialNumber) == 0 {
			t.Errorf("another %s has the same serial number", name)
		}
	}
	if _, err := Fallback([]byte("short"), hosts, noon); err == nil {
		t.Error("a short secret is taken")
	}
}
