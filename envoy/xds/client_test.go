package xds

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A reply is what a client got.
type reply struct {
	status int
	header http.Header
	body   string
	proto  string
}

// A doorway is a listener of Envoy, as clients find it.
type doorway struct{ address string }

// dialer speaks TLS with a server name of the test's choice; "" means none.
func (d doorway) dialer(serverName string, protocols ...string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		dialer := tls.Dialer{Config: &tls.Config{
			InsecureSkipVerify: true, // the certificate is tested elsewhere
			ServerName:         serverName,
			NextProtos:         protocols,
		}}
		return dialer.DialContext(ctx, "tcp", d.address)
	}
}

// get sends a request over a connection of its own. The server name is that of
// the host. h2 chooses HTTP/2.
func (d doorway) get(t testing.TB, h2 bool, method, url string, header http.Header) reply {
	t.Helper()
	return d.do(t, h2, "", method, url, header)
}

func (d doorway) do(t testing.TB, h2 bool, serverName, method, url string, header http.Header) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
		delete(r.Header, "Host")
	}
	if serverName == "" {
		serverName = r.URL.Hostname()
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!h2)
	protocols.SetHTTP2(h2)
	alpn := "http/1.1"
	if h2 {
		alpn = "h2"
	}
	transport := &http.Transport{Protocols: protocols, DialTLSContext: d.dialer(serverName, alpn), DisableCompression: true}
	if r.URL.Scheme == "http" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", d.address)
		}
	}
	defer transport.CloseIdleConnections()
	return roundTrip(t, transport, r)
}

func roundTrip(t testing.TB, transport http.RoundTripper, r *http.Request) reply {
	t.Helper()
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(body), response.Proto}
}

// raw sends bytes as they are over TLS and returns the answer's status line
// and everything after it.
func (d doorway) raw(t testing.TB, serverName, text string) string {
	t.Helper()
	conn, err := d.dialer(serverName, "http/1.1")(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	r, err := http.ReadResponse(reader, nil)
	if err != nil {
		return fmt.Sprintf("error: %v", err)
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body) // cut short by the deadline at worst
	return fmt.Sprintf("%d\n%s", r.StatusCode, body)
}

// field returns the values of a header as an echoing upstream wrote them.
func (r reply) field(name string) []string {
	var values []string
	for line := range strings.Lines(r.body) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok && strings.EqualFold(key, name) {
			values = append(values, strings.TrimPrefix(value, " "))
		}
	}
	return values
}
