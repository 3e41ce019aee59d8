package xds

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// fuzzHouse is one Envoy for a whole fuzz target.
func fuzzHouse(f *testing.F) *house {
	f.Helper()
	c := load(f, base+`
headers_with_underscores_action: allow
path_with_escaped_slashes_action: keep_unchanged
routes:
- from: https://app.example.com
  to: http://`+upstream(f, "app")+`
  allow_any_authenticated_user: true
  preserve_host_header: true
`)
	return open(f, inputOf(c, newAuthority(f).issue(f, "*.example.com")))
}

// exchange sends bytes and returns what the upstream got; ok is false if Envoy
// refused them.
func (h *house) exchange(t *testing.T, request string) (got reply, ok bool) {
	t.Helper()
	conn, err := h.dialer("app.example.com", "http/1.1")(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return got, false
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return got, false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return got, false
	}
	return reply{status: response.StatusCode, header: response.Header, body: string(body)}, response.Header.Get("X-Served-By") == "app"
}

// FuzzCookies holds the script against a reading of the rule in Go: none of
// ours goes upstream, and the others go as they are.
func FuzzCookies(f *testing.F) {
	for _, seed := range []string{
		"_pomerium=x", "a=1; _pomerium=x; b=2", "a=1;_pomerium_csrf=x;b", "__Host-_pomerium=1;;", " _pomerium = x; a", "=;=_pomerium;_pomerium",
		"__Secure-__Host-_pomerium=1", "a=\"; _pomerium=x; \"", "_pomerium", "_pomerium;", "\t_pomerium\t=1;\tb=\t", "a=%; _pomerium=x",
	} {
		f.Add(seed)
	}
	h := fuzzHouse(f)
	f.Fuzz(func(t *testing.T, cookie string) {
		if strings.ContainsAny(cookie, "\r\n\x00") || strings.TrimSpace(cookie) == "" || len(cookie) > 8<<10 {
			t.Skip()
		}
		got, ok := h.exchange(t, "GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\nCookie: "+cookie+"\r\n\r\n")
		if !ok {
			return
		}
		want := cleaned(strings.Trim(cookie, " \t"))
		if cookies := strings.Join(got.field("Cookie"), "|"); strings.Trim(cookies, " \t") != want {
			t.Errorf("%q went upstream as %q, want %q", cookie, cookies, want)
		}
	})
}

// cleaned is what clean-upstream.lua is to do with a Cookie header.
func cleaned(header string) string {
	ours := func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		name = strings.Trim(name, " \t")
		if rest, ok := strings.CutPrefix(name, "__Host-"); ok {
			name = rest
		} else if rest, ok := strings.CutPrefix(name, "__Secure-"); ok {
			name = rest
		}
		return name == "_pomerium" || strings.HasPrefix(name, "_pomerium_")
	}
	var kept []string
	removed := false
	for pair := range strings.SplitSeq(header, ";") {
		if ours(pair) {
			removed = true
			continue
		}
		kept = append(kept, pair)
	}
	if !removed {
		return header
	}
	rest := strings.Join(kept, ";")
	if strings.Trim(rest, "; \t") == "" {
		return ""
	}
	return strings.Trim(rest, " \t")
}

// FuzzTarget holds what authorize was asked against what the upstream got:
// whatever a client writes as its target, the two are the same, but for our own
// parameter.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"/", "/a?b=c", "/a/../b", "/%2e%2e/a", "//a//b", "/a%2fb", "/a;b=c/d", "/a\\b", "/a#b", "/%41", "/%zz", "/\xff", "/?pomerium_session=1&a",
		"http://app.example.com/x", "*", "/..;/a", "/a/%2e./b", "/a/./b/..", "/a?pomerium_session", "/%00", "/a b",
	} {
		f.Add(seed)
	}
	h := fuzzHouse(f)
	f.Fuzz(func(t *testing.T, target string) {
		if strings.ContainsAny(target, "\r\n") || len(target) > 8<<10 {
			t.Skip()
		}
		h.questions()
		got, ok := h.exchange(t, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n", target))
		if !ok {
			return
		}
		asked := h.questions()
		if len(asked) == 0 {
			t.Fatalf("%q went upstream without a question", target)
		}
		seen := asked[len(asked)-1].Attributes.Request.Http.Path
		if asked[len(asked)-1].Attributes.ContextExtensions["internal"] == "true" {
			t.Fatalf("%q: asked as a path of ours, served by the application", target)
		}
		line, _, _ := strings.Cut(got.body, "\n")
		received := strings.TrimSuffix(strings.TrimPrefix(line, "GET "), " HTTP/1.1")
		seenPath, seenQuery, _ := strings.Cut(seen, "?")
		path, query, _ := strings.Cut(received, "?")
		if path != seenPath || !strings.Contains(seenQuery, "%") && !strings.Contains(seenQuery, "pomerium_session") && query != seenQuery {
			t.Errorf("%q: authorize saw %q, the upstream %q", target, seen, received)
		}
	})
}
