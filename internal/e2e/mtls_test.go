package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A clientRoom is an instance that asks clients for certificates, with the
// authorities that make them.
type clientRoom struct {
	in                     *instance
	root, stranger, middle *keyPair
	revoked                *keyPair
}

// newClientRoom starts one; enforcement and more are lines under downstream_mtls.
func newClientRoom(t testing.TB, lines ...string) *clientRoom {
	t.Helper()
	r := &clientRoom{root: newAuthority(t, "clients"), stranger: newAuthority(t, "strangers")}
	r.middle = r.root.intermediate(t, "between")
	r.revoked = r.root.client(t, "revoked", nil)
	upstream := newUpstream("plain", nil)
	t.Cleanup(upstream.server.Close)
	r.in = install(t, "authenticate_service_url: https://authenticate.localhost:$PORT\nhttp_redirect_addr: 127.0.0.1:"+freePort(t)+`
downstream_mtls:
  ca_file: $DIR/clients.pem
  crl_file: $DIR/clients.crl
  `+strings.Join(lines, "\n  ")+`
routes:
  - from: https://app.localhost
    to: http://`+upstream.address()+`
    set_request_headers: {X-Fingerprint: '${pomerium.client_cert_fingerprint}', X-Mail: '${pomerium.client_cert_san_email}'}
    allow_public_unauthenticated_access: true
`)
	t.Cleanup(r.in.remove)
	r.in.writeFile(t, "clients.pem", r.root.certPEM())
	r.in.writeFile(t, "clients.crl", r.root.revoke(t, r.revoked)+r.middle.revoke(t)) // in the handshake, each authority needs one
	r.in.start(t)
	return r
}

// ask sends a request with the certificates, or with none. It returns refused
// as the status when the handshake fails.
func (r *clientRoom) ask(t testing.TB, path string, certificates ...tls.Certificate) answer {
	t.Helper()
	c := r.in.client(t, clientOptions{tls: &tls.Config{Certificates: certificates}})
	a, err := c.try(t.Context(), http.MethodGet, r.in.at(path), "", "Accept", "text/html")
	if err != nil {
		return answer{status: refused, body: err.Error()}
	}
	return a
}

// Statuses that say what is wrong with a client's certificate.
const certificateRefused = 495

// An identity card is a certificate to present, and whether it is good.
type identityCard struct {
	name string
	list []tls.Certificate
	good bool
}

// cards are certificates of every kind; depth says whether one may stand below
// another authority than the root.
func (r *clientRoom) cards(t testing.TB, depth bool) []identityCard {
	t.Helper()
	one := func(p *keyPair, above ...*keyPair) []tls.Certificate { return []tls.Certificate{p.tls(above...)} }
	changed := func(change func(*x509.Certificate)) []tls.Certificate { return one(r.root.client(t, "card", change)) }
	return []identityCard{
		{"none", nil, false},
		{"a good one", one(r.root.client(t, "good", nil)), true},
		{"a stranger's", one(r.stranger.client(t, "good", nil)), false},
		{"a stranger's with the right authority beside it", one(r.stranger.client(t, "good", nil), r.root), false},
		{"one that signed itself", one(makeCertificate(t, nil, &x509.Certificate{Subject: pkix.Name{CommonName: "good"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})), false},
		{"one that has expired", changed(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		}), false},
		{"one of tomorrow", changed(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		}), false},
		{"a server's", one(r.root.server(t, "good.localhost")), false},
		{"a revoked one", one(r.revoked), false},
		{"one below an authority between", one(r.middle.client(t, "good", nil), r.middle), depth},
		{"one below an authority that is not shown", one(r.middle.client(t, "good", nil)), false},
	}
}

func TestClientCertificatesByDefault(t *testing.T) {
	r := newClientRoom(t)
	for _, card := range r.cards(t, false) {
		t.Run(card.name, func(t *testing.T) {
			a := r.ask(t, "app.localhost/", card.list...)
			want := certificateRefused
			if card.good {
				want = http.StatusOK
			}
			if a.status != want {
				t.Fatalf("status %d, want %d: %s", a.status, want, a.brief())
			}
			if !card.good && !strings.Contains(strings.ToLower(a.brief()), "certificate") {
				t.Errorf("the page does not say why: %s", a.brief())
			}
			// Our own pages can be had without one: they say what to do.
			r.ask(t, "app.localhost/.pomerium/", card.list...).want(t, http.StatusOK)
		})
	}
	t.Run("the upstream is told who it was", func(t *testing.T) {
		seen := r.ask(t, "app.localhost/", r.root.client(t, "good", nil).tls()).seen(t)
		if len(seen.Header.Get("X-Fingerprint")) != 64 || seen.Header.Get("X-Mail") != "good@corp.example" {
			t.Errorf("the upstream got %v", seen.Header)
		}
	})
	t.Run("a session of TLS that is resumed without the certificate", func(t *testing.T) {
		cache := tls.NewLRUClientSessionCache(4)
		for _, certificates := range [][]tls.Certificate{{r.root.client(t, "good", nil).tls()}, nil} {
			for range 2 {
				c := r.in.client(t, clientOptions{tls: &tls.Config{ClientSessionCache: cache, Certificates: certificates}})
				a := c.get(t, r.in.at("app.localhost/"))
				if good := len(certificates) > 0; (a.status == http.StatusOK) != good {
					t.Errorf("with %d certificates: status %d", len(certificates), a.status)
				}
				c.http.CloseIdleConnections()
			}
		}
	})
	t.Run("a certificate is needed on every way in", func(t *testing.T) {
		for _, serverName := range []string{"app.localhost", "", "authenticate.localhost", "nothing.localhost"} {
			r.in.raw(t, serverName, request("GET / HTTP/1.1", "app.localhost")).notLetIn(t)
			r.in.raw2(t, serverName, ":method", "GET", ":scheme", "https", ":authority", "app.localhost", ":path", "/").notLetIn(t)
		}
	})
	t.Run("a certificate named in a header is none", func(t *testing.T) {
		good := r.root.client(t, "good", nil)
		header := url.QueryEscape(good.certPEM())
		for _, name := range []string{"X-Forwarded-Client-Cert", "X-Client-Cert", "Ssl-Client-Cert", "X-Ssl-Cert"} {
			value := "Cert=\"" + header + "\""
			r.in.raw(t, "app.localhost", request("GET / HTTP/1.1", "app.localhost", name+": "+value)).notLetIn(t)
		}
	})
	t.Run("one that is revoked while the program runs", func(t *testing.T) {
		late := r.root.client(t, "late", nil)
		r.ask(t, "app.localhost/", late.tls()).want(t, http.StatusOK)
		r.in.writeFile(t, "clients.crl", r.root.revoke(t, r.revoked, late))
		eventually(t, inForce, "revocation", func() error {
			if a := r.ask(t, "app.localhost/", late.tls()); a.status != certificateRefused {
				return http.ErrNotSupported
			}
			return nil
		})
	})
}

func TestClientCertificatesLeftToPolicies(t *testing.T) {
	r := newClientRoom(t, "enforcement: policy")
	for _, card := range r.cards(t, false) {
		r.ask(t, "app.localhost/", card.list...).want(t, http.StatusOK)
	}
}

func TestClientCertificatesInTheHandshake(t *testing.T) {
	r := newClientRoom(t, "enforcement: reject_connection", "max_verify_depth: 2")
	for _, card := range r.cards(t, true) {
		t.Run(card.name, func(t *testing.T) {
			for _, path := range []string{"app.localhost/", "app.localhost/.pomerium/"} {
				a := r.ask(t, path, card.list...)
				if card.good {
					a.want(t, http.StatusOK)
				} else if a.status != refused {
					t.Errorf("%s: status %d, want no connection", path, a.status)
				}
			}
		})
	}
}

func TestClientCertificatesWithoutLimitOfDepth(t *testing.T) {
	r := newClientRoom(t, "max_verify_depth: 0")
	for _, card := range r.cards(t, true) {
		if a := r.ask(t, "app.localhost/", card.list...); (a.status == http.StatusOK) != card.good {
			t.Errorf("%s: status %d", card.name, a.status)
		}
	}
}

// TestNamesInClientCertificates demands one of several names.
func TestNamesInClientCertificates(t *testing.T) {
	for _, enforcement := range []string{"policy_with_default_deny", "reject_connection"} {
		r := newClientRoom(t, "enforcement: "+enforcement, "match_subject_alt_names:",
			`  - dns: 'laptop-[0-9]+\.corp\.example'`, `  - email: '.*@corp\.example'`, `  - uri: 'spiffe://corp\.example/.*'`, `  - ip_address: '10\.1\..*'`, `  - user_principal_name: '.*@ad\.corp\.example'`)
		uri := func(text string) []*url.URL {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			return []*url.URL{u}
		}
		for _, tc := range []struct {
			name   string
			change func(*x509.Certificate)
			good   bool
		}{
			{"a name that fits", func(c *x509.Certificate) { c.EmailAddresses, c.DNSNames = nil, []string{"laptop-7.corp.example"} }, true},
			{"a name of which only a part fits", func(c *x509.Certificate) {
				c.EmailAddresses, c.DNSNames = nil, []string{"laptop-7.corp.example.evil.example"}
			}, false},
			{"a name before which something stands", func(c *x509.Certificate) { c.EmailAddresses, c.DNSNames = nil, []string{"evil-laptop-7.corp.example"} }, false},
			{"an address that fits", func(c *x509.Certificate) { c.EmailAddresses = []string{"ann@corp.example"} }, true},
			{"an address of another domain", func(c *x509.Certificate) { c.EmailAddresses = []string{"ann@corp.example.evil.example"} }, false},
			{"an address given as a name", func(c *x509.Certificate) { c.EmailAddresses, c.DNSNames = nil, []string{"ann@corp.example"} }, false},
			{"an address with NUL", func(c *x509.Certificate) {
				c.EmailAddresses, c.ExtraExtensions = nil, otherSAN(t, asn1.RawValue{Class: 2, Tag: 1, Bytes: []byte("ann@evil.example\x00@corp.example")})
			}, false},
			{"a name with NUL", func(c *x509.Certificate) {
				c.EmailAddresses, c.ExtraExtensions = nil, otherSAN(t, asn1.RawValue{Class: 2, Tag: 2, Bytes: []byte("laptop-7.corp.example\x00.evil.example")})
			}, false},
			{"an identity that fits", func(c *x509.Certificate) { c.EmailAddresses, c.URIs = nil, uri("spiffe://corp.example/ci") }, true},
			{"an identity of another domain", func(c *x509.Certificate) { c.EmailAddresses, c.URIs = nil, uri("spiffe://evil.example/corp.example/") }, false},
			{"a common name alone", func(c *x509.Certificate) {
				c.EmailAddresses, c.Subject = nil, pkix.Name{CommonName: "laptop-7.corp.example"}
			}, false},
			{"no name at all", func(c *x509.Certificate) { c.EmailAddresses = nil }, false},
			{"a principal that fits", func(c *x509.Certificate) {
				c.EmailAddresses, c.ExtraExtensions = nil, otherSAN(t, principal(t, "ann@ad.corp.example"))
			}, true},
			{"a principal of another domain", func(c *x509.Certificate) {
				c.EmailAddresses, c.ExtraExtensions = nil, otherSAN(t, principal(t, "ann@ad.corp.example.evil.example"))
			}, false},
		} {
			t.Run(enforcement+", "+tc.name, func(t *testing.T) {
				a := r.ask(t, "app.localhost/", r.root.client(t, "card", tc.change).tls())
				if (a.status == http.StatusOK) != tc.good {
					t.Errorf("status %d: %s", a.status, a.brief())
				}
			})
		}
	}
}

// otherSAN is an extension of subject alternative names that Go's own code would
// not write (RFC 5280, section 4.2.1.6).
func otherSAN(t testing.TB, names ...asn1.RawValue) []pkix.Extension {
	t.Helper()
	der, err := asn1.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der}}
}

// principal is a Microsoft user principal name as an otherName.
func principal(t testing.TB, name string) asn1.RawValue {
	t.Helper()
	id, err := asn1.Marshal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	text, err := asn1.MarshalWithParams(name, "utf8")
	if err != nil {
		t.Fatal(err)
	}
	value, err := asn1.Marshal(asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: text})
	if err != nil {
		t.Fatal(err)
	}
	return asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: append(id, value...)}
}
