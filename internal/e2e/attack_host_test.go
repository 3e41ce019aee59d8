package e2e

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAHostThatIsOdd asks for a closed host in every spelling, and for hosts
// that nobody serves, as a stranger.
func TestAHostThatIsOdd(t *testing.T) {
	s := use(t)
	for _, host := range []string{
		"closed.localhost", "CLOSED.LOCALHOST", "Closed.Localhost", "closed.localhost.", "closed.localhost..", "closed.localhost:443", "closed.localhost:1", "closed.localhost:$PORT",
		"closed.localhost:", "closed.localhost:0", "closed.localhost:99999", "closed.localhost:abc", "closed.localhost:443:443", ":443", "",
		"open.localhost@closed.localhost", "user:pw@closed.localhost", "closed.localhost@open.localhost", "closed.localhost/", "closed.localhost/x", "closed.localhost?x", "closed.localhost#x",
		"open.localhost,closed.localhost", "open.localhost closed.localhost", "closed.localhost, open.localhost", `closed.localhost\@open.localhost`,
		"127.0.0.1", "127.0.0.1:$PORT", "[::1]", "[::1]:443", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1", "localhost", "cardea", "cardea-http", "authorize", "databroker",
		"xn--closed-.localhost", "clos\u00e9d.localhost", "\uff43losed.localhost", "closed%2elocalhost", "closed.localhost%00.open.localhost", "closed.localhost\x00", "closed_localhost",
		"nothing.localhost", "evil.example", "a.closed.localhost", "*.localhost", "*", ".localhost", ".", "-",
		strings.Repeat("a", 300) + ".localhost", strings.Repeat("a.", 200) + "localhost",
	} {
		host = strings.ReplaceAll(host, "$PORT", s.in.port)
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			s.in.raw(t, "closed.localhost", request("GET / HTTP/1.1", host)).notLetIn(t)
			s.in.raw2(t, "closed.localhost", ":method", "GET", ":scheme", "https", ":authority", host, ":path", "/").notLetIn(t)
			s.in.raw(t, "", request("GET / HTTP/1.1", host)).notLetIn(t)
		})
	}
}

func TestTwoHosts(t *testing.T) {
	s := use(t)
	for _, tc := range []struct{ name, request string }{
		{"two Host headers", "GET / HTTP/1.1\r\nHost: open.localhost\r\nHost: closed.localhost\r\n\r\n"},
		{"two Host headers, the other way round", "GET / HTTP/1.1\r\nHost: closed.localhost\r\nHost: open.localhost\r\n\r\n"},
		{"the same Host twice", "GET / HTTP/1.1\r\nHost: closed.localhost\r\nHost: closed.localhost\r\n\r\n"},
		{"no Host", "GET / HTTP/1.1\r\n\r\n"},
		{"a Host that is folded", "GET / HTTP/1.1\r\nHost: open.localhost\r\n closed.localhost\r\n\r\n"},
		{"a blank before the colon", "GET / HTTP/1.1\r\nHost : open.localhost\r\nHost: closed.localhost\r\n\r\n"},
		{"a Host header after a line feed", "GET / HTTP/1.1\nHost: closed.localhost\n\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := s.in.raw(t, "open.localhost", tc.request)
			a.notLetIn(t)
			if a.status == http.StatusOK {
				t.Errorf("status %d: %s", a.status, a.brief())
			}
		})
	}
	t.Run("an authority and another host in HTTP/2", func(t *testing.T) {
		a := s.in.raw2(t, "open.localhost", ":method", "GET", ":scheme", "https", ":authority", "open.localhost", ":path", "/", "host", "closed.localhost")
		if a.status == http.StatusOK && strings.Contains(a.seen(t).Host, "closed") {
			t.Errorf("the upstream saw the host that was not asked about: %s", a.brief())
		}
		s.in.raw2(t, "closed.localhost", ":method", "GET", ":scheme", "https", ":authority", "closed.localhost", ":path", "/", "host", "open.localhost").notLetIn(t)
	})
	t.Run("two authorities in HTTP/2", func(t *testing.T) {
		s.in.raw2(t, "open.localhost", ":method", "GET", ":scheme", "https", ":authority", "open.localhost", ":authority", "closed.localhost", ":path", "/").notLetIn(t)
	})
}

// TestAConnectionForAnotherHost: a connection is for the names of the
// certificate that was shown on it.
func TestAConnectionForAnotherHost(t *testing.T) {
	s := use(t)
	for _, tc := range []struct {
		name, serverName, host string
		status                 int
	}{
		{"another certificate's host", "open.localhost", "beside.example", http.StatusMisdirectedRequest},
		{"another certificate's host, closed", "open.localhost", "apart.example", http.StatusMisdirectedRequest},
		{"the wildcard's host on another certificate's connection", "beside.example", "open.localhost", http.StatusMisdirectedRequest},
		{"the sign-in host on another certificate's connection", "beside.example", "authenticate.localhost", http.StatusMisdirectedRequest},
		{"an unknown server name", "evil.example", "open.localhost", http.StatusMisdirectedRequest},
		{"the other name of one certificate", "apart.example", "beside.example", http.StatusOK},
		{"another host under the wildcard", "closed.localhost", "open.localhost", http.StatusOK},
		{"no server name", "", "open.localhost", http.StatusOK},
		{"no server name, and nobody's host", "", "evil.example", http.StatusNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := s.in.raw(t, tc.serverName, request("GET / HTTP/1.1", tc.host)); a.status != tc.status {
				t.Errorf("HTTP/1.1: status %d, want %d: %s", a.status, tc.status, a.brief())
			}
			a := s.in.raw2(t, tc.serverName, ":method", "GET", ":scheme", "https", ":authority", tc.host, ":path", "/")
			if a.status != tc.status {
				t.Errorf("HTTP/2: status %d, want %d: %s", a.status, tc.status, a.brief())
			}
		})
	}
}

// A piecemeal connection sends every write in small pieces.
type piecemeal struct {
	net.Conn
	size int
}

func (p piecemeal) Write(b []byte) (int, error) {
	sent := 0
	for len(b) > 0 {
		n, err := p.Conn.Write(b[:min(p.size, len(b))])
		if sent += n; err != nil {
			return sent, err
		}
		b = b[n:]
	}
	return sent, nil
}

// TestAHandshakeInPieces: the server name counts however the ClientHello comes.
func TestAHandshakeInPieces(t *testing.T) {
	s := use(t)
	for _, size := range []int{1, 5, 100} {
		raw, err := net.Dial("tcp", s.in.address)
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.(*net.TCPConn).SetNoDelay(true); err != nil {
			t.Fatal(err)
		}
		conn := tls.Client(piecemeal{raw, size}, &tls.Config{ServerName: "beside.example", RootCAs: s.root.pool()})
		defer conn.Close()
		if err := conn.HandshakeContext(t.Context()); err != nil {
			t.Fatalf("in pieces of %d: %v", size, err)
		}
		if _, err := io.WriteString(conn, request("GET / HTTP/1.1", "open.localhost")); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 12)
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 421" {
			t.Errorf("in pieces of %d: %q (%v)", size, answer, err)
		}
	}
}

// TestTLS holds the listener to its versions, suites and curves.
func TestTLS(t *testing.T) {
	s := use(t)
	try := func(c *tls.Config) (tls.ConnectionState, error) {
		c.ServerName = "open.localhost"
		conn, err := s.in.tryDial(c)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer conn.Close()
		return conn.ConnectionState(), nil
	}
	for _, tc := range []struct {
		name   string
		config *tls.Config
		good   bool
	}{
		{"TLS 1.3", &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"TLS 1.0", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, false},
		{"a suite without forward secrecy", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		{"a suite of blocks", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		{"a suite of ours", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}, true},
		{"the curve P-256", &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP256}}, true},
		{"the curve X25519", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519}}, true},
		{"the curve P-384", &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP384}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := try(tc.config); (err == nil) != tc.good {
				t.Errorf("handshake: %v", err)
			}
		})
	}
	t.Run("our order of suites counts", func(t *testing.T) {
		state, err := try(&tls.Config{MaxVersion: tls.VersionTLS12})
		if err != nil || state.CipherSuite != tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 {
			t.Errorf("suite %s (%v)", tls.CipherSuiteName(state.CipherSuite), err)
		}
	})
	t.Run("HTTP/2 is chosen where both are offered", func(t *testing.T) {
		state, err := try(&tls.Config{NextProtos: []string{"http/1.1", "h2"}})
		if err != nil || state.NegotiatedProtocol != "h2" {
			t.Errorf("protocol %q (%v)", state.NegotiatedProtocol, err)
		}
	})
	t.Run("plain HTTP on the port of https", func(t *testing.T) {
		conn, err := net.Dial("tcp", s.in.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(conn, request("GET / HTTP/1.1", "open.localhost")); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if ne, ok := err.(net.Error); ok && ne.Timeout() || strings.Contains(string(got), "200") {
			t.Errorf("answer %q (%v)", got, err)
		}
	})
}

// TestInsidesAreNotReachableFromOutside asks for what only operators and our own
// parts may see, on every kind of host.
func TestInsidesAreNotReachableFromOutside(t *testing.T) {
	s := use(t)
	for _, host := range []string{"open.localhost", "authenticate.localhost", "nothing.localhost", "127.0.0.1", "localhost"} {
		for _, path := range []string{
			"/stats", "/stats/prometheus", "/config_dump", "/clusters", "/quitquitquit", "/server_info", "/certs", "/logging", "/ready",
			"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/status", "/startupz", "/readyz",
			"/envoy.service.auth.v3.Authorization/Check", "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
			"/databroker.DataBroker/Get", "/.pomerium/admin", "/.pomerium/api", "/.pomerium/../stats",
		} {
			s.in.raw(t, host, request("GET "+path+" HTTP/1.1", host)).fromNoInside(t, host+path)
			s.in.raw(t, host, request("POST "+path+" HTTP/1.1", host, "Content-Type: application/grpc", "TE: trailers", "Content-Length: 0")).fromNoInside(t, host+path)
		}
	}
}

// fromNoInside fails the test if an answer looks like one of Envoy's admin, our
// metrics, health or profiles, or a gRPC service of ours.
func (a answer) fromNoInside(t testing.TB, asked string) {
	t.Helper()
	if a.status == http.StatusOK && !strings.Contains(a.body, `"upstream":"plain"`) && a.header.Get("Grpc-Status") == "" {
		t.Errorf("%s: status 200: %s", asked, a.brief())
	}
	if code := a.header.Get("Grpc-Status"); code == "0" {
		t.Errorf("%s: a service answered", asked)
	}
	for _, sign := range []string{"envoy_", "go_goroutines", "goroutine profile", "Types of profiles", "pomerium_build_info", `"checks"`} {
		if strings.Contains(a.body, sign) {
			t.Errorf("%s: the answer has %q", asked, sign)
		}
	}
}
