package xds

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/config"
)

// handshake opens TLS with settings of the test's choice.
func (d doorway) handshake(c *tls.Config) (tls.ConnectionState, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", d.address, c)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

func TestDownstreamTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	c := load(t, base+`
routes: [{from: https://app.example.com, to: http://127.0.0.1:1, allow_any_authenticated_user: true}]
`)
	h := open(t, inputOf(c, ca.issue(t, "first.example.com"), ca.issue(t, "app.example.com"), ca.issue(t, "*.example.com", "also.example")))
	offer := func(change func(*tls.Config)) (tls.ConnectionState, error) {
		c := &tls.Config{InsecureSkipVerify: true, ServerName: "app.example.com", NextProtos: []string{"h2", "http/1.1"}}
		change(c)
		return h.handshake(c)
	}
	t.Run("TLS 1.3 by default, HTTP/2 preferred", func(t *testing.T) {
		got, err := offer(func(*tls.Config) {})
		if err != nil || got.Version != tls.VersionTLS13 || got.NegotiatedProtocol != "h2" {
			t.Errorf("got %x %q %v", got.Version, got.NegotiatedProtocol, err)
		}
	})
	t.Run("TLS 1.1 is refused", func(t *testing.T) {
		_, err := offer(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
		if err == nil {
			t.Error("TLS 1.1 was accepted")
		}
	})
	t.Run("the suites of TLS 1.2, in our order", func(t *testing.T) {
		// The certificates are ECDSA, so of each pair that suite is left.
		want := []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		}
		left := []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
		}
		var chosen []uint16
		for {
			got, err := offer(func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, left })
			if err != nil {
				break
			}
			chosen = append(chosen, got.CipherSuite)
			left = slices.DeleteFunc(slices.Clone(left), func(s uint16) bool { return s == got.CipherSuite })
		}
		if diff := cmp.Diff(want, chosen); diff != "" {
			t.Errorf("suites (-want +got):\n%s", diff)
		}
	})
	t.Run("X25519 and P-256, and no other curve", func(t *testing.T) {
		for curve, want := range map[tls.CurveID]bool{tls.X25519: true, tls.CurveP256: true, tls.CurveP384: false, tls.CurveP521: false} {
			_, err := offer(func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{curve} })
			if (err == nil) != want {
				t.Errorf("%v: %v", curve, err)
			}
		}
	})
	t.Run("certificates by server name", func(t *testing.T) {
		for name, want := range map[string]string{
			"first.example.com": "first.example.com",
			"app.example.com":   "app.example.com",
			"x.example.com":     "*.example.com",
			"also.example":      "*.example.com",
			"x.y.example.com":   "first.example.com",
			"unknown.example":   "first.example.com",
			"":                  "first.example.com",
		} {
			got, err := offer(func(c *tls.Config) { c.ServerName = name })
			if err != nil || got.PeerCertificates[0].DNSNames[0] != want {
				t.Errorf("%q: got %v (%v), want %q", name, got.PeerCertificates, err, want)
			}
		}
	})
	t.Run("a ClientHello in pieces", func(t *testing.T) {
		conn := tls.Client(&dribble{h.stranger(t)}, &tls.Config{InsecureSkipVerify: true, ServerName: "app.example.com"})
		if err := conn.HandshakeContext(t.Context()); err != nil || conn.ConnectionState().PeerCertificates[0].DNSNames[0] != "app.example.com" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a renewed certificate leaves the listener alone", func(t *testing.T) {
		in := h.complete(inputOf(c, ca.issue(t, "first.example.com"), ca.issue(t, "app.example.com"), ca.issue(t, "*.example.com")))
		before, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		in.Certificates = slices.Clone(in.Certificates)
		in.Certificates[1] = ca.issue(t, "app.example.com")
		after, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"certificate-1"}, changed(before, after)); diff != "" {
			t.Errorf("what changed (-want +got):\n%s", diff)
		}
	})
}

// dribble writes one byte at a time.
type dribble struct{ net.Conn }

func (d *dribble) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// mtls is a configuration with downstream_mtls.
func mtls(t *testing.T, ca *signer, settings string) *config.Config {
	t.Helper()
	return load(t, base+mtlsSettings(ca, settings)+fmt.Sprintf(`
routes:
- {from: https://app.example.com, to: http://%s, allow_any_authenticated_user: true}
`, upstream(t, "app")))
}

func mtlsSettings(ca *signer, settings string) string {
	return fmt.Sprintf("\ndownstream_mtls:\n  ca: %s\n%s\n", base64.StdEncoding.EncodeToString(ca.pem), settings)
}

// withCertificate asks for a page with a client certificate, nil for none, on
// two connections with one session cache.
func (h *house) withCertificate(t *testing.T, c *config.Certificate) (status int, err error) {
	t.Helper()
	settings := &tls.Config{InsecureSkipVerify: true, ServerName: "app.example.com", ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	if c != nil {
		settings.Certificates = []tls.Certificate{c.TLS}
	}
	for range 2 {
		transport := &http.Transport{TLSClientConfig: settings, DialTLSContext: nil}
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+h.address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "app.example.com"
		response, err := transport.RoundTrip(r)
		if err != nil {
			return 0, err
		}
		response.Body.Close()
		transport.CloseIdleConnections()
		status = response.StatusCode
		if response.TLS.DidResume {
			t.Error("a session with a client certificate was resumed")
		}
	}
	return status, nil
}

func TestDownstreamMTLS(t *testing.T) {
	t.Parallel()
	ca, other, server := newAuthority(t), newAuthority(t), newAuthority(t)
	good, bad := ca.issue(t, "device-1"), other.issue(t, "device-1")

	t.Run("by policy, everything gets to authorize", func(t *testing.T) {
		t.Parallel()
		h := open(t, inputOf(mtls(t, ca, "  enforcement: policy"), server.issue(t, "*.example.com")))
		for name, c := range map[string]*config.Certificate{"good": good, "bad": bad, "none": nil} {
			h.questions()
			if status, err := h.withCertificate(t, c); status != 200 || err != nil {
				t.Errorf("%s: got %d %v", name, status, err)
			}
			for _, q := range h.questions() {
				fields := q.Attributes.GetMetadataContext().GetFilterMetadata()["cardea.client_certificate"].GetFields()
				if got := fields["presented"].GetBoolValue(); got != (c != nil) {
					t.Errorf("%s: presented is %v", name, got)
				}
				chain, leaf := fields["chain"].GetStringValue(), q.Attributes.GetSource().GetCertificate()
				if (chain != "") != (c != nil) || (leaf != "") != (c != nil) {
					t.Errorf("%s: chain %q, leaf %q", name, chain, leaf)
				}
				if c != nil && !strings.HasPrefix(chain, "-----BEGIN%20CERTIFICATE-----") {
					t.Errorf("%s: chain %q", name, chain)
				}
			}
		}
	})
	t.Run("reject_connection ends the handshake", func(t *testing.T) {
		t.Parallel()
		h := open(t, inputOf(mtls(t, ca, "  enforcement: reject_connection"), server.issue(t, "*.example.com")))
		if status, err := h.withCertificate(t, good); status != 200 || err != nil {
			t.Errorf("good: got %d %v", status, err)
		}
		for name, c := range map[string]*config.Certificate{"bad": bad, "none": nil} {
			if status, err := h.withCertificate(t, c); err == nil {
				t.Errorf("%s: got %d", name, status)
			}
		}
	})
	t.Run("reject_connection looks at names", func(t *testing.T) {
		t.Parallel()
		h := open(t, inputOf(mtls(t, ca, "  enforcement: reject_connection\n  match_subject_alt_names: [{dns: 'device-[0-9]+'}]"), server.issue(t, "*.example.com")))
		if status, err := h.withCertificate(t, good); status != 200 || err != nil {
			t.Errorf("good: got %d %v", status, err)
		}
		for _, name := range []string{"device-x", "xdevice-1", "device-1.evil"} {
			if status, err := h.withCertificate(t, ca.issue(t, name)); err == nil {
				t.Errorf("%s: got %d", name, status)
			}
		}
	})
	t.Run("reject_connection looks at revocations", func(t *testing.T) {
		t.Parallel()
		revoked := ca.issue(t, "device-2")
		list := ca.revoke(t, revoked.Leaf.SerialNumber)
		h := open(t, inputOf(mtls(t, ca, "  enforcement: reject_connection\n  crl: "+base64.StdEncoding.EncodeToString(list)), server.issue(t, "*.example.com")))
		if status, err := h.withCertificate(t, good); status != 200 || err != nil {
			t.Errorf("good: got %d %v", status, err)
		}
		if status, err := h.withCertificate(t, revoked); err == nil {
			t.Errorf("revoked: got %d", status)
		}
	})
	t.Run("intermediates count", func(t *testing.T) {
		t.Parallel()
		middle := ca.sub(t)
		leaf := middle.issue(t, "device-3")
		leaf.TLS.Certificate = append(leaf.TLS.Certificate, middle.cert.Raw)
		for depth, want := range map[string]bool{"": false, "  max_verify_depth: 1": false, "  max_verify_depth: 2": true, "  max_verify_depth: 0": true} {
			h := open(t, inputOf(mtls(t, ca, "  enforcement: reject_connection\n"+depth), server.issue(t, "*.example.com")))
			if _, err := h.withCertificate(t, leaf); (err == nil) != want {
				t.Errorf("%q: %v", depth, err)
			}
			if _, err := h.withCertificate(t, good); err != nil {
				t.Errorf("%q, signed by the root: %v", depth, err)
			}
		}
	})
}

func TestUpstreamTLS(t *testing.T) {
	t.Parallel()
	ca, other, server := newAuthority(t), newAuthority(t), newAuthority(t)
	app := tlsUpstream(t, ca.issue(t, "app.inside", "127.0.0.1"), nil)
	named := tlsUpstream(t, ca.issue(t, "*.inside"), nil)
	strict := tlsUpstream(t, ca.issue(t, "127.0.0.1"), other)
	client := other.issue(t, "cardea")
	b64 := base64.StdEncoding.EncodeToString
	trust := "tls_custom_ca: " + b64(ca.pem)
	c := load(t, base+fmt.Sprintf(`
routes:
- {from: https://good.example.com, to: https://%[1]s, %[4]s, allow_any_authenticated_user: true}
- {from: https://ws.example.com, to: https://%[1]s, %[4]s, allow_websockets: true, allow_any_authenticated_user: true}
- {from: https://system.example.com, to: https://%[1]s, allow_any_authenticated_user: true}
- {from: https://skip.example.com, to: https://%[1]s, tls_skip_verify: true, allow_any_authenticated_user: true}
- {from: https://wrong.example.com, to: https://%[2]s, %[4]s, allow_any_authenticated_user: true}
- {from: https://named.example.com, to: https://%[2]s, %[4]s, tls_upstream_server_name: a.inside, tls_server_name: nonsense, allow_any_authenticated_user: true}
- {from: https://old.example.com, to: https://%[2]s, %[4]s, tls_server_name: b.inside, allow_any_authenticated_user: true}
- {from: https://deep.example.com, to: https://%[2]s, %[4]s, tls_server_name: a.b.inside, allow_any_authenticated_user: true}
- {from: https://bare.example.com, to: https://%[3]s, %[4]s, allow_any_authenticated_user: true}
- {from: https://client.example.com, to: https://%[3]s, %[4]s, tls_client_cert: %[5]s, tls_client_key: %[6]s, allow_any_authenticated_user: true}
- {from: https://mixed.example.com, to: ["https://%[1]s", "https://%[3]s"], %[4]s, tls_client_cert: %[5]s, tls_client_key: %[6]s, allow_any_authenticated_user: true}
`, app, named, strict, trust, b64(client.CertPEM), b64([]byte(client.KeyPEM.Reveal()))))
	h := open(t, inputOf(c, server.issue(t, "*.example.com")))
	for host, want := range map[string]string{
		"good": "200 HTTP/2.0", "ws": "200 HTTP/1.1", "system": "503", "skip": "200 HTTP/2.0", "wrong": "503",
		"named": "200 HTTP/2.0", "old": "200 HTTP/2.0", "deep": "503", "bare": "503", "client": "200 HTTP/2.0", "mixed": "200 HTTP/2.0",
	} {
		t.Run(host, func(t *testing.T) {
			got := h.get(t, false, "GET", "https://"+host+".example.com/", nil)
			said := fmt.Sprint(got.status)
			if got.status == 200 {
				said += " " + strings.Fields(got.body)[2]
			}
			if said != want {
				t.Errorf("got %s, want %s", said, want)
			}
		})
	}
}

// tlsUpstream echoes over TLS and, with clients, demands their certificate.
func tlsUpstream(t *testing.T, c *config.Certificate, clients *signer) string {
	t.Helper()
	s := httptest.NewUnstartedServer(echo("tls"))
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{c.TLS}}
	if clients != nil {
		s.TLS.ClientAuth = tls.RequireAndVerifyClientCert
		s.TLS.ClientCAs = x509.NewCertPool()
		s.TLS.ClientCAs.AddCert(clients.cert)
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are the test
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}
