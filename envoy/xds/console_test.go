package xds

import (
	"crypto/tls"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/cardea-proxy/cardea/config"
)

// The console on a listener of its own, and its route.
const (
	consoleApart = "console: {address: 127.0.0.1:9443, admins: [{email: {is: ada@example.com}}]}\n"
	consoleRoute = "- {from: https://console.example.com, console: true, allow_any_authenticated_user: true}\n"
)

// consoleRequest makes r one that concerns the console's listener or its host.
func (t traveller) consoleRequest(r MatchRequest) MatchRequest {
	r.Console = t.IntN(2) == 0
	if r.Method != "CONNECT" && t.IntN(3) > 0 {
		r.Host = t.one("console.example.com", "CONSOLE.example.com", "console.example.com.", "console.example.com..", "console.example.com:9443",
			"console.example.com.:8443", "xconsole.example.com", "a.console.example.com", "example.com")
		r.ServerName = t.one("", hostname(r.Host), "a.example.com", "other.example")
	}
	return r
}

// chosen offers suites of TLS 1.2 to a listener, and then again those that it
// did not choose, until it refuses.
func (d doorway) chosen(serverName string) []uint16 {
	var left, chosen []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		left = append(left, s.ID)
	}
	for {
		got, err := d.handshake(&tls.Config{
			InsecureSkipVerify: true, ServerName: serverName, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: left,
		})
		if err != nil {
			return chosen
		}
		chosen = append(chosen, got.CipherSuite)
		left = slices.DeleteFunc(left, func(s uint16) bool { return s == got.CipherSuite })
	}
}

func TestConsoleTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	c := load(t, base+consoleApart+"routes:\n"+consoleRoute)
	h := open(t, inputOf(c, ca.issue(t, "console.example.com"), ca.issueRSA(t, "rsa.example.com")))
	for _, tc := range []struct {
		name, serverName string
		door             doorway
		want             []uint16
	}{
		{"the console's, ECDSA", "console.example.com", h.console, []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
		}},
		{"the console's, RSA", "rsa.example.com", h.console, []uint16{
			tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
		}},
		{"the main one's, ECDSA", "console.example.com", h.doorway, []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		}},
		{"the main one's, RSA", "rsa.example.com", h.doorway, []uint16{
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			named := func(list []uint16) (names []string) {
				for _, s := range list {
					names = append(names, tls.CipherSuiteName(s))
				}
				return names
			}
			if diff := cmp.Diff(named(tc.want), named(tc.door.chosen(tc.serverName))); diff != "" {
				t.Errorf("suites (-want +got):\n%s", diff)
			}
		})
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		_, err := h.console.handshake(&tls.Config{InsecureSkipVerify: true, ServerName: "console.example.com", MinVersion: version, MaxVersion: version})
		if err == nil {
			t.Errorf("%s was accepted", tls.VersionName(version))
		}
	}
	got, err := h.console.handshake(&tls.Config{InsecureSkipVerify: true, ServerName: "console.example.com", NextProtos: []string{"h2", "http/1.1"}})
	if err != nil || got.Version != tls.VersionTLS13 || got.NegotiatedProtocol != "h2" || got.PeerCertificates[0].DNSNames[0] != "console.example.com" {
		t.Errorf("by default: %x %q %v", got.Version, got.NegotiatedProtocol, err)
	}
}

// TestConsoleListenerIsLikeTheMainOne, but for what it serves and its suites.
func TestConsoleListenerIsLikeTheMainOne(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for name, settings := range map[string]string{
		"as it comes":    "",
		"PROXY protocol": "use_proxy_protocol: true\ncodec_type: http1\nxff_num_trusted_hops: 1\nskip_xff_append: true\n",
		"limits":         "timeout_read: 1m\ntimeout_write: 2m\ntimeout_idle: 3m\nnormalize_path: false\nheaders_with_underscores_action: allow\nlog_level: error\n",
		"mTLS":           mtlsSettings(ca, "  enforcement: reject_connection"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := inputOf(load(t, base+settings+consoleApart+"routes:\n"+consoleRoute), ca.issue(t, "*.example.com"))
			in.ErrorPages = testPages
			s, err := Build(in)
			if err != nil {
				t.Fatal(err)
			}
			main, console := opened(t, s, mainTLS), opened(t, s, consoleName)
			if diff := cmp.Diff(mainSuites, main.tls.CommonTlsContext.TlsParams.CipherSuites); diff != "" {
				t.Errorf("suites (-want +got):\n%s", diff)
			}
			console.tls.CommonTlsContext.TlsParams.CipherSuites = mainSuites
			console.manager.StatPrefix, console.manager.GetRds().RouteConfigName = "ingress", routesName
			for part, diff := range map[string]string{
				"listener": cmp.Diff(main.listener, console.listener, protocmp.Transform()),
				"HTTP":     cmp.Diff(main.manager, console.manager, protocmp.Transform()),
				"TLS":      cmp.Diff(main.tls, console.tls, protocmp.Transform()),
			} {
				if diff != "" {
					t.Errorf("%s (-main +console):\n%s", part, diff)
				}
			}
		})
	}
}

// A listenerInParts is one without its names and address, and what it holds.
type listenerInParts struct {
	listener *listenerv3.Listener
	manager  *hcmv3.HttpConnectionManager
	tls      *tlsv3.DownstreamTlsContext
}

func opened(t *testing.T, s *Snapshot, name string) listenerInParts {
	t.Helper()
	m, err := httpOf(s, []string{name})
	if err != nil {
		t.Fatal(err)
	}
	parts := listenerInParts{manager: m, tls: new(tlsv3.DownstreamTlsContext)}
	for _, r := range s.Listeners {
		if r.Name != name {
			continue
		}
		parts.listener = r.Message.(*listenerv3.Listener)
		chain := parts.listener.FilterChains[0]
		if err := chain.TransportSocket.GetTypedConfig().UnmarshalTo(parts.tls); err != nil {
			t.Fatal(err)
		}
		chain.Filters, chain.TransportSocket = nil, nil
		parts.listener.Name, parts.listener.StatPrefix, parts.listener.Address = "", "", nil
	}
	return parts
}

// TestConsoleAddressChangesNothingElse: who sets it drains no connection of an
// application.
func TestConsoleAddressChangesNothingElse(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	certificate := ca.issue(t, "*.example.com")
	built := func(settings string) *Snapshot {
		s, err := Build(inputOf(load(t, base+settings+"routes:\n- {from: https://app.example.com, to: http://127.0.0.1:1, allow_any_authenticated_user: true}\n"+consoleRoute), certificate))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	without, with, moved := built(""), built(consoleApart), built(strings.Replace(consoleApart, "9443", "9444", 1))
	if diff := cmp.Diff([]string{consoleRoutes, consoleName, routesName}, changed(without, with)); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{consoleName}, changed(with, moved)); diff != "" {
		t.Errorf("moved (-want +got):\n%s", diff)
	}
}

// TestConsoleListenerAsksForCertificates as the main one does.
func TestConsoleListenerAsksForCertificates(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	c := load(t, base+consoleApart+mtlsSettings(ca, "  enforcement: reject_connection")+"routes:\n"+consoleRoute)
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	for _, door := range []doorway{h.doorway, h.console} {
		for name, tc := range map[string]struct {
			certificate *config.Certificate
			want        bool
		}{"good": {ca.issue(t, "device-1"), true}, "bad": {newAuthority(t).issue(t, "device-1"), false}, "none": {nil, false}} {
			if err := door.asksFor(t, tc.certificate); (err == nil) != tc.want {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// asksFor reads an answer over a connection with a client certificate: in TLS
// 1.3 a client learns then that it was refused.
func (d doorway) asksFor(t *testing.T, c *config.Certificate) error {
	t.Helper()
	settings := &tls.Config{InsecureSkipVerify: true, ServerName: "console.example.com"}
	if c != nil {
		settings.Certificates = []tls.Certificate{c.TLS}
	}
	transport := &http.Transport{TLSClientConfig: settings}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+d.address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "console.example.com"
	response, err := transport.RoundTrip(r)
	if err == nil {
		response.Body.Close()
	}
	return err
}

func TestMatchByListener(t *testing.T) {
	t.Parallel()
	certificate := newAuthority(t).issue(t, "*.example.com")
	const app = "- {from: 'https://*.example.com', to: 'http://127.0.0.1:1', allow_any_authenticated_user: true}\n"
	c := load(t, base+consoleApart+"routes:\n"+app+consoleRoute)
	apart := matcherOf(t, inputOf(c, certificate))
	for _, tc := range []struct {
		host    string
		console bool
		want    string // a route's id; "" is 404
	}{
		{"console.example.com", true, c.Routes[1].ID},
		{"console.example.com", false, ""},
		{"app.example.com", true, ""},
		{"app.example.com", false, c.Routes[0].ID},
	} {
		got, err := apart.Match(MatchRequest{Method: "GET", Host: tc.host, Path: "/", ServerName: tc.host, Console: tc.console})
		if err != nil || got.RouteID != tc.want || got.Found != (tc.want != "") || !got.Found && got.Status != 404 {
			t.Errorf("%s, by the console's listener %v: got %+v, %v", tc.host, tc.console, got, err)
		}
	}
	together := matcherOf(t, inputOf(load(t, base+"routes:\n"+consoleRoute), certificate))
	if got, err := together.Match(MatchRequest{Method: "GET", Host: "console.example.com", Path: "/", Console: true}); !errors.Is(err, ErrCannotTell) {
		t.Errorf("without such a listener: got %+v, %v", got, err)
	}
}
