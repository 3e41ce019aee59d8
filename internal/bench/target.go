package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// A target is what is shot at.
type target struct {
	name     string
	host     string // of domain
	port     int
	cookie   string // the value of the Cookie header
	pids     []int  // whose processor time and memory count
	idle     []residence
	guarded  bool // by Cardea: its cookies must not reach the upstream
	identity bool // the upstream must get an assertion
}

func (t *target) url(path string) string {
	return fmt.Sprintf("https://%s:%d%s", t.host, t.port, path)
}

// check reports why t does not answer as it should. Besides the answer it looks
// at what reaches the upstream: speed is worth nothing if a cookie gets through.
func (w *world) check(ctx context.Context, t *target) error {
	client := w.client(t.port)
	defer client.CloseIdleConnections()
	body, err := get(ctx, client, t.url("/"), t.cookie)
	if err != nil {
		return err
	}
	if body != "ok" {
		return fmt.Errorf("%s answers %.80q, want %q", t.name, body, "ok")
	}
	if body, err = get(ctx, client, t.url(receivedPath), t.cookie); err != nil {
		return err
	}
	received := strings.ToLower(body)
	if has := strings.Contains(received, "\r\nx-pomerium-jwt-assertion: "); has != t.identity {
		return fmt.Errorf("%s: the upstream gets an assertion: %t, want %t", t.name, has, t.identity)
	}
	if t.guarded && strings.Contains(received, "_pomerium") {
		return fmt.Errorf("%s: a cookie of Cardea's reaches the upstream", t.name)
	}
	return nil
}

// errNotOK is a status other than 200.
var errNotOK = errors.New("is not 200")

func get(ctx context.Context, client *http.Client, url, cookie string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // only reads were made
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("%s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s %w: %.200s", url, resp.Status, errNotOK, body)
	}
	return string(body), nil
}

// client returns an HTTP client for every host of domain, which are all at port
// of this machine. It follows no redirects.
func (w *world) client(port int) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: w.certificate.roots, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, loopback(port))
			},
			ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
