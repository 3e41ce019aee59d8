package e2e

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// plainly sends bytes to an address without TLS and reads one answer.
func plainly(t testing.TB, address, bytes string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, bytes); err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, bufio.NewReader(conn), http.MethodGet)
}

func TestPlainHTTPIsRedirected(t *testing.T) {
	port := freePort(t)
	in := launch(t, "http_redirect_addr: 127.0.0.1:"+port+aRoute)
	for _, tc := range []struct {
		name, request, location string
		status                  int
	}{
		{"a page", request("GET /x?y=1 HTTP/1.1", "app.localhost"), "https://app.localhost:" + in.port + "/x?y=1", 301},
		{"a page, by a port", request("GET / HTTP/1.1", "app.localhost:"+port), "https://app.localhost:" + in.port + "/", 301},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := plainly(t, "127.0.0.1:"+port, tc.request)
			if a.status != tc.status || a.header.Get("Location") != tc.location {
				t.Errorf("status %d, to %q", a.status, a.header.Get("Location"))
			}
		})
	}
	in.client(t, clientOptions{}).get(t, in.at("app.localhost/")).want(t, http.StatusOK)
}

// TestBehindATerminatorOfTLS serves plain HTTP to something that has ended TLS.
func TestBehindATerminatorOfTLS(t *testing.T) {
	in := launch(t, "insecure_server: true\nauthenticate_service_url: https://authenticate.localhost\n"+aRoute+
		"  - {from: 'https://closed.localhost', verify: true, allow_any_authenticated_user: true}\n")
	a := plainly(t, in.address, request("GET / HTTP/1.1", "app.localhost")).want(t, http.StatusOK)
	if a.header.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS without a certificate")
	}
	if a := plainly(t, in.address, request("GET / HTTP/1.1", "closed.localhost", "Accept: application/json")); a.status != http.StatusUnauthorized {
		t.Errorf("status %d", a.status)
	}
}

func TestProxyProtocol(t *testing.T) {
	in := launch(t, "insecure_server: true\nuse_proxy_protocol: true\nauthenticate_service_url: https://authenticate.localhost\n"+`
routes:
  - {from: 'https://app.localhost', response: {status: 200, body: inside}, policy: [{allow: {or: [{source_ip: 203.0.113.7}]}}]}
`)
	page := request("GET / HTTP/1.1", "app.localhost")
	if a := plainly(t, in.address, "PROXY TCP4 203.0.113.7 192.0.2.1 1234 443\r\n"+page); a.status != http.StatusOK {
		t.Errorf("status %d for the address that is let in", a.status)
	}
	if a := plainly(t, in.address, "PROXY TCP4 203.0.113.8 192.0.2.1 1234 443\r\n"+page); a.status != http.StatusForbidden {
		t.Errorf("status %d for another address", a.status)
	}
	if a := plainly(t, in.address, page); a.status != refused && a.status/100 != 4 {
		t.Errorf("status %d without the line that is demanded", a.status)
	}
}

func TestOneProtocolAlone(t *testing.T) {
	for codec, protocol := range map[string]string{"http1": "http/1.1", "http2": "h2"} {
		in := launch(t, "codec_type: "+codec+aRoute)
		conn := in.dial(t, "app.localhost", protocol)
		if got := conn.ConnectionState().NegotiatedProtocol; got != protocol {
			t.Errorf("codec_type %s: negotiated %q", codec, got)
		}
	}
}

// TestConfigurationInOtherForms serves from TOML, and from the environment alone.
func TestConfigurationInOtherForms(t *testing.T) {
	t.Run("TOML", func(t *testing.T) {
		in := install(t, aRoute)
		t.Cleanup(in.remove)
		in.file = in.writeFile(t, "config.toml", fmt.Sprintf("address = %q\nhealth_check_addr = %q\ndata_dir = %q\n[[routes]]\nfrom = \"https://app.localhost\"\nverify = true\nallow_public_unauthenticated_access = true\n",
			in.address, in.health, in.dir+"/data"))
		in.start(t)
		in.client(t, clientOptions{}).get(t, in.at("app.localhost/")).want(t, http.StatusOK)
	})
	t.Run("the environment", func(t *testing.T) {
		in := install(t, aRoute)
		t.Cleanup(in.remove)
		in.file = ""
		in.env = []string{
			"ADDRESS=" + in.address, "HEALTH_CHECK_ADDR=" + in.health, "DATA_DIR=" + in.dir + "/data",
			"ROUTES=" + base64.StdEncoding.EncodeToString([]byte("[{from: 'https://app.localhost', verify: true, allow_public_unauthenticated_access: true}]")),
		}
		in.start(t)
		in.client(t, clientOptions{}).get(t, in.at("app.localhost/")).want(t, http.StatusOK)
	})
	t.Run("secrets in files", func(t *testing.T) {
		in := install(t, "shared_secret_file: $DIR/secret"+aRoute)
		t.Cleanup(in.remove)
		in.writeFile(t, "secret", newSecret()+"\n")
		in.start(t)
	})
}

// TestOperators asks what an operator's tools ask.
func TestOperators(t *testing.T) {
	metrics, debug := freePort(t), freePort(t)
	in := launch(t, "metrics_address: 127.0.0.1:"+metrics+"\ndebug_address: 127.0.0.1:"+debug+aRoute)
	c := in.client(t, clientOptions{})
	c.get(t, in.at("app.localhost/")).want(t, http.StatusOK)
	for _, path := range []string{"/healthz", "/readyz", "/startupz"} {
		if a := c.get(t, "http://"+in.health+path).want(t, http.StatusOK); a.body != "OK\n" {
			t.Errorf("%s: %q", path, a.body)
		}
	}
	if a := c.get(t, "http://"+in.health+"/status").want(t, http.StatusOK); !strings.Contains(a.body, `"envoy.server":{"status":"running"}`) {
		t.Errorf("status: %s", a.body)
	}
	all := c.get(t, "http://127.0.0.1:"+metrics+"/metrics").want(t, http.StatusOK).body
	for _, name := range []string{"pomerium_build_info{", "pomerium_config_last_reload_success 1", "go_goroutines ", "envoy_http_downstream_rq_total{"} {
		if !strings.Contains(all, "\n"+name) {
			t.Errorf("no metric %s", name)
		}
	}
	c.get(t, "http://127.0.0.1:"+debug+"/debug/pprof/").want(t, http.StatusOK)
	line := in.logs.awaitLog(t, 0, in.ended, "service", "envoy", "message", "http-request")
	for _, field := range []string{"authority", "duration", "method", "path", "request-id", "response-code", "time", "user-agent"} {
		if _, there := line[field]; !there {
			t.Errorf("no %s in the access log: %v", field, line)
		}
	}
}
