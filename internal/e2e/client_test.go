package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A client is a browser or a program: it keeps cookies, knows where the
// instance listens, and trusts its certificates.
type client struct {
	in   *instance
	http *http.Client
	jar  *cookiejar.Jar
}

// An answer is a response with its body.
type answer struct {
	status  int
	header  http.Header
	trailer http.Header
	body    string
	proto   string
	url     *url.URL // of the request that got it
}

// clientOptions say how a client connects. The zero value speaks HTTP/1.1.
type clientOptions struct {
	http2 bool
	tls   *tls.Config // its RootCAs are set when nil
}

// client returns a new one, without cookies, that follows no redirect.
func (in *instance) client(t testing.TB, o clientOptions) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if o.tls == nil {
		o.tls = &tls.Config{}
	}
	if o.tls.RootCAs == nil {
		o.tls.RootCAs = in.authority(t)
	}
	transport := &http.Transport{
		DialContext: in.dialContext, TLSClientConfig: o.tls, DisableCompression: true,
		MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, Protocols: new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(!o.http2)
	transport.Protocols.SetHTTP2(o.http2)
	if o.http2 {
		transport.Protocols.SetHTTP1(true) // for the identity provider, which has no TLS
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{in, &http.Client{
		Transport: transport, Jar: jar, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, jar}
}

// dialContext leads every name to the instance; addresses stay what they are.
func (in *instance) dialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if net.ParseIP(host) == nil {
		address = net.JoinHostPort("127.0.0.1", port)
		if port == "443" {
			address = in.address
		}
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// url returns an address of the instance: at("app.localhost/x") is
// https://app.localhost:PORT/x.
func (in *instance) at(hostAndPath string) string {
	host, path, _ := strings.Cut(hostAndPath, "/")
	return "https://" + host + ":" + in.port + "/" + path
}

// do sends one request and reads the answer. Headers are name, value, name,
// value; the name "Host" sets the host.
func (c *client) do(t testing.TB, method, address, body string, headers ...string) answer {
	t.Helper()
	a, err := c.try(t.Context(), method, address, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", method, address, err, c.in.tail())
	}
	return a
}

// try is do for requests that may fail.
func (c *client) try(ctx context.Context, method, address, body string, headers ...string) (answer, error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		// Not Add, which would change the spelling of the name.
		req.Header[headers[i]] = append(req.Header[headers[i]], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, resp.Trailer, string(text), resp.Proto, resp.Request.URL}, err
}

func (c *client) get(t testing.TB, address string, headers ...string) answer {
	t.Helper()
	return c.do(t, http.MethodGet, address, "", headers...)
}

// browse gets an address as a person's browser does, through every redirect.
func (c *client) browse(t testing.TB, address string) answer {
	t.Helper()
	headers := []string{"Accept", "text/html,application/xhtml+xml", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	return c.follow(t, c.get(t, address, headers...), headers...)
}

// follow goes where a redirect leads, until something else comes.
func (c *client) follow(t testing.TB, a answer, headers ...string) answer {
	t.Helper()
	for range 20 { // as browsers do
		if a.status != http.StatusFound && a.status != http.StatusSeeOther {
			return a
		}
		a = c.get(t, a.location(t).String(), headers...)
	}
	t.Fatalf("redirects do not end: %s", a.url)
	return a
}

// location is where a redirect leads.
func (a answer) location(t testing.TB) *url.URL {
	t.Helper()
	u, err := a.url.Parse(a.header.Get("Location"))
	if err != nil || a.header.Get("Location") == "" {
		t.Fatalf("%s answers %d without a good Location (%v):\n%s", a.url, a.status, err, a.brief())
	}
	return u
}

// cookie returns the value of a cookie that the client would send to address.
func (c *client) cookie(t testing.TB, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range c.jar.Cookies(u) {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

// setCookie puts a cookie beside those that the client has for address.
func (c *client) setCookie(t testing.TB, address string, cookie *http.Cookie) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c.jar.SetCookies(u, []*http.Cookie{cookie})
}

// want fails the test unless the answer has this status.
func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s answers %d, want %d:\n%v\n%s", a.url, a.status, status, a.header, a.brief())
	}
	return a
}

// seen is the request that an upstream received, as it tells it.
func (a answer) seen(t testing.TB) received {
	t.Helper()
	a.want(t, http.StatusOK)
	var r received
	if err := json.Unmarshal([]byte(a.body), &r); err != nil || r.Upstream == "" {
		t.Fatalf("%s: not the answer of an upstream (%v):\n%s", a.url, err, a.brief())
	}
	return r
}

// signInAsked reports whether an answer leads to the sign-in host.
func (a answer) signInAsked() bool {
	return a.status == http.StatusFound && strings.Contains(a.header.Get("Location"), "/.pomerium/sign_in?")
}

var notText = regexp.MustCompile(`(?s)<style.*?</style>|<script.*?</script>|<svg.*?</svg>|<[^>]*>|\s+`)

// brief is the body as a person reads it, for messages.
func (a answer) brief() string {
	text := strings.Join(strings.Fields(notText.ReplaceAllString(a.body, " ")), " ")
	return text[:min(len(text), 600)]
}
