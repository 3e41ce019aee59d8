package xds

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// crossroads is a configuration in which many routes want the same requests.
const crossroads = `
routes:
- {from: https://paths.example.com, to: "http://127.0.0.1:1", path: /exact, allow_any_authenticated_user: true}
- {from: https://paths.example.com, to: "http://127.0.0.1:1", regex: "/r(a|b)+|/(?i)shout|/[^/]+/x", allow_any_authenticated_user: true}
- {from: https://paths.example.com, to: "http://127.0.0.1:1", regex: "/q.*\\Q.txt", allow_any_authenticated_user: true}
- {from: https://paths.example.com, to: "http://127.0.0.1:1", prefix: /a/b, allow_any_authenticated_user: true}
- {from: https://paths.example.com, to: "http://127.0.0.1:1", prefix: /a, allow_any_authenticated_user: true}
- {from: https://paths.example.com, redirect: {host_redirect: example.org}, prefix: "/;", allow_any_authenticated_user: true}
- {from: https://rewrite.example.com, to: "http://127.0.0.1:1", prefix: /a, prefix_rewrite: /, allow_any_authenticated_user: true}
- {from: https://rewrite.example.com, to: "http://127.0.0.1:1", regex_rewrite_pattern: "/r", regex_rewrite_substitution: "/", allow_any_authenticated_user: true}
- {from: "https://*.example.com", to: "http://127.0.0.1:1", prefix: /a, allow_any_authenticated_user: true}
- {from: "https://*.deep.example.com", to: "http://127.0.0.1:1", allow_any_authenticated_user: true}
- {from: "https://in-*.example.com", to: "http://127.0.0.1:1", allow_any_authenticated_user: true}
- {from: "https://port.example.com:8443", to: "http://127.0.0.1:1", allow_any_authenticated_user: true}
- {from: "https://port.example.com:9443", to: "http://127.0.0.1:1", allow_any_authenticated_user: true}
- {from: "https://[2001:db8::1]", to: "http://127.0.0.1:1", allow_any_authenticated_user: true}
- {from: "https://other.example", to: "http://127.0.0.1:1", tls_downstream_server_name: balancer.internal, allow_any_authenticated_user: true}
- {from: "tcp+https://tcp.example.com:22", to: "tcp://127.0.0.1:1", allow_any_authenticated_user: true}
- {from: "tcp+https://paths.example.com/db.internal:5432", to: "tcp://127.0.0.1:1", allow_any_authenticated_user: true}
- {from: "tcp+https://*.example.com/cache.internal:2222", to: "tcp://127.0.0.1:1", allow_any_authenticated_user: true}
`

// A traveller makes up requests.
type traveller struct{ *rand.Rand }

func (t traveller) one(list ...string) string { return list[t.IntN(len(list))] }

func (t traveller) request() MatchRequest {
	r := MatchRequest{Method: t.one("GET", "GET", "GET", "POST", "PUT", "HEAD", "OPTIONS", "PROPFIND", "CONNECT"), Host: t.host()}
	if r.Method == "CONNECT" {
		r.Host = t.one(r.Host, t.one("tcp.example.com:22", "TCP.example.com.:22", "tcp.example.com:443", "db.internal:5432",
			"db.internal:22", "a.example.com:2222", "cache.internal:2222", "paths.example.com:2222", "127.0.0.1:22", "[::1]:22", "elsewhere.example:2222"))
	} else {
		r.Path = t.path()
	}
	r.ServerName = t.one("", "", "", "", "", "", "", hostname(r.Host), hostname(r.Host), "PATHS.example.com", "other.example", "balancer.internal", "login.example.com", "127.0.0.1.", "127.0.0.1.example")
	return r
}

// hostname is a server name that the standard TLS client sends as it is.
func hostname(host string) string {
	name := strings.TrimSuffix(host[:portStart(host)], ".")
	if strings.ContainsAny(name, ":[]") {
		return ""
	}
	return name
}

func (t traveller) host() string {
	host := t.one("paths.example.com", "paths.example.com", "paths.example.com", "paths.example.com", "rewrite.example.com", "a.deep.example.com", "rewrite.example.com", "a.example.com", "a.deep.example.com", "deep.example.com",
		"in-side.example.com", "in-side.example.com", "xin-side.example.com", "port.example.com:8443", "port.example.com:9443", "other.example", "other.example", "elsewhere.example", "example.com",
		"login.example.com", "[2001:db8::1]", "192.0.2.1", ".example.com", "a_b.example.com", "a.port.example.com")
	if t.IntN(6) == 0 {
		host = strings.ToUpper(host)
	}
	return host + t.one("", "", "", "", "", "", "", ".", "..") + t.one("", "", "", "", "", "", ":443", ":8443", ":9443", ":2222", ":", ":x")
}

func (t traveller) path() string {
	if t.IntN(8) == 0 {
		return t.one("/ping", "/healthz?x", "/.pomerium", "/.pomerium/x", "/.pomeriumx", "/.well-known/pomerium/jwks.json", "/%2epomerium/", "/a/../.pomerium/",
			"/oauth2/callback?code=1", "/exact", "/exact/", "/%65xact?/exact", "/rab", "/rabc", "/SHOUT", "/Rab", "/one/x", "/q/.txt", "/q%2etxt", "/q.txt;")
	}
	var path strings.Builder
	for i := range 1 + t.IntN(5) {
		part := t.one("/", "/", "/", "/", "/", "/", "/", "/", "/", "//", `\`, `\`, "%2f", "%5C", ";")
		if i == 0 {
			part = t.one("/", "/", "/", "//", `/\`)
		}
		path.WriteString(part)
		path.WriteString(t.one("a", "a", "a/b", "a", "a/b/", "b", "%61", "%41", "..", "..", ".", "%2e", "%2E.", "%2e%2e", "...", "..;", ".;x=1", "..;a;b", "..%3b", "%2e%2e;y", ";", "a;b", "",
			"%", "%zz", "%%341", string(rune('!'+t.IntN(94))), fmt.Sprintf("%%%02x", t.IntN(256)), "%252e", "%00", "%ff", "%20", "{b}|^`", "\"<>", "~_-!$&'()*+,:=@[]", "x", "..a", "r", "app..", "..;%00", "q"))
	}
	if t.IntN(4) == 0 {
		path.WriteString(t.one("?", "?x=/../%2f", "?a=..;", "?%00", "#f", "?#", "?/exact"))
	}
	return path.String()
}

// real asks Envoy over one of two versions of HTTP. Authorize says no to all,
// so that nothing more happens.
func (h *house) real(t *testing.T, h2 bool, r MatchRequest) Match {
	t.Helper()
	h.questions()
	alpn, send := "http/1.1", send1
	if h2 {
		alpn, send = "h2", send2
	}
	door := h.doorway
	if r.Console {
		door = h.console
	}
	conn, err := door.dialer(r.ServerName, alpn)(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	status, err := send(conn, r)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	questions := h.questions()
	if len(questions) == 0 {
		return Match{Status: status}
	}
	said := questions[0].Attributes
	return Match{
		Found:    true,
		RouteID:  said.ContextExtensions["route_id"],
		Internal: said.ContextExtensions["internal"] == "true",
		Path:     said.Request.Http.Path,
	}
}

func send1(conn io.ReadWriter, r MatchRequest) (status int, err error) {
	target := r.Path
	if r.Method == "CONNECT" {
		target = r.Host
	}
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nX-Cardea-Sni: paths.example.com\r\nConnection: close\r\n\r\n", r.Method, target, r.Host); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: r.Method})
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// send2 writes frames by itself, since a client would mend the path.
func send2(conn io.ReadWriter, r MatchRequest) (status int, err error) {
	var block bytes.Buffer
	header := hpack.NewEncoder(&block)
	fields := []hpack.HeaderField{{Name: ":method", Value: r.Method}, {Name: ":authority", Value: r.Host}}
	if r.Method != "CONNECT" {
		fields = append(fields, hpack.HeaderField{Name: ":scheme", Value: "https"}, hpack.HeaderField{Name: ":path", Value: r.Path})
	}
	for _, f := range fields {
		if err := header.WriteField(f); err != nil {
			return 0, err
		}
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, err = io.WriteString(conn, http2.ClientPreface)
	if err := errors.Join(err, framer.WriteSettings(), framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: r.Method != "CONNECT",
	})); err != nil {
		return 0, err
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return 0, err
		}
		if headers, ok := frame.(*http2.MetaHeadersFrame); ok {
			return strconv.Atoi(headers.PseudoValue("status"))
		}
	}
}

func TestMatchAgreesWithEnvoy(t *testing.T) {
	t.Parallel()
	const requests = 300
	for name, settings := range map[string]string{
		"as it comes":            "",
		"slashes kept":           "path_with_escaped_slashes_action: keep_unchanged",
		"slashes unescaped":      "path_with_escaped_slashes_action: unescape_and_forward\nruntime_flags: {match_any_incoming_port: false}",
		"slashes redirected":     "path_with_escaped_slashes_action: unescape_and_redirect\nmerge_slashes: false",
		"nothing is normalised":  "path_with_escaped_slashes_action: keep_unchanged\nmerge_slashes: false\nnormalize_path: false",
		"the console apart":      consoleApart,
		"slashes are but merged": "path_with_escaped_slashes_action: unescape_and_forward\nnormalize_path: false",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			routes := crossroads
			if settings == consoleApart {
				routes += consoleRoute
			}
			in := inputOf(load(t, base+settings+routes), newAuthority(t).issue(t, "*.example.com", "paths.example.com"))
			h := open(t, in)
			h.onCheck(func(*authv3.CheckRequest) *authv3.CheckResponse { return deny(403, "no") })
			m := matcherOf(t, in)
			random := traveller{rand.New(rand.NewPCG(1, uint64(len(name))))}
			unsure, own, found := 0, 0, make(map[string]bool)
			for range requests {
				r := random.request()
				if in.Config.ConsoleApart() && random.IntN(2) == 0 {
					r = random.consoleRequest(r)
				}
				got, err := m.Match(r)
				if errors.Is(err, ErrCannotTell) {
					unsure++
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				found[fmt.Sprint(got.RouteID, got.Internal, got.Status)] = true
				again := MatchRequest{Method: r.Method, Host: stripDot(r.Host), Path: got.Path, ServerName: r.ServerName, Normalised: true, Console: r.Console}
				if told, err := m.Match(again); got.Found && (err != nil || told != got) {
					t.Errorf("%+v, as told to authorize: got %+v, %v, want %+v", again, told, err, got)
				}
				if !got.Found {
					own++
					got.Path = ""
					if got.Answer == "" {
						t.Errorf("%+v: %d without a word", r, got.Status)
					}
					got.Answer = ""
				}
				for _, h2 := range []bool{false, true} {
					if want := h.real(t, h2, r); got != want {
						t.Errorf("h2=%v, %+v:\n got %+v\nwant %+v", h2, r, got, want)
					}
				}
			}
			t.Logf("of %d requests, %d could not be told and %d were answered by envoy; %d ways to end", requests, unsure, own, len(found))
			if unsure > requests/4 || own > requests*4/5 || own < requests/20 || len(found) < 15 {
				t.Errorf("this compares too little: %d unsure, %d answered, %d ways to end", unsure, own, len(found))
			}
		})
	}
}

// matcherOf builds the matcher of in.
func matcherOf(t testing.TB, in Input) *Matcher {
	t.Helper()
	s, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMatcher(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
